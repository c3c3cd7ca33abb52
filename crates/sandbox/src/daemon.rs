//! What a daemon is, as plain data: one const [`Daemon`] per daemon.
//!
//! Its supervisor starts what stands here, its broker knows its workers by it, its image is granted what it says, and tools
//! and tests go through the list of all daemons instead of naming any.

use crate::capability::{Capability, SUPERVISOR};
use crate::profile::{FIRST_REQUEST_SLOT, Kind, Profile, Role, Slot};

/// One daemon: its programs, what each of its processes may do, and what its container needs.
#[derive(Debug, PartialEq, Eq)]
pub struct Daemon {
    /// The word that stands for it in paths, image names and logs: `dhcp`.
    pub name: &'static str,
    /// What it is, in words: `DHCP client`.
    pub title: &'static str,
    /// The program that users start, and that the supervisor starts again as the broker: `orlop-dhcp`. The workers' programs
    /// lie beside it.
    pub program: &'static str,
    /// Other names of that program, by which it takes the place of another one: `dhcpcd`.
    pub aliases: &'static [&'static str],
    /// Who the broker will be.
    pub broker: &'static Profile,
    /// The workers, at most [`MAX_WORKERS`]. A worker is known by its place in this list.
    pub workers: &'static [Worker],
    /// Pairs of workers, by their places, that are joined by a socket of their own: [`JOINT_SLOT`](crate::profile::JOINT_SLOT) of both. They start and
    /// end together, because who survived could not be given a new end.
    pub joined: &'static [(usize, usize)],
    /// Processes that the broker may fork for a capability.
    pub appliers: &'static [&'static Profile],
    /// Capabilities that the broker passes on to its appliers, of which any may be missing.
    pub lent: &'static [Capability],
    /// Capabilities of the container beside the supervisor's own.
    pub capabilities: &'static [Capability],
    /// Folders of the machine that the container shares.
    pub binds: &'static [Bind],
    /// Whose processes it sees.
    pub processes: Processes,
    /// Files below `/proc/sys` that its broker writes to as uid 0, without a capability for it. Runtimes that keep such files
    /// from containers are told not to.
    pub settings: &'static [&'static str],
}

/// One worker of a daemon.
#[derive(Debug, PartialEq, Eq)]
pub struct Worker {
    /// Its program.
    pub program: &'static str,
    /// Who it will be.
    pub profile: &'static Profile,
    /// When it is started, and what its end means.
    pub service: Service,
    /// What its broker grants it besides timers, once its posture is known.
    pub grants: &'static [Grant],
}

/// A kind of descriptor that a broker grants to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// A packet socket that hears one interface, through a filter that is locked.
    Listener,
    /// A UDP socket that is only heard.
    Datagram,
    /// A UDP socket of the machine's own device at which programs ask, and through which they are answered.
    Answering,
    /// A TCP socket of the machine's own device at which programs connect.
    Accepting,
    /// A socket that is connected to a peer, which its worker speaks to.
    Connected,
    /// One end of a [pair](crate::joint::pair) whose other end another worker has.
    Joint,
    /// A file of the container's, open for reading.
    File,
    /// A disk or another file, open for reading.
    Disk,
}

/// When a worker is started, and what its end means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Started with the broker. Without it the daemon is nothing: its end is the end of all, and all are started anew.
    Vital,
    /// Started when the broker [asks](crate::broker::Narrow::ask). It is started again alone, and whatever it ends with, it
    /// never ends the daemon.
    Optional,
    /// The same, for a worker that the daemon is there for: its broker asks for it first of all, or as soon as there is something for
    /// it to do, and keeps what outlives it.
    Renewed,
}

/// A folder that the container shares with the machine and other containers, made when the container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind {
    /// Where it is, on the machine and in the container.
    pub path: &'static str,
    /// Whether the daemon only reads there.
    pub read_only: bool,
}

/// Whose processes a container sees. The network, the names and System V's objects are always the machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processes {
    /// Its own only.
    Own,
    /// The machine's: some kernel settings belong to the process namespace of who writes them.
    Machine,
}

/// A broker keeps a timer for each, and its supervisor an eventfd.
pub const MAX_WORKERS: usize = 8;

/// How far a daemon's [account](Daemon::account) is from the user of its first worker.
const ACCOUNTS: u32 = 500;

impl Bind {
    /// A folder that the daemon writes to.
    #[must_use]
    pub const fn shared(path: &'static str) -> Self {
        Self { path, read_only: false }
    }

    /// A folder that the daemon only reads.
    #[must_use]
    pub const fn read_only(path: &'static str) -> Self {
        Self { path, read_only: true }
    }
}

impl Daemon {
    /// Every program of it, the user's first.
    pub fn programs(&self) -> impl Iterator<Item = &'static str> {
        let workers = self.workers.iter().map(|worker| worker.program);
        let mut seen = Vec::with_capacity(1 + self.workers.len());
        [self.program].into_iter().chain(workers).filter(move |program| {
            let new = !seen.contains(program);
            seen.push(program);
            new
        })
    }

    /// Who its processes are, the supervisor apart: broker, workers, appliers.
    pub fn profiles(&self) -> impl Iterator<Item = &'static Profile> {
        let workers = self.workers.iter().map(|worker| worker.profile);
        [self.broker].into_iter().chain(workers).chain(self.appliers.iter().copied())
    }

    /// Every capability that its container is granted.
    pub fn granted(&self) -> impl Iterator<Item = Capability> {
        SUPERVISOR.into_iter().chain(self.capabilities.iter().copied())
    }

    /// Where it leaves a file of this name for others to read: `/run/orlop/dhcp/status.json`.
    #[must_use]
    pub fn published(&self, file: &str) -> String {
        format!("/run/orlop/{}/{file}", self.name)
    }

    /// The user in whose name the kernel counts what its supervisor and broker use up. Nobody runs as that user, but both have it
    /// as their real one: the kernel counts descriptors under way and what loops watch by the real user, and refuses more when
    /// all processes of that user together have too many. As root they would share these counts with every other container.
    #[must_use]
    pub fn account(&self) -> u32 {
        self.workers.first().map_or(0, |first| first.profile.ids.uid).saturating_add(ACCOUNTS)
    }

    /// What is missing for it to be started, or `None` when it is whole.
    #[must_use]
    pub fn incomplete(&self) -> Option<&'static str> {
        let joints = |at: usize| self.joined.iter().filter(|(a, b)| *a == at || *b == at).count();
        let is_joint = |worker: &Worker| worker.profile.slots.iter().any(Slot::is_joint);
        let service = |at: usize| self.workers.get(at).map(|worker| worker.service);
        let missing = [
            (self.workers.is_empty(), "it has no worker"),
            (self.workers.len() > MAX_WORKERS, "it has more workers than a broker looks after"),
            (self.workers.iter().all(|worker| worker.service == Service::Optional), "it can do without every worker"),
            (self.broker.role != Role::Broker, "its broker is none"),
            (self.workers.iter().any(|worker| worker.profile.role != Role::Worker), "a worker is none"),
            (self.appliers.iter().any(|applier| applier.role != Role::Applier), "an applier is none"),
            (
                self.joined.iter().any(|(a, b)| a == b || service(*a).is_none() || service(*a) != service(*b)),
                "workers are joined that cannot share one fate",
            ),
            (
                self.workers.iter().enumerate().any(|(at, worker)| joints(at) != usize::from(is_joint(worker))),
                "a worker has a slot for a joint and no joint, or the other way round",
            ),
            (
                self.broker
                    .slots
                    .iter()
                    .filter(|slot| slot.fd >= FIRST_REQUEST_SLOT && slot.kind == Kind::Request)
                    .count()
                    != self.asked_for().count(),
                "the broker has not one request slot for each worker that it asks for",
            ),
        ];
        let profiles = self.profiles().find_map(Profile::incomplete);
        profiles.or_else(|| missing.into_iter().find_map(|(is, what)| is.then_some(what)))
    }

    /// The places of the workers that its broker asks for, in the order of the broker's request slots.
    pub(crate) fn asked_for(&self) -> impl Iterator<Item = usize> {
        let workers = self.workers.iter().enumerate();
        workers.filter(|(_, worker)| worker.service != Service::Vital).map(|(at, _)| at)
    }

    /// Who is joined to the worker in this place.
    pub(crate) fn partner(&self, at: usize) -> Option<usize> {
        self.joined.iter().find_map(|(a, b)| match at {
            at if at == *a => Some(*b),
            at if at == *b => Some(*a),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests;
