//! How long the daemon runs, for its supervisor.

use std::os::fd::RawFd;
use std::time::Duration;

use orlop_broker::instance::Instance;
use orlop_broker::supervise::{armed, supervise};
use orlop_dhcp_profiles::DAEMON;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::log;
use orlop_sandbox::supervisor::{Lifetime, hold_signals};
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

/// How much longer than its own deadline a one-shot broker may take before the supervisor ends it.
const OVERTIME: Duration = Duration::from_secs(2);

fn load(settings: &Settings, mode: Mode) -> Result<Config, Fatal> {
    hold_signals()?;
    let limit = settings.overrides.deadline.unwrap_or_else(|| Config::default().deadline).saturating_add(OVERTIME);
    let loaded = match mode {
        Mode::Service => settings.load(),
        Mode::OneShot => armed(limit, end_unread, || settings.load()),
    };
    Ok(loaded?.config)
}

fn start(config: &Config, mode: Mode, ready: Option<RawFd>) -> Result<u8, Fatal> {
    let lifetime = match mode {
        Mode::Service => Lifetime::Service,
        Mode::OneShot => Lifetime::OneShot { hard_stop: config.deadline.saturating_add(OVERTIME) },
    };
    supervise(&DAEMON, config.log, lifetime, ready)
}

/// Whoever waits for a one-shot run does not wait for the file system of its configuration.
#[expect(clippy::exit, reason = "the thread that would return from main is the one that waits")]
fn end_unread() {
    let fatal = Fatal::new(Exit::Unconfigured, "the configuration could not be read in time");
    let exit = fatal.help("does the file system that it lies on answer?").report();
    std::process::exit(exit.code().into());
}
