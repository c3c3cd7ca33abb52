//! The part of the user's process that stays: the supervisor of a broker and its worker.

use std::ffi::CString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use orlop_dhcp_profiles::DAEMON;
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::log;
use orlop_sandbox::supervisor::{Lifetime, Plan, Supervisor, hold_signals};
use tracing::level_filters::LevelFilter;

use crate::command_line::{Mode, Run};
use crate::settings::Settings;

/// Runs the daemon, and returns its exit code.
///
/// The configuration is read here only so that a mistake in it ends the daemon before anything is started; the
/// broker reads it for itself.
///
/// # Errors
/// A mistake in the configuration, or a capability is missing.
pub fn run(run: &Run) -> Result<u8, Fatal> {
    supervise(&run.settings, run.mode)
}

/// Starts the daemon only to see what it is restricted by.
///
/// # Errors
/// As [`run`].
pub fn posture(settings: &Settings) -> Result<u8, Fatal> {
    supervise(settings, Mode::OneShot)
}

/// How much longer than its own deadline a one-shot broker may take before the supervisor ends it.
const OVERTIME: Duration = Duration::from_secs(2);

fn supervise(settings: &Settings, mode: Mode) -> Result<u8, Fatal> {
    hold_signals()?;
    let config = settings.load()?.config;
    log::init("dhcp-supervisor", LevelFilter::from_level(config.log));
    let plan = Plan {
        daemon: &DAEMON,
        broker_args: std::env::args_os().filter_map(|argument| CString::new(argument.into_vec()).ok()).collect(),
        lifetime: match mode {
            Mode::Service => Lifetime::Service,
            Mode::OneShot => Lifetime::OneShot { hard_stop: config.deadline.saturating_add(OVERTIME) },
        },
        ready: None,
    };
    Supervisor::open(&DAEMON)?.run(&plan)
}
