//! The sysctl worker: it reads the text of configuration files, and says what their settings are. It holds one channel to
//! its broker and nothing else: no capability, no path, no file, no way to open anything.
//!
//! `start` climbs the ladder of `orlop-sandbox` (open, prepare, drop the user, lock); only then is the first byte
//! of text read, in [`run`]. What the text means is `orlop-sysctl-core`.
#![forbid(unsafe_code)]

mod run;

use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::log;
use orlop_sandbox::worker::Worker;
use orlop_sysctl_contract::PROTOCOL;
use orlop_sysctl_profiles::{LINT_WORKER, WORKER};
use tracing::level_filters::LevelFilter;

/// Locks this process in, reads what the broker sends, says the plan, and ends when the broker has heard it.
///
/// # Errors
/// The sandbox cannot be taken up, or the broker was gone before it had heard everything.
pub fn start() -> Result<(), Fatal> {
    log::init("sysctl-worker", LevelFilter::INFO);
    // Whoever claims to be the one that needs no privilege is believed only by a broker that started that one.
    let is_lint = std::env::args_os().next().is_some_and(|name| name == LINT_WORKER.name);
    let profile = if is_lint { &LINT_WORKER } else { &WORKER };
    let locked = Worker::open(profile)?.prepare(|_nothing| Ok(()))?.drop_user()?.lock()?;
    let ended = locked.enter(PROTOCOL, run::run)?;
    ended.map_err(|cause| Fatal::new(Exit::Software, "the sysctl worker stops").cause(cause))
}
