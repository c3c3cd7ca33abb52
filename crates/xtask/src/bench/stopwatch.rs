//! One run of one program, and how long it took.

use std::process::{Command, ExitStatus};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// A run from its start to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timed {
    /// Just before it was started.
    pub(super) began: Instant,
    /// Just after it had ended.
    pub(super) ended: Instant,
    /// How; by SIGKILL when the deadline passed.
    pub(super) status: ExitStatus,
}

/// Starts the command in the calling thread's namespaces and waits for its end.
///
/// # Errors
/// When it cannot be started.
pub(super) fn run(command: &mut Command, deadline: Duration) -> Result<Timed> {
    let began = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    // Waiting must not poll, that would blur the result; so somebody else watches the clock.
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).context("no process id")?;
    let (done, is_done) = mpsc::channel::<()>();
    let watchdog = thread::spawn(move || {
        if is_done.recv_timeout(deadline) == Err(mpsc::RecvTimeoutError::Timeout) {
            // Not reaped before `done` is dropped, so the number is still this process's.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    });
    let status = child.wait();
    let ended = Instant::now();
    drop(done);
    if watchdog.join().is_err() {
        bail!("the watchdog panicked");
    }
    Ok(Timed { began, ended, status: status? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;

    #[test]
    fn a_run_is_timed_and_one_that_never_ends_is_ended() {
        for (what, deadline, signal) in
            [("ends", Duration::from_secs(20), None), ("too slow", Duration::from_millis(1), Some(9))]
        {
            let run = run(Command::new("sleep").arg("0.05"), deadline).unwrap();
            assert_eq!(run.status.signal(), signal, "{what}");
            assert_eq!(run.ended - run.began >= Duration::from_millis(50), signal.is_none(), "{what}");
        }
    }
}
