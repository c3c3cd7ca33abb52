//! Starts a broker and its workers as a set, starts what failed again, and ends all of it together.
//!
//! The supervisor is often PID 1 of its container, where nothing else would restart a service or collect orphans.
//! It opens all binaries at start, and no path afterwards but the status of a process that it has just started; it reads no
//! packet and no message; one thread, one loop, which sleeps until a signal, or until its broker asks for an optional worker.

use core::ffi::c_int;
use core::time::Duration;
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use orlop_machine::{Backoff, Instant};
use rustix::fs::{Mode, OFlags};

use crate::capability::{Capability, CapabilitySet, SUPERVISOR};
use crate::daemon::Daemon;
use crate::fatal::{Exit, Fatal};
use crate::profile::Layers;
use crate::{clock, limits, privileges, seccomp, sys};

mod birth;
mod pause;
mod ready;
mod seat;
mod set;
mod sleep;
mod start;
mod unit;
mod verdict;

pub use birth::{Birth, Started};
use ready::Waiting;
pub use ready::inherited;
use seat::Seat;
use set::{Set, Watched};
use sleep::Sleep;
use verdict::{Age, Ended, Verdict};

/// How long a service runs until it counts as one that can: it has read its configuration and locked itself in.
const PROVEN_AFTER: Duration = Duration::from_secs(1);

/// The first restart is almost at once: a worker that was killed while the network is fine should not be noticed.
const FIRST_RESTART: Duration = Duration::from_millis(100);

/// What the supervisor runs.
#[derive(Debug)]
pub struct Plan {
    /// Whose processes.
    pub daemon: &'static Daemon,
    /// Arguments of the broker: its name, then what the user gave. The supervisor's own come between.
    pub broker_args: Vec<CString>,
    /// How long it runs.
    pub lifetime: Lifetime,
    /// Where somebody reads who waits until the daemon is ready: what [`inherited`] gave before anything was opened.
    pub ready: Option<OwnedFd>,
}

/// How long a daemon runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// Until it is told to end. What fails is started again.
    Service,
    /// Until its work is done. What fails is started again.
    OneShot {
        /// When it ends at the latest after it was started, whatever its broker does.
        hard_stop: Duration,
    },
    /// Until its work is done, and what fails is not tried again: what it read cannot be read twice, or it would fail again.
    /// Its broker goes on when a worker ends.
    Single {
        /// When it ends at the latest after it was started, whatever its broker does.
        hard_stop: Option<Duration>,
    },
}

impl Lifetime {
    fn hard_stop(self) -> Option<Duration> {
        match self {
            Self::Service => None,
            Self::OneShot { hard_stop } => Some(hard_stop),
            Self::Single { hard_stop } => hard_stop,
        }
    }
}

/// All binaries, open, and what the supervisor needs besides to start and to watch its processes.
#[derive(Debug)]
pub struct Supervisor {
    daemon: &'static Daemon,
    broker: OwnedFd,
    /// Of each worker, by its place.
    workers: Vec<OwnedFd>,
    null: OwnedFd,
    /// `/proc`, for the status of the workers.
    processes: OwnedFd,
    started: Instant,
}

/// From here on a signal that ends the daemon waits until [`Supervisor::run`] looks. For the first line of a daemon: one
/// that comes sooner is lost when the process is PID 1.
///
/// # Errors
/// None on a kernel that works.
pub fn hold_signals() -> Result<(), Fatal> {
    // Who started us may ignore it, which is inherited, and children that nobody asks about are never heard of.
    sys::default_child_signal();
    sys::ignore_limits();
    sys::block_signals(&SIGNALS).map_err(|cause| Fatal::os("cannot block signals", cause))
}

/// What the supervisor waits for. They stay blocked, so that they also reach it as PID 1.
const SIGNALS: [c_int; 3] = [libc::SIGCHLD, libc::SIGTERM, libc::SIGINT];

impl Supervisor {
    /// Opens this executable, which is also the broker's, and the programs of the workers, which lie beside it, whatever name
    /// it was started by.
    ///
    /// # Errors
    /// When a worker's binary is not there.
    pub fn open(daemon: &'static Daemon) -> Result<Self, Fatal> {
        let own = std::env::current_exe().map_err(|cause| {
            Fatal::os("cannot tell where this program lies", cause).help("mount /proc in the container")
        })?;
        Self::open_beside(daemon, &own)
    }

    /// As [`Supervisor::open`], with the workers' programs beside the file `own`.
    ///
    /// # Errors
    /// As [`Supervisor::open`].
    pub fn open_beside(daemon: &'static Daemon, own: &Path) -> Result<Self, Fatal> {
        if let Some(what) = daemon.incomplete() {
            return Err(Fatal::new(Exit::Software, format!("the daemon {} is incomplete: {what}", daemon.name)));
        }
        // First of all: one of these limits is how many descriptors may be open.
        limits::raise_inherited();
        let open = |path: &Path, flags| rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty());
        let worker = |path: PathBuf| {
            open(&path, OFlags::PATH).map_err(|cause| {
                Fatal::new(Exit::Config, format!("cannot open {}", path.display()))
                    .cause(cause)
                    .help("install the workers beside the daemon: all are of the same build")
            })
        };
        let programs = daemon.workers.iter().map(|one| worker(own.with_file_name(one.program)));
        let proc = |path: &str, flags| {
            open(Path::new(path), flags)
                .map_err(|cause| Fatal::os(format!("cannot open {path}"), cause).help("mount /proc in the container"))
        };
        Ok(Self {
            daemon,
            broker: proc("/proc/self/exe", OFlags::PATH)?,
            workers: programs.collect::<Result<_, _>>()?,
            null: open(Path::new("/dev/null"), OFlags::RDWR)
                .map_err(|cause| Fatal::os("cannot open /dev/null", cause))?,
            processes: proc("/proc", OFlags::PATH | OFlags::DIRECTORY)?,
            started: clock::now(),
        })
    }

    /// Runs the daemon until its outcome is final or a signal ends it. Returns its exit code.
    ///
    /// # Errors
    /// When the capabilities are missing that a supervisor needs.
    pub fn run(self, mut plan: Plan) -> Result<u8, Fatal> {
        let waiting = Waiting::new(plan.ready.take());
        let mut waiting = waiting.map_err(|cause| Fatal::os("cannot make an eventfd", cause))?;
        let plan = &plan;
        sys::protect_relocated().map_err(|errno| Fatal::os("cannot make relocated data read-only", errno))?;
        confine(self.daemon)?;
        hold_signals()?;
        // An applier ends when its broker's end of the channel closes. One that cannot notice becomes our child, and dies
        // with us; its broker, which has no capability, could not even kill it.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
            .map_err(|errno| Fatal::os("cannot adopt what a broker leaves behind", errno))?;
        let sleep = Sleep::new(&SIGNALS).map_err(|cause| Fatal::os("cannot watch signals", cause))?;
        let mut backoff = Backoff::new(FIRST_RESTART);
        let mut seats = vec![Seat::default(); self.daemon.workers.len()];
        let mut age = if plan.lifetime == Lifetime::Service { Age::Young } else { Age::Bounded };
        for restarts in 0_u32.. {
            let born = clock::now();
            let ended = match Set::start(&self, plan, restarts, &mut waiting, &mut seats) {
                Ok(set) => match set.watch(&sleep)? {
                    Watched::Stopped(code) => return Ok(code),
                    Watched::Ended(ended) => {
                        if age == Age::Young && clock::now().since(born) >= PROVEN_AFTER {
                            age = Age::Proven;
                        }
                        ended
                    }
                },
                Err(cause) => {
                    tracing::error!(%cause, "cannot start broker and worker");
                    Ended::default()
                }
            };
            let wait = match ended.verdict(age) {
                Verdict::Final(code) => return Ok(code),
                Verdict::Restart if matches!(plan.lifetime, Lifetime::Single { .. }) => {
                    tracing::error!(broker = %ended.broker(), worker = %ended.worker(), "broker and worker have ended");
                    return Ok(ended.code());
                }
                Verdict::Restart => backoff.after(clock::now().since(born)),
            };
            tracing::warn!(broker = %ended.broker(), worker = %ended.worker(), again_in = ?wait, "broker and worker have ended");
            if let Some(code) = self.pause(wait, ended, plan, &sleep)? {
                return Ok(code);
            }
        }
        // More than four thousand million restarts, at 30 seconds each.
        Err(Fatal::new(Exit::Software, "started anew too often"))
    }

    /// Waits before a restart, after all have `ended`. Gives the exit code when a signal or the hard stop ends the daemon meanwhile.
    fn pause(&self, wait: Duration, ended: Ended, plan: &Plan, sleep: &Sleep) -> Result<Option<u8>, Fatal> {
        let until = clock::now().after(wait);
        while clock::now() < until {
            while sys::reap().is_some() {}
            if self.is_over(plan) {
                tracing::error!(after = ?plan.lifetime.hard_stop(), last = %ended.broker(), "time is over, and no try came to an end");
                return Ok(Some(ended.code()));
            }
            let wake = [Some(until), self.end(plan)].into_iter().flatten().min();
            let woken = sleep.until(wake, &[]).map_err(|cause| Fatal::os("cannot wait", cause))?;
            if let Some(code) = woken.signal.and_then(|signal| told_to_end(signal, plan)) {
                return Ok(Some(code));
            }
        }
        Ok(None)
    }

    /// When the daemon ends, whatever its broker does.
    fn end(&self, plan: &Plan) -> Option<Instant> {
        plan.lifetime.hard_stop().map(|after| self.started.after(after))
    }

    fn is_over(&self, plan: &Plan) -> bool {
        self.end(plan).is_some_and(|end| clock::now() >= end)
    }
}

/// The code with which the daemon ends when this signal has come, if that ends it; that it stops is said.
fn told_to_end(signal: c_int, plan: &Plan) -> Option<u8> {
    let (name, code) = match signal {
        // To be told to end is how a service is done.
        libc::SIGTERM if plan.lifetime == Lifetime::Service => ("SIGTERM", Exit::Done.code()),
        libc::SIGTERM => ("SIGTERM", 143),
        libc::SIGINT => ("SIGINT", 130),
        _ => return None,
    };
    tracing::info!(signal = name, "stopping: told to end");
    Some(code)
}

/// Gives up what neither the supervisor nor the children it will start need.
///
/// In force are only the supervisor's own capabilities. What brokers need stays permitted, because a program that
/// is executed under `no_new_privs` cannot regain it; so does what it lends, where it is there at all. The filter that
/// children inherit forbids what none of them ever does; to fork, to execute and to change the user they all need.
fn confine(daemon: &Daemon) -> Result<(), Fatal> {
    if daemon.broker.layers == Layers::UNPRIVILEGED {
        // It needs none, and what it may have, none of its processes gets.
        privileges::hold(CapabilitySet::EMPTY, CapabilitySet::EMPTY)?;
        privileges::forbid_new_privileges()?;
        return seccomp::install_inherited();
    }
    let needed: Vec<Capability> = SUPERVISOR.into_iter().chain(daemon.broker.keep.iter().copied()).collect();
    privileges::require(&needed)?;
    let own: CapabilitySet = SUPERVISOR.into_iter().collect();
    let all = needed.into_iter().collect::<CapabilitySet>().union(privileges::available(daemon.lent)?);
    privileges::bound(all)?;
    privileges::hold(own, all)?;
    privileges::forbid_new_privileges()?;
    // Of what a broker makes, the folders included, nobody else may change anything, whatever mask we were started with.
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    seccomp::install_inherited()
}
