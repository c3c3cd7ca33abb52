//! The core from outside: bytes of name servers in, actions out.
#![allow(clippy::unwrap_used, reason = "a test that cannot build its input should stop there")]

mod answers;
mod honesty;
mod message;
mod properties;
mod script;
mod seeds;
mod targets;
mod traces;
