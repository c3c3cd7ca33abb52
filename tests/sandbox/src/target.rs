//! Whose sandbox is attacked.

use std::sync::LazyLock;

use crate::attack::{Attack, End};
use orlop_fleet::dialect::{self, Dialect};
use orlop_sandbox::capability::Capability;
use orlop_sandbox::daemon::{Daemon, Grant};
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::privileges::is_permitted;
use orlop_sandbox::profile::{Profile, Role};

/// One process of a daemon, as it ships.
#[derive(Debug)]
pub struct Target {
    /// How a person names it, and how the attacking process, which inherits no memory, finds it again.
    pub key: &'static str,
    /// What it is called in tables, with its capability: `sysctl-net (CAP_NET_ADMIN)`.
    pub title: String,
    /// Its profile.
    pub profile: &'static Profile,
    /// The messages that it may send on its channel.
    pub dialect: &'static Dialect,
    /// What its broker grants it.
    grants: &'static [Grant],
    /// Attacks that end otherwise than under a worker's profile.
    otherwise: Vec<(&'static str, End)>,
}

/// Every target, the workers and appliers of every daemon; the first is the one that is meant when none is named.
pub fn all() -> &'static [Target] {
    static ALL: LazyLock<Vec<Target>> =
        LazyLock::new(|| orlop_fleet::ALL.iter().flat_map(|daemon| of(daemon)).collect());
    &ALL
}

fn of(daemon: &'static Daemon) -> impl Iterator<Item = Target> {
    let workers = daemon.workers.iter().map(|worker| (worker.profile, worker.grants));
    let appliers = daemon.appliers.iter().map(|applier| (*applier, [].as_slice()));
    workers.chain(appliers).map(|(profile, grants)| Target {
        key: profile.name,
        title: profile.keep.iter().fold(profile.name.to_owned(), |title, kept| format!("{title} ({})", kept.name())),
        profile,
        dialect: dialect::of(profile).expect("a test of the fleet"),
        grants,
        otherwise: if profile.role == Role::Applier { APPLIERS_OTHERWISE.to_vec() } else { otherwise(profile, grants) },
    })
}

/// Where workers differ: one that is granted nothing reads nothing but its channel, one with connected sockets speaks to
/// their peers, one with disks reads them.
fn otherwise(profile: &Profile, grants: &[Grant]) -> Vec<(&'static str, End)> {
    let deaf = (!profile.allows("read")).then_some(("leaked-file", End::Refused(libc::ENOSYS)));
    let speaks =
        grants.contains(&Grant::Connected).then_some(("udp-send-plain", End::Purpose("it speaks to its servers")));
    let listens = grants.contains(&Grant::Answering);
    let answers = [
        ("listener-answer", End::Purpose("it answers the programs of this machine")),
        ("listener-sendto", End::Contained("it stays on the machine's own device")),
    ];
    let answers = answers.into_iter().filter(move |_| listens);
    let disks = grants.contains(&Grant::Disk);
    let looks = disks.then_some(("read-granted-file", End::Purpose("it reads what it is handed")));
    deaf.into_iter().chain(speaks).chain(looks).chain(answers).collect()
}

/// Where appliers differ: they read and write what they are handed, and nobody looks at what they end with.
const APPLIERS_OTHERWISE: &[(&str, End)] = &[
    ("read-granted-file", End::Purpose("it reads what it is handed")),
    ("write-granted-file", End::Purpose("it writes what it is handed")),
    ("end-for-good", End::Contained("its status is nobody's business")),
    // The call is allowed, and the kernel's own refusal is left.
    ("packet-pwrite", End::Refused(libc::ESPIPE)),
    ("udp-pwrite", End::Refused(libc::ESPIPE)),
    // The call is allowed, but not on the log.
    ("rewrite-log", End::Refused(libc::ENOSYS)),
    // It reads only at a position, and may not even ask what time it is.
    ("leaked-file", End::Refused(libc::ENOSYS)),
    ("set-clock", End::Refused(libc::ENOSYS)),
];

impl Target {
    /// The target of that key.
    #[must_use]
    pub fn by_key(key: &str) -> Option<&'static Self> {
        all().iter().find(|target| target.key == key)
    }

    /// How `attack` must end here when the sandbox holds.
    #[must_use]
    pub fn end(&self, attack: &Attack) -> End {
        self.otherwise.iter().find(|(name, _)| *name == attack.name).map_or(attack.end, |(_, end)| *end)
    }

    /// The capability that the target has and this process cannot give it, if there is one.
    ///
    /// # Errors
    /// None on a kernel that works.
    pub fn missing(&self) -> Result<Option<Capability>, Fatal> {
        for capability in self.profile.keep {
            if !is_permitted(*capability)? {
                return Ok(Some(*capability));
            }
        }
        Ok(None)
    }

    /// The place of its messages among all dialects.
    #[must_use]
    pub fn dialect_number(&self) -> usize {
        dialect::ALL.iter().position(|dialect| dialect.processes.contains(&self.key)).unwrap_or(0)
    }

    /// Whether it is an applier of a broker, and no worker.
    #[must_use]
    pub fn is_applier(&self) -> bool {
        self.profile.role == Role::Applier
    }

    /// Whether sockets are among what it is granted that are no packet listeners; a UDP socket stands for all of them.
    #[must_use]
    pub fn hears_datagrams(&self) -> bool {
        [Grant::Datagram, Grant::Connected].iter().any(|grant| self.grants.contains(grant))
    }

    /// Whether programs ask it, through listeners whose numbers are kept.
    #[must_use]
    pub fn answers(&self) -> bool {
        self.grants.contains(&Grant::Answering)
    }

    /// Whether it takes connections.
    #[must_use]
    pub fn accepts(&self) -> bool {
        self.grants.contains(&Grant::Accepting)
    }

    /// Whether disks are among what it is granted.
    #[must_use]
    pub fn reads_disks(&self) -> bool {
        self.grants.contains(&Grant::Disk)
    }

    /// Whether it is granted anything: what is no longer needed has to be let go.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        !self.grants.is_empty()
    }

    /// Whether it has a timer: only who sets it has use for one.
    #[must_use]
    pub fn has_a_timer(&self) -> bool {
        self.profile.allows("timerfd_settime")
    }

    /// Whether it makes secrets of its own, beyond the seed that it has from the start.
    #[must_use]
    pub fn draws(&self) -> bool {
        self.profile.allows("getrandom")
    }

    /// Whether packet listeners are among what it is granted.
    #[must_use]
    pub fn listens(&self) -> bool {
        self.grants.contains(&Grant::Listener)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack;

    #[test]
    fn every_target_has_its_own_key_and_every_exception_an_attack() {
        for target in all() {
            assert_eq!(all().iter().filter(|other| other.key == target.key).count(), 1, "{}", target.key);
            for (name, end) in &target.otherwise {
                let attack = attack::named(name).unwrap_or_else(|| panic!("there is no attack {name}"));
                assert_ne!(attack.end, *end, "{name} is no exception");
            }
        }
    }
}
