//! Going to the background, as dhcpcd does unless it is told not to: the process that the user started ends, and a service
//! goes on.

use std::io::{PipeReader, Read as _};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use orlop_sandbox::fatal::{Exit, Fatal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{FdFlags, fcntl_setfd};

use crate::settings::{Leaves, Run};
use orlop_dhcp_profiles::DAEMON;

/// Starts the service that outlives this process, waits for as long as `run` says, and gives the code that the user sees.
/// Without a service at the end of `patience` the code is that of a one-shot run; a service that looks after all interfaces
/// stays all the same, and one for named interfaces is ended, as dhcpcd's is.
///
/// As process 1 of a container nothing outlives this process: it becomes a one-shot run, or just ends.
///
/// # Errors
/// The service cannot be started.
pub fn leave(run: &Run, patience: Duration) -> Result<u8, Fatal> {
    if std::process::id() == 1 {
        return end_with_the_container(run.leaves);
    }
    let (mut heard, said) = std::io::pipe().map_err(|cause| Fatal::os("cannot make a pipe", cause))?;
    // Only for a moment: nothing else is started here.
    fcntl_setfd(&said, FdFlags::empty()).map_err(|cause| Fatal::os("cannot hand a pipe on", cause))?;
    let mut service = again(&["--nobackground", "--ready-fd", &said.as_raw_fd().to_string()])?
        .spawn()
        .map_err(|cause| Fatal::os("cannot start the service", cause))?;
    drop(said);
    if run.leaves == Leaves::AtOnce {
        return Ok(Exit::Done.code());
    }
    match wait(&mut heard, patience)? {
        Heard::Ready => Ok(Exit::Done.code()),
        Heard::Ended => ended(&mut service),
        Heard::Nothing if run.settings.overrides.interfaces.is_empty() => Ok(Exit::Done.code()),
        Heard::Nothing => {
            end(&mut service);
            let after = patience.as_secs();
            Err(Fatal::new(Exit::Unconfigured, format!("no lease after {after} s")).help(
                "is there a DHCP server on this network? more time: --timeout SECS; to wait in the background: --background",
            ))
        }
    }
}

fn end_with_the_container(leaves: Leaves) -> Result<u8, Fatal> {
    tracing::warn!(
        "nobody renews this lease: a container ends with its first process. In services: --nobackground; in onboot: -1"
    );
    if leaves == Leaves::AtOnce {
        return Ok(Exit::Done.code());
    }
    Err(Fatal::os("cannot begin a one-shot run", again(&["--oneshot"])?.exec()))
}

/// This program with `options` and then the same command line, which may have a `--` in it.
fn again(options: &[&str]) -> Result<Command, Fatal> {
    let own = std::env::current_exe().map_err(|cause| Fatal::os("cannot tell where this program lies", cause))?;
    let mut command = Command::new(own);
    let mut line = std::env::args_os();
    command.arg0(line.next().unwrap_or_else(|| DAEMON.program.into()));
    command.args(options).args(line);
    Ok(command)
}

/// What became of a service that was started.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Ready,
    Ended,
    Nothing,
}

fn wait(heard: &mut PipeReader, patience: Duration) -> Result<Heard, Fatal> {
    let end = Instant::now() + patience;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 });
        let mut readable = [PollFd::from_borrowed_fd(heard.as_fd(), PollFlags::IN)];
        match poll(&mut readable, Some(&left)) {
            Ok(0) => return Ok(Heard::Nothing),
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(cause) => return Err(Fatal::os("cannot wait for the service", cause)),
        }
    }
    // Its end without a word is the end of the service, whose supervisor holds the other end until then.
    let words = heard.read(&mut [0; 1]).map_err(|cause| Fatal::os("cannot hear the service", cause))?;
    Ok(if words == 0 { Heard::Ended } else { Heard::Ready })
}

/// The code of a service that ended before it had a lease; it has said why.
fn ended(service: &mut Child) -> Result<u8, Fatal> {
    let status = service.wait().map_err(|cause| Fatal::os("cannot ask for the service", cause))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(Exit::Software.code()))
}

fn end(service: &mut Child) {
    if let Some(pid) = rustix::process::Pid::from_raw(service.id().cast_signed()) {
        let _gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    let _code = service.wait();
}
