//! What the sysctl worker may ask of its broker, what the broker permits, and how a write is judged.
//!
//! The worker reads configuration text and can do nothing; the broker has the files and reads no text. Between them
//! pass only the values of this crate: [`Notice`] to the worker, [`Request`] from it. A [`Key`] cannot hold a path
//! that leaves `/proc/sys`, a [`Value`] cannot hold a second line or a NUL, lists are bounded.
//!
//! [`Class`] says which capability a key needs, [`Lock`] which keys can be written once only. [`Policy`] decides what of a
//! plan is carried out and in which order; only it makes a [`Permitted`]. [`judge`] says what became of one, from what the
//! kernel says afterwards.
//!
//! Covers sysctl.d(5) as values. Pure: no file, no clock, no environment.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod applier;
mod class;
mod key;
mod message;
mod number;
mod outcome;
mod policy;
mod schedule;
mod value;
mod verdict;

pub use applier::{Access, Job, MAX_READING, Trial, Wrote};
pub use class::{Class, Lock};
pub use key::{Directory, Key, KeyError, Name, Prefix};
pub use message::{
    Dialect, Finding, MAX_PREFIXES, NAMES_AT_ONCE, Notice, Origin, Problem, Request, Rules, STEPS_AT_ONCE, Step,
    TEXT_AT_ONCE, Want,
};
pub use number::{first_number, numbers};
pub use outcome::{Outcome, Skipped};
pub use policy::{Arranged, Permitted, Policy, Refused};
pub use schedule::{AFTER_A_MODULE, LEAST_APART, Schedule};
pub use value::{MAX_VALUE, Value, ValueError};
pub use verdict::{Attempt, holds, is_comparable, is_in_force, judge};

/// Names this version of the conversation. Broker and worker of different builds must not talk: a mismatch in the
/// first message ends both.
pub const PROTOCOL: u32 = 4;

/// Files, argument lists and streams that settings are read from, at most.
pub const MAX_SOURCES: usize = 1024;

/// Bytes of one source, at most. The largest that distributions ship is under 10 kB; the rest is room for a list of
/// some thousand settings.
pub const MAX_SOURCE: usize = 1 << 20;

/// Bytes of all sources together, at most.
pub const MAX_TEXT: usize = 4 << 20;

/// Bytes of a line, at most: the longest key and the longest value that are taken have 65,791, the rest is room for white space.
pub const MAX_LINE: usize = 68 << 10;

/// Settings in a plan, at most. A kernel with 128 interfaces has about 10,000 keys.
pub const MAX_STEPS: usize = 16_384;

/// Things said about the text, at most; the rest are only counted.
pub const MAX_FINDINGS: usize = 1024;

/// Names in one folder of `/proc/sys`, at most.
pub const MAX_NAMES: usize = 8192;

/// Folders that a worker may ask for, at most: enough for fifty patterns that reach everywhere on a machine with 128
/// interfaces, whose `/proc/sys` has about 1,000 folders, without remembering any.
pub const MAX_LISTS: usize = 1 << 16;
