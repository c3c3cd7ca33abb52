//! How long the daemon runs, for its supervisor.

use std::os::fd::RawFd;

use orlop_broker::instance::Instance;
use orlop_broker::supervise::{load_in_time, supervise};
use orlop_dhcp_profiles::DAEMON;
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::log;
use tracing::level_filters::LevelFilter;

use crate::background;
use crate::config::Config;
use crate::settings::{Leaves, Mode, Run, Settings};

/// Runs the daemon, and returns its exit code.
///
/// The configuration is read here only so that a mistake in it ends the daemon before anything is started; the
/// broker reads it for itself.
///
/// # Errors
/// A mistake in the configuration, a capability is missing, or another daemon runs already.
pub fn run(run: &Run) -> Result<u8, Fatal> {
    if run.leaves != Leaves::Never {
        // Before signals are held: whoever ends this process while it waits, ends it.
        let config = run.settings.load()?.config;
        log::init("dhcp", LevelFilter::from_level(config.log));
        return background::leave(run, config.deadline);
    }
    let config = load(&run.settings, run.mode)?;
    // Held by this process until it ends.
    let _only = Instance::claim(&DAEMON)?;
    start(&config, run.mode, run.ready)
}

/// Starts the daemon only to see what it is restricted by, whether or not another one runs.
///
/// # Errors
/// As [`run`].
pub fn posture(settings: &Settings) -> Result<u8, Fatal> {
    start(&load(settings, Mode::OneShot)?, Mode::OneShot, None)
}

fn load(settings: &Settings, mode: Mode) -> Result<Config, Fatal> {
    let deadline = settings.overrides.deadline.unwrap_or_else(|| Config::default().deadline);
    Ok(load_in_time(mode, deadline, || settings.load())?.config)
}

fn start(config: &Config, mode: Mode, ready: Option<RawFd>) -> Result<u8, Fatal> {
    supervise(&DAEMON, config.log, mode.lifetime(config.deadline), ready)
}
