//! The three processes of a daemon of ours, found from outside.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::deadline::eventually;
use crate::host::Host;

/// The processes of a daemon that has one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trio {
    /// The process that was started, and starts the others.
    pub supervisor: u32,
    /// Acts, and reads no byte from the network.
    pub broker: u32,
    /// Hears the network, and has no privilege.
    pub worker: u32,
}

impl Trio {
    /// Finds the processes of the daemon that was started as `supervisor`, the worker by the name that it is called by; waits
    /// until all are there.
    ///
    /// # Errors
    /// When they are not there `within` the time.
    pub fn find(host: &Host, supervisor: u32, worker: &str, within: Duration) -> Result<Self> {
        eventually("a broker and a worker", within, || {
            let processes = host.processes()?;
            let called = |part: &str| {
                processes.iter().find(|(pid, words)| *pid != supervisor && words.contains(part)).map(|(pid, _)| *pid)
            };
            Ok(called("--broker-of").zip(called(worker)).map(|(broker, worker)| Self { supervisor, broker, worker }))
        })
        .with_context(|| format!("processes: {:?}", host.processes()))
    }
}

/// Whether a process exists (and is not only waiting to be reaped).
#[must_use]
pub fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
}

/// Kills a process of a host.
///
/// # Errors
/// When there is none.
pub fn murder(pid: u32) -> Result<()> {
    kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGKILL).with_context(|| format!("cannot kill {pid}"))
}
