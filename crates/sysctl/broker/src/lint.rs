//! Runs that an ordinary user can make: they read text and look at values, in processes that nobody who writes belongs to.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;

use orlop_sandbox::daemon::Daemon;
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::privileges::may_supervise;
use orlop_sysctl_contract::{Class, Job, Trial};
use orlop_sysctl_profiles::{DAEMON, LINT};

use crate::command_line::Mode;
use crate::serve::{Writer, Writers};
use crate::write::looked;

/// Whose processes do what `mode` says: those without any privilege where it takes none and there is none. Supervisor and broker
/// come to the same answer, each by what it may have; where they did not, the broker would find that it is not confined.
///
/// # Errors
/// None on a kernel that works.
pub fn daemon(mode: Mode) -> Result<&'static Daemon, Fatal> {
    let looks = match mode {
        Mode::Plan | Mode::Diff | Mode::Check => true,
        Mode::Apply | Mode::Posture => false,
    };
    Ok(if looks && !may_supervise()? { &LINT } else { &DAEMON })
}

/// Looks at settings in the place of appliers, in this process. It never writes: what it is handed is open for reading.
#[derive(Debug, Default)]
pub(crate) struct Looker(VecDeque<Trial>);

impl Writers for Looker {
    type Writer = Self;

    fn of(&mut self, _: Class) -> Option<&mut Self> {
        Some(self)
    }

    fn second(&mut self, _: Class) -> Option<&mut Self> {
        None
    }
}

impl Writer for Looker {
    fn name(&self) -> &'static str {
        LINT.broker.name
    }

    fn send(&mut self, job: &Job, setting: BorrowedFd<'_>) -> Option<bool> {
        self.0.push_back(looked(job, setting));
        Some(true)
    }

    fn recv(&mut self) -> Option<Trial> {
        self.0.pop_front()
    }
}
