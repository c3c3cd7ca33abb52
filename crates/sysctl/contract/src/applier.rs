use orlop_wire::{MaxSize, Str};
use serde::{Deserialize, Serialize};

use crate::{Class, Want};

/// Bytes of a value that are read back, at most; what is longer is compared as far as that.
pub const MAX_READING: usize = 4096;

/// What a broker asks of an applier, with the open file of the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Job {
    /// What the key shall be.
    pub want: Want,
    /// What the file is open for.
    pub access: Access,
    /// Only look.
    pub dry: bool,
}

/// What a file of `/proc/sys` could be opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Access {
    /// Reading and writing: almost all.
    ReadWrite,
    /// Reading: the kernel's own.
    ReadOnly,
    /// Writing: triggers, as `vm.drop_caches`.
    WriteOnly,
}

/// What an applier saw and did, without an opinion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Trial {
    /// What the kernel said before; nothing when it cannot be read.
    pub before: Option<Str<MAX_READING>>,
    /// Whether it was written.
    pub wrote: Wrote,
    /// What the kernel said after a write; nothing when there was none, or it cannot be read.
    pub after: Option<Str<MAX_READING>>,
}

/// What became of the one `write`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Wrote {
    /// There was none: the value is in force already, or we only look, or the file is not writable.
    No,
    /// The kernel took all of it.
    Whole,
    /// The kernel took a part of it.
    Short,
    /// The kernel refused, with this `errno`.
    Refused(i32),
}

/// What became of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Written, and the kernel says so.
    Ok,
    /// It was in force already; nothing was written.
    Unchanged,
    /// `at-least`: the kernel's value is larger already; nothing was written.
    Kept,
    /// Written, and the kernel spells it differently: `0x20` is 32, `010` is 8.
    Normalized,
    /// The kernel took the write, and the value is another one.
    Mismatch,
    /// Written; what came of it cannot be read.
    Unverified,
    /// Only looked: a write would change it.
    Differs,
    /// There is no such key.
    Missing,
    /// The kernel does not let anybody write it, or the file system is mounted read-only.
    ReadOnly,
    /// A capability is missing; which one, if we know.
    Denied(Option<Class>),
    /// The kernel does not take this value.
    Invalid,
    /// It was written once and for all, with another value.
    Locked,
    /// Not tried.
    Skipped(Skipped),
    /// The kernel failed otherwise, with this `errno`.
    Failed(i32),
}

/// Why a setting was not tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skipped {
    /// It cannot be taken back, and `--lock` was not given.
    NeedsLock,
    /// It would forbid modules, and a key of this plan that is missing may come with one.
    KeyMissing,
}
