//! The sysctl core from outside: texts and folders in, a plan out.
#![allow(clippy::unwrap_used, reason = "a test that cannot build its input should stop there")]

mod again;
mod bounds;
mod properties;
mod seeds;
mod stage;
mod systemd;
mod targets;
mod traces;
