//! The process that acts, and never sees a datagram: command line, orders, status, loop.

pub mod command_line;
pub mod orders;
pub mod serve;
pub mod status;

/// The status.
pub const OWN_FOLDER: &str = "/run/orlop/tally";
