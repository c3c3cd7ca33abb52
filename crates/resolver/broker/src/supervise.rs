//! How long the daemon runs, for its supervisor.

use std::os::fd::RawFd;
use std::time::Duration;

use orlop_broker::instance::Instance;
use orlop_broker::supervise::{Mode, load_in_time, supervise};
use orlop_resolver_profiles::DAEMON;
use orlop_sandbox::fatal::Fatal;

use crate::config::Config;
use crate::settings::{Run, Settings};

/// How long to show what is in force may take.
const POSTURE_WITHIN: Duration = Duration::from_secs(10);

/// Runs the daemon, and returns its exit code.
///
/// The configuration is read here only so that a mistake in it ends the daemon before anything is started; the broker reads
/// it for itself.
///
/// # Errors
/// A mistake in the configuration, a capability is missing, or another daemon runs already.
pub fn run(run: &Run) -> Result<u8, Fatal> {
    let config = load(&run.settings, Mode::Service)?;
    // Held by this process until it ends.
    let _only = Instance::claim(&DAEMON)?;
    start(&config, Mode::Service, run.ready)
}

/// Starts the daemon only to see what it is restricted by, whether or not another one runs.
///
/// # Errors
/// As [`run`].
pub fn posture(settings: &Settings) -> Result<u8, Fatal> {
    start(&load(settings, Mode::OneShot)?, Mode::OneShot, None)
}

fn load(settings: &Settings, mode: Mode) -> Result<Config, Fatal> {
    load_in_time(mode, POSTURE_WITHIN, || settings.load())
}

fn start(config: &Config, mode: Mode, ready: Option<RawFd>) -> Result<u8, Fatal> {
    supervise(&DAEMON, config.log, mode.lifetime(POSTURE_WITHIN), ready)
}
