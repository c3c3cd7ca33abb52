//! The part of the user's process that stays: the supervisor of a broker and its workers.

use std::ffi::CString;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStringExt;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::Builder;
use std::time::Duration;

use orlop_sandbox::daemon::Daemon;
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::log;
use orlop_sandbox::supervisor::{Lifetime, Plan, Supervisor, inherited};

use tracing::Level;
use tracing::level_filters::LevelFilter;

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

    use super::armed;

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
