//! The DHCP core from outside: real packets in, actions out.
#![allow(clippy::unwrap_used, reason = "a test that cannot build its input should stop there")]

mod bench;
mod confirmed;
mod conflicts;
mod failed;
mod leases;
mod malformed;
mod matrix;
mod packet;
mod properties;
mod reports;
mod script;
mod seeds;
mod targets;
mod traces;
mod values;
mod whole;
