//! The part of the user's process that stays: the supervisor of a broker and its workers.

use std::ffi::CString;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStringExt;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::Builder;
use std::time::Duration;

use orlop_sandbox::daemon::Daemon;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::log;
use orlop_sandbox::supervisor::{Lifetime, Plan, Supervisor, hold_signals, inherited};

use tracing::Level;
use tracing::level_filters::LevelFilter;

/// How long a daemon runs that can do its work once or for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Until it is done, or its deadline has come.
    OneShot,
    /// Until it is told to end.
    Service,
}

/// How much longer than its own deadline a one-shot broker may take before the supervisor ends it.
const OVERTIME: Duration = Duration::from_secs(2);

impl Mode {
    /// Its name in status and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneShot => "one-shot",
            Self::Service => "service",
        }
    }

    /// For the supervisor of a daemon whose one-shot run has this deadline.
    #[must_use]
    pub const fn lifetime(self, deadline: Duration) -> Lifetime {
        match self {
            Self::OneShot => Lifetime::OneShot { hard_stop: deadline.saturating_add(OVERTIME) },
            Self::Service => Lifetime::Service,
        }
    }
}

/// Reads a configuration before there is a supervisor, with signals held for it. Whoever waits for a one-shot run of this
/// `deadline` does not wait longer for the file system of its configuration.
///
/// # Errors
/// What `load` ends with.
pub fn load_in_time<T>(mode: Mode, deadline: Duration, load: impl FnOnce() -> Result<T, Fatal>) -> Result<T, Fatal> {
    hold_signals()?;
    match mode {
        Mode::Service => load(),
        Mode::OneShot => armed(deadline.saturating_add(OVERTIME), end_unread, load),
    }
}

#[expect(clippy::exit, reason = "the thread that would return from main is the one that waits")]
fn end_unread() {
    let fatal = Fatal::new(Exit::Unconfigured, "the configuration could not be read in time");
    let exit = fatal.help("does the file system that it lies on answer?").report();
    std::process::exit(exit.code().into());
}

/// Does `first`, which is done in the user's process before there is a supervisor that ends what takes too long: reading a
/// configuration, say, from a file system that hangs. When it takes longer than `limit`, `late` is called, which ends the
/// process. The thread that watches is gone when this returns.
pub fn armed<T>(limit: Duration, late: impl FnOnce() + Send + 'static, first: impl FnOnce() -> T) -> T {
    let (done, waits) = channel::<()>();
    let watch = move || {
        if waits.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            late();
        }
    };
    // Without room for a thread the work is done all the same.
    let watcher = Builder::new().spawn(watch).ok();
    let result = first();
    drop(done);
    if let Some(watcher) = watcher {
        // It does not panic, and `late` does not return.
        let _ = watcher.join();
    }
    result
}

/// Runs `daemon`, which was started with this process's command line and logs up to `level`, and returns its exit code. Signals must be
/// [held](orlop_sandbox::supervisor::hold_signals) by now.
///
/// # Errors
/// A capability is missing, a worker's program is not there, or nothing is open at the descriptor `ready`.
pub fn supervise(daemon: &'static Daemon, level: Level, lifetime: Lifetime, ready: Option<RawFd>) -> Result<u8, Fatal> {
    let ready = ready.map(inherited).transpose()?;
    log::init_supervisor(daemon.name, LevelFilter::from_level(level));
    let broker_args = std::env::args_os().filter_map(|argument| CString::new(argument.into_vec()).ok()).collect();
    Supervisor::open(daemon)?.run(Plan { daemon, broker_args, lifetime, ready })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use orlop_sandbox::supervisor::Lifetime;

    use super::{Mode, armed};

    #[test]
    fn a_one_shot_run_may_end_by_its_own_deadline_before_its_supervisor_ends_it() {
        let nine = Duration::from_secs(9);
        let once = Mode::OneShot.lifetime(nine);
        assert!(matches!(once, Lifetime::OneShot { hard_stop } if hard_stop == Duration::from_secs(11)));
        assert!(matches!(Mode::Service.lifetime(nine), Lifetime::Service));
    }

    #[test]
    fn what_takes_too_long_is_ended_while_it_waits() {
        let (late, wait) = channel();
        // Ends only because the watcher does something meanwhile.
        assert_eq!(armed(Duration::from_millis(20), move || late.send("late").unwrap(), || wait.recv()), Ok("late"));
    }

    #[test]
    fn what_is_done_in_time_is_not_disturbed_and_nobody_watches_any_more() {
        static LATE: AtomicBool = AtomicBool::new(false);
        let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
        let result = armed(Duration::from_secs(3600), || LATE.store(true, Ordering::Relaxed), || (7, threads()));
        assert!(result.0 == 7 && result.1 >= 2, "somebody watches: {result:?}");
        assert!(!LATE.load(Ordering::Relaxed));
    }
}
