//! How long a run may take, for its supervisor.

use orlop_broker::supervise::{Mode, supervise};
use orlop_metadata_profiles::DAEMON;
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::supervisor::hold_signals;

use crate::command_line::Run;

/// Runs broker and workers, and returns the exit code.
///
/// # Errors
/// A capability is missing.
pub fn run(run: &Run) -> Result<u8, Fatal> {
    hold_signals()?;
    supervise(&DAEMON, run.log, Mode::OneShot.lifetime(run.timeout), run.ready)
}
