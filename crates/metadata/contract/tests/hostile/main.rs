//! Workers that somebody else has taken over, and firmware that nobody has checked.
#![allow(clippy::unwrap_used, reason = "a test that cannot build its input should stop there")]

mod properties;
mod seeds;
mod targets;
