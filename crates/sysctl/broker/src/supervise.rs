//! How long a run may take, for its supervisor.

use std::time::Duration;

use orlop_broker::supervise::supervise;
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::supervisor::{Lifetime, hold_signals};

use crate::command_line::Run;
use crate::lint::daemon;
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
    if run.follow.is_some() {
        return supervise(daemon(run.mode)?, run.log, Lifetime::Service, run.ready);
    }
    // Its parts are only reading, and what is in the kernel stays there. Standard input is read by then, at which somebody
    // may be typing.
    let hard_stop = Some(HARD_STOP).filter(|_| !run.wanted.inputs.contains(&Input::Stdin));
    supervise(daemon(run.mode)?, run.log, Lifetime::Single { hard_stop }, run.ready)
}
