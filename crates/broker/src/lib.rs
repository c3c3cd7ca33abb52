//! What every broker has, once: its command line and exit codes, what it leaves for others, and how it takes orders.
//!
//! Linked by brokers only. Nothing here reads a byte from the network: what arrives comes from the user who started the
//! program, or from a process of uid 0 at the control socket.
//!
//! A daemon is described by its [`Daemon`] and uses what it needs: [`command_line`] to understand its arguments,
//! [`supervise`] and [`confine`] to become the processes that it consists of,
//! [`exit`] for the table of codes in its help, [`instance`] to be the only one, [`folder`] for the places that it writes to, [`hostname`] to name the host, [`status`], [`posture`] and
//! [`metrics`] for what it says of itself, [`netfacts`] for what the DHCP client says of the networks, [`resolv_conf`] for the file and who owns it, [`optional`] for workers that it can do without, [`control`] for orders while it runs, and [`ready`] to tell whoever started it
//! that it works.
//!
//! It promises to write nothing that a reader could see half of, and to add no thread.
#![forbid(unsafe_code)]

pub mod command_line;
pub mod confine;
pub mod control;
pub mod exit;
pub mod folder;
pub mod hostname;
pub mod instance;
mod json;
pub mod metrics;
pub mod moment;
pub mod netfacts;
pub mod optional;
pub mod posture;
pub mod print;
pub mod ready;
pub mod resolv_conf;
pub mod status;
pub mod supervise;
pub mod verbosity;

use orlop_sandbox::daemon::Daemon;

/// The version of all daemons: they are released together.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What `--version` prints.
#[must_use]
pub fn version_line(daemon: &Daemon) -> String {
    format!("{} {VERSION}\n", daemon.program)
}
