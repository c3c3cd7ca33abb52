//! Starts broker and worker as a pair, restarts them as a pair, and ends them together.
//!
//! The supervisor is often PID 1 of its container, where nothing else would restart a service or collect orphans.
//! It opens both binaries at start and no path afterwards; it reads no packet and no message; one thread, one loop,
//! which sleeps until a signal.

use core::ffi::{CStr, c_int};
use core::time::Duration;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use orlop_machine::Instant;
use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::{Pid, Signal};

use crate::fatal::{Exit, Fatal};
use crate::privileges::{self, Capability, CapabilitySet, SUPERVISOR};
use crate::profile::Profile;
use crate::sys::{self, Spawn};
use crate::{broker, channel, clock, seccomp};

mod backoff;
mod birth;
mod verdict;

use backoff::Backoff;
use birth::{BROKER_OF, STARTED_AT};
pub use birth::{Birth, Started};
use verdict::{Ended, Life, Verdict};

/// How long a broker has to end when told to; then it is killed.
const GRACE: Duration = Duration::from_millis(1500);
/// How long a service runs until it counts as one that can: it has read its configuration and locked itself in.
const PROVEN_AFTER: Duration = Duration::from_secs(1);
/// How long a broker may take to notice that its worker is gone, and what it wants to say about it.
const AFTER_WORKER: Duration = Duration::from_millis(250);

/// What the supervisor runs.
#[derive(Debug)]
pub struct Plan {
    /// Arguments of the broker: its name, then what the user gave. The supervisor's own two come between.
    pub broker_args: Vec<CString>,
    /// Who the broker will be.
    pub broker: &'static Profile,
    /// Who the worker will be.
    pub worker: &'static Profile,
    /// Capabilities that the broker can pass on to its [appliers](crate::applier), of which any may be missing.
    pub lent: &'static [Capability],
    /// Whether the daemon ends when its work is done.
    pub oneshot: bool,
    /// Whether a one-shot run that failed is not tried again: what it read cannot be read twice, or it would fail again.
    /// Its broker goes on when the worker ends.
    pub once: bool,
    /// When a one-shot run ends at the latest, broker or no broker, after it was started.
    pub hard_stop: Option<Duration>,
}

/// Both binaries, open.
#[derive(Debug)]
pub struct Supervisor {
    broker: OwnedFd,
    worker: OwnedFd,
    null: OwnedFd,
    started: Instant,
}

/// A broker and its worker, each until it has been collected.
#[derive(Debug)]
struct Pair {
    broker: Option<Pid>,
    worker: Option<Pid>,
    since: Instant,
}

/// From here on a signal that ends the daemon waits until [`Supervisor::run`] looks. For the first line of a daemon: one
/// that comes sooner is lost when the process is PID 1.
///
/// # Errors
/// None on a kernel that works.
pub fn hold_signals() -> Result<(), Fatal> {
    // Who started us may ignore it, which is inherited, and children that nobody asks about are never heard of.
    sys::default_child_signal();
    sys::block_signals(&SIGNALS).map_err(|cause| Fatal::os("cannot block signals", cause))
}

impl Supervisor {
    /// Opens this executable, which is also the broker's, and the worker's at `worker`.
    ///
    /// # Errors
    /// When the worker's binary is not there.
    pub fn open(worker: &Path) -> Result<Self, Fatal> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let open = |path: &Path, flags| rustix::fs::open(path, flags, Mode::empty());
        let broker = open(Path::new("/proc/self/exe"), flags)
            .map_err(|cause| Fatal::os("cannot open this program again", cause).help("mount /proc in the container"))?;
        let worker = open(worker, flags).map_err(|cause| {
            Fatal::new(Exit::Config, format!("cannot open {}", worker.display()))
                .cause(cause)
                .help("install the worker beside the daemon: both are of the same build")
        })?;
        let null = open(Path::new("/dev/null"), OFlags::RDWR | OFlags::CLOEXEC)
            .map_err(|cause| Fatal::os("cannot open /dev/null", cause))?;
        Ok(Self { broker, worker, null, started: clock::now() })
    }

    /// Runs the pair until its outcome is final or a signal ends it. Returns the exit code of the daemon.
    ///
    /// # Errors
    /// When the capabilities are missing that a supervisor needs.
    pub fn run(self, plan: &Plan) -> Result<u8, Fatal> {
        sys::protect_relocated().map_err(|errno| Fatal::os("cannot make relocated data read-only", errno))?;
        confine(plan)?;
        hold_signals()?;
        // An applier ends when its broker's end of the channel closes. One that cannot notice becomes our child, and dies
        // with us; its broker, which has no capability, could not even kill it.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
            .map_err(|errno| Fatal::os("cannot adopt what a broker leaves behind", errno))?;
        let mut backoff = Backoff::new();
        let mut life = if plan.oneshot { Life::OneShot } else { Life::Young };
        loop {
            let ended = match self.start(plan) {
                Ok(pair) => {
                    let since = pair.since;
                    match self.watch(pair, plan)? {
                        Watched::Stopped(code) => return Ok(code),
                        Watched::Ended(ended) => {
                            let ran = clock::now().since(since);
                            backoff.ran(ran);
                            if life == Life::Young && ran >= PROVEN_AFTER {
                                life = Life::Proven;
                            }
                            ended
                        }
                    }
                }
                Err(cause) => {
                    tracing::error!(%cause, "cannot start broker and worker");
                    Ended::default()
                }
            };
            let wait = match ended.verdict(life) {
                Verdict::Final(code) => return Ok(code),
                Verdict::Restart if plan.oneshot && plan.once => {
                    tracing::error!(broker = %ended.broker(), worker = %ended.worker(), "broker and worker have ended");
                    return Ok(ended.code());
                }
                Verdict::Restart => backoff.next(),
            };
            tracing::warn!(broker = %ended.broker(), worker = %ended.worker(), again_in = ?wait, "broker and worker have ended");
            if let Some(code) = self.pause(wait, plan)? {
                return Ok(code);
            }
        }
    }

    /// Starts the worker, then the broker that is told its process id.
    fn start(&self, plan: &Plan) -> io::Result<Pair> {
        let (ours, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let since = clock::now();
        let null = self.null.as_fd();
        let name = CString::new(plan.worker.name)?;
        let worker = sys::spawn(&Spawn {
            program: self.worker.as_fd(),
            arguments: &[&name],
            descriptors: &[(null, 0), (null, 1), (write.as_fd(), 2), (theirs.as_fd(), channel::SLOT)],
        })?;
        let mut pair = Pair { broker: None, worker: Some(worker), since };
        match self.start_broker(plan, worker, ours.as_fd(), read.as_fd()) {
            Ok(broker) => pair.broker = Some(broker),
            Err(error) => {
                pair.kill();
                pair.collect_all();
                return Err(error);
            }
        }
        Ok(pair)
    }

    fn start_broker(
        &self,
        plan: &Plan,
        worker: Pid,
        channel: BorrowedFd<'_>,
        stderr: BorrowedFd<'_>,
    ) -> io::Result<Pid> {
        let ours = [
            CString::new(format!("{BROKER_OF}={}", worker.as_raw_nonzero()))?,
            CString::new(format!("{STARTED_AT}={}", self.started.as_nanos()))?,
        ];
        let (name, rest) = plan.broker_args.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let arguments: Vec<&CStr> = [name].into_iter().chain(&ours).chain(rest).map(CString::as_c_str).collect();
        let (stdin, stdout, log) = (io::stdin(), io::stdout(), io::stderr());
        sys::spawn(&Spawn {
            program: self.broker.as_fd(),
            arguments: &arguments,
            descriptors: &[
                (stdin.as_fd(), 0),
                (stdout.as_fd(), 1),
                (log.as_fd(), 2),
                (channel, channel::SLOT),
                (stderr, broker::STDERR_SLOT),
            ],
        })
    }

    /// Waits until the pair has ended, or a signal or the hard stop ends it.
    fn watch(&self, mut pair: Pair, plan: &Plan) -> Result<Watched, Fatal> {
        let mut ended = Ended::default();
        let mut patience: Option<Instant> = None;
        loop {
            while let Some((pid, how)) = sys::reap() {
                if pair.broker == Some(pid) {
                    pair.broker = None;
                    ended.broker = Some(how);
                    // Without its broker a worker is of no use, and what it says is of no interest.
                    pair.kill();
                } else if pair.worker == Some(pid) {
                    pair.worker = None;
                    ended.worker = Some(how);
                    // The broker of a single run may have heard everything: what it does then, and says about it, is not
                    // the worker's to end.
                    patience = (!plan.once).then(|| clock::now().after(AFTER_WORKER));
                }
            }
            if pair.is_gone() {
                return Ok(Watched::Ended(ended));
            }
            // Once: their end wakes us, and one that the kernel holds up takes its time.
            if patience.take_if(|patience| clock::now() >= *patience).is_some() {
                pair.kill();
            }
            if self.is_over(plan) {
                tracing::error!(after = ?plan.hard_stop, "the broker did not end in time");
                pair.kill();
                pair.collect_all();
                return Ok(Watched::Stopped(Exit::Unconfigured.code()));
            }
            let wait = [patience, self.end(plan)].into_iter().flatten().min();
            if let Some(code) = self.sleep(wait.unwrap_or(FOREVER), plan)? {
                pair.end();
                return Ok(Watched::Stopped(code));
            }
        }
    }

    /// Waits before a restart. Gives the exit code when a signal or the hard stop ends the daemon meanwhile.
    fn pause(&self, wait: Duration, plan: &Plan) -> Result<Option<u8>, Fatal> {
        let until = clock::now().after(wait);
        while clock::now() < until {
            while sys::reap().is_some() {}
            if self.is_over(plan) {
                return Ok(Some(Exit::Unconfigured.code()));
            }
            let wait = [Some(until), self.end(plan)].into_iter().flatten().min();
            if let Some(code) = self.sleep(wait.unwrap_or(until), plan)? {
                return Ok(Some(code));
            }
        }
        Ok(None)
    }

    /// Sleeps until a signal comes or the time is `until`; gives the exit code when the signal ends the daemon.
    fn sleep(&self, until: Instant, plan: &Plan) -> Result<Option<u8>, Fatal> {
        let wait = until.since(clock::now());
        let signal = sys::wait_for_signal(&SIGNALS, wait).map_err(|cause| Fatal::os("cannot wait", cause))?;
        Ok(match signal {
            // To be told to end is how a service is done.
            Some(libc::SIGTERM) if !plan.oneshot => Some(Exit::Done.code()),
            Some(libc::SIGTERM) => Some(143),
            Some(libc::SIGINT) => Some(130),
            Some(_) | None => None,
        })
    }

    fn end(&self, plan: &Plan) -> Option<Instant> {
        plan.hard_stop.filter(|_| plan.oneshot).map(|after| self.started.after(after))
    }

    fn is_over(&self, plan: &Plan) -> bool {
        self.end(plan).is_some_and(|end| clock::now() >= end)
    }
}

/// What became of a pair.
enum Watched {
    Ended(Ended),
    /// The daemon is told to end, with this code.
    Stopped(u8),
}

/// Far enough away; the loop looks again after it.
const FOREVER: Instant = Instant::from_nanos(u64::MAX);

/// What the supervisor waits for. They stay blocked, so that they also reach it as PID 1.
const SIGNALS: [c_int; 3] = [libc::SIGCHLD, libc::SIGTERM, libc::SIGINT];

impl Pair {
    fn is_gone(&self) -> bool {
        self.broker.is_none() && self.worker.is_none()
    }

    /// Kills both. A process that is gone, but not yet collected, does not mind.
    fn kill(&self) {
        for pid in [self.broker, self.worker].into_iter().flatten() {
            let _gone = rustix::process::kill_process(pid, Signal::KILL);
        }
    }

    /// Ends both. The broker may tidy up; until it has, its worker stays, or it would take that for a failure.
    fn end(mut self) {
        let _gone = self.broker.map(|pid| rustix::process::kill_process(pid, Signal::TERM));
        let until = clock::now().after(GRACE);
        while self.broker.is_some() && clock::now() < until {
            self.collect();
            if self.broker.is_some() {
                let _early = sys::wait_for_signal(&[libc::SIGCHLD], until.since(clock::now()));
            }
        }
        self.kill();
        self.collect_all();
    }

    fn collect(&mut self) {
        while let Some((pid, _)) = sys::reap() {
            for one in [&mut self.broker, &mut self.worker] {
                if *one == Some(pid) {
                    *one = None;
                }
            }
        }
    }

    /// Collects both after they were killed.
    fn collect_all(&mut self) {
        while !self.is_gone() {
            self.collect();
            if !self.is_gone() {
                let _early = sys::wait_for_signal(&[libc::SIGCHLD], Duration::from_millis(100));
            }
        }
    }
}

/// Gives up what neither the supervisor nor the children it will start need.
///
/// In force are only the supervisor's own capabilities. What brokers need stays permitted, because a program that
/// is executed under `no_new_privs` cannot regain it; so does what it lends, where it is there at all. The filter that
/// children inherit forbids what none of them ever does; to fork, to execute and to change the user they all need.
fn confine(plan: &Plan) -> Result<(), Fatal> {
    let needed: Vec<Capability> = SUPERVISOR.into_iter().chain(plan.broker.keep.iter().copied()).collect();
    privileges::require(&needed)?;
    let own: CapabilitySet = SUPERVISOR.into_iter().collect();
    let all = needed.into_iter().collect::<CapabilitySet>().union(privileges::available(plan.lent)?);
    privileges::bound(all)?;
    privileges::hold(own, all)?;
    privileges::forbid_new_privileges()?;
    // Of what a broker makes, the folders included, nobody else may change anything, whatever mask we were started with.
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    seccomp::install_inherited()
}
