//! What every broker has, once: its command line and exit codes, what it leaves for others, and how it takes orders.
//!
//! Linked by brokers only. Nothing here reads a byte from the network: what arrives comes from the user who started the
//! program, or from a process of uid 0 at the control socket.
//!
//! A daemon describes itself in a [`Program`] and then uses what it needs: [`command_line`] to understand its arguments,
//! [`exit`] for the table of codes in its help, [`folder`] for the places that it writes to, [`status`], [`posture`] and
//! [`metrics`] for what it says of itself, [`control`] for orders while it runs, and [`ready`] to tell whoever started it
//! that it works.
//!
//! It promises to write nothing that a reader could see half of, and to add no thread.
#![forbid(unsafe_code)]

pub mod command_line;
pub mod control;
pub mod exit;
pub mod folder;
mod json;
pub mod metrics;
pub mod moment;
pub mod posture;
pub mod print;
pub mod program;
pub mod ready;
pub mod status;
pub mod verbosity;

pub use program::Program;
