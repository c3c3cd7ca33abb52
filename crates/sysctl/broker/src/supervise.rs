//! The part of the user's process that stays: the supervisor of a broker and its worker.

use std::ffi::CString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::log;
use orlop_sandbox::supervisor::{Lifetime, Plan, Supervisor, hold_signals};
use orlop_sysctl_profiles::DAEMON;
use tracing::level_filters::LevelFilter;

use crate::command_line::Run;
use crate::sources::Input;

/// When a run ends at the latest, so that `onboot` always ends. Some settings make the kernel tidy up its memory, which
/// takes seconds on a large machine.
const HARD_STOP: Duration = Duration::from_secs(60);

/// Runs broker and worker, and returns the exit code.
///
/// # Errors
/// A capability is missing.
pub fn run(run: &Run) -> Result<u8, Fatal> {
    hold_signals()?;
    log::init("sysctl-supervisor", LevelFilter::from_level(run.log));
    let plan = Plan {
        daemon: &DAEMON,
        broker_args: std::env::args_os().filter_map(|argument| CString::new(argument.into_vec()).ok()).collect(),
        // Its parts are only reading, and what is in the kernel stays there. Standard input is read by then, at which
        // somebody may be typing.
        lifetime: Lifetime::Single {
            hard_stop: Some(HARD_STOP).filter(|_| !run.wanted.inputs.contains(&Input::Stdin)),
        },
        ready: None,
    };
    Supervisor::open(&DAEMON)?.run(&plan)
}
