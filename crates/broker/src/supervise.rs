//! The part of the user's process that stays: the supervisor of a broker and its workers.

use std::ffi::CString;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStringExt;

use orlop_sandbox::daemon::Daemon;
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::log;
use orlop_sandbox::supervisor::{Lifetime, Plan, Supervisor, inherited};

use tracing::Level;
use tracing::level_filters::LevelFilter;

/// Runs `daemon`, which was started with this process's command line and logs up to `level`, and returns its exit code. Signals must be
/// [held](orlop_sandbox::supervisor::hold_signals) by now.
///
/// # Errors
/// A capability is missing, a worker's program is not there, or nothing is open at the descriptor `ready`.
pub fn supervise(daemon: &'static Daemon, level: Level, lifetime: Lifetime, ready: Option<RawFd>) -> Result<u8, Fatal> {
    let ready = ready.map(inherited).transpose()?;
    // Once in a process, and needed until it ends.
    log::init(String::leak(format!("{}-supervisor", daemon.name)), LevelFilter::from_level(level));
    let broker_args = std::env::args_os().filter_map(|argument| CString::new(argument.into_vec()).ok()).collect();
    Supervisor::open(daemon)?.run(Plan { daemon, broker_args, lifetime, ready })
}
