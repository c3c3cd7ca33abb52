//! Metadata services from outside: bytes of theirs in, files out.
#![allow(clippy::unwrap_used, reason = "a test that cannot build its input should stop there")]

mod answers;
mod conversations;
mod fetching;
mod seeds;
mod targets;
mod trees;
