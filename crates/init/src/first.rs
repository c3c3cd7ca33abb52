//! A container's first process, held by a descriptor: what it is told reaches it or nobody, whoever has its number by then.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions};

/// A child of ours that has not been collected.
#[derive(Debug)]
pub struct First {
    pid: Pid,
    held: OwnedFd,
}

impl First {
    /// Takes hold of a process by its number.
    ///
    /// # Errors
    /// When it has been collected already, or was never a child of ours.
    pub fn hold(pid: Pid) -> io::Result<Self> {
        let held = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
        // It stays to be collected with all others.
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        rustix::process::waitid(WaitId::PidFd(held.as_fd()), look)?;
        Ok(Self { pid, held })
    }

    /// Its number, until it is collected.
    #[must_use]
    pub const fn pid(&self) -> Pid {
        self.pid
    }

    /// Sends it a signal.
    pub fn tell(&self, signal: Signal) {
        // It may have ended; then we hear of that.
        let _ = rustix::process::pidfd_send_signal(&self.held, signal);
    }

    /// One of its namespaces, for as long as the descriptor is open.
    ///
    /// # Errors
    /// When the kernel has none of this name, or the process has ended.
    pub fn namespace(&self, name: &str) -> io::Result<OwnedFd> {
        // Nobody else has its number: it is ours to collect.
        let path = format!("/proc/{}/ns/{name}", self.pid.as_raw_nonzero());
        Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    use super::*;

    #[test]
    fn only_a_child_that_was_not_collected_can_be_held() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = Pid::from_child(&child);
        let first = First::hold(pid).unwrap();
        first.namespace("net").unwrap();
        first.tell(Signal::KILL);
        assert_eq!(child.wait().unwrap().signal(), Some(9), "told once, and not collected by looking");
        assert!(First::hold(pid).is_err(), "collected");
        first.tell(Signal::KILL);
        assert!(First::hold(rustix::process::getppid().unwrap()).is_err(), "no child of ours");
    }
}
