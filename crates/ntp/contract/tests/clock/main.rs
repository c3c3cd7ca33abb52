//! A clock that a hostile worker drives, and the state file that outlives it.
#![allow(clippy::unwrap_used, reason = "a test that cannot build its input should stop there")]

mod driven;
mod hostile;
mod keys;
mod seeds;
mod targets;
mod words;
