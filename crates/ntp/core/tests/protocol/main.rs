//! The NTP core from outside: real packets in, actions out, and a world in virtual time around it.
#![allow(clippy::unwrap_used, reason = "a test that cannot build its input should stop there")]

mod accuracy;
mod answer;
mod crystal;
mod oracle;
mod properties;
mod script;
mod seeds;
mod situations;
mod targets;
mod weather;
mod world;
