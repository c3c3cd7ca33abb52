//! The part of the user's process that stays: the supervisor of a broker and its worker.

use std::ffi::CString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use orlop_dhcp_profiles::{BROKER, WORKER};
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::log;
use orlop_sandbox::supervisor::{Plan, Supervisor, hold_signals};
use tracing::level_filters::LevelFilter;

use crate::settings::Settings;
use crate::settings::{Mode, Run};

/// Runs the daemon, and returns its exit code.
///
/// The configuration is read here only so that a mistake in it ends the daemon before anything is started; the
/// broker reads it for itself.
///
/// # Errors
/// A mistake in the configuration, or a capability is missing.
pub fn run(run: &Run) -> Result<u8, Fatal> {
    hold_signals()?;
    let config = run.settings.load()?.config;
    log::init("dhcp-supervisor", LevelFilter::from_level(config.log));
    supervise(run.mode == Mode::OneShot, config.deadline)
}

/// Starts the pair only to see what it is restricted by.
///
/// # Errors
/// As [`run`].
pub fn posture(settings: &Settings) -> Result<u8, Fatal> {
    hold_signals()?;
    let config = settings.load()?.config;
    log::init("dhcp-supervisor", LevelFilter::from_level(config.log));
    supervise(true, config.deadline)
}

/// How much longer than its own deadline a one-shot broker may take before the supervisor ends it.
const OVERTIME: Duration = Duration::from_secs(2);

fn supervise(oneshot: bool, deadline: Duration) -> Result<u8, Fatal> {
    let plan = Plan {
        broker_args: std::env::args_os().filter_map(|argument| CString::new(argument.into_vec()).ok()).collect(),
        broker: &BROKER,
        worker: &WORKER,
        lent: &[],
        oneshot,
        once: false,
        hard_stop: Some(deadline.saturating_add(OVERTIME)),
    };
    Supervisor::open(&worker_path()?)?.run(&plan)
}

/// The worker lies beside this program, whatever name this one was started by.
fn worker_path() -> Result<PathBuf, Fatal> {
    let own = std::env::current_exe().map_err(|cause| {
        Fatal::new(Exit::Os, "cannot tell where this program lies").cause(cause).help("mount /proc in the container")
    })?;
    Ok(own.with_file_name("orlop-dhcp-worker"))
}
