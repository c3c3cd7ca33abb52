use orlop_wire::{MaxSize, Str};
use serde::{Deserialize, Serialize};

use crate::{MAX_VALUE, Want};

/// Bytes of a value that are read back, at most. What is longer is shown as far as that, and is no value that can be wanted: the
/// kernel spells a list with fewer bytes than whoever writes it, if not with as many.
pub const MAX_READING: usize = MAX_VALUE + (4 << 10);

const _: () = assert!(MAX_READING > MAX_VALUE, "a list that goes on could pass for one that ends");

/// What a broker asks of an applier, with the open file of the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Job {
    /// What the key shall be.
    pub want: Want,
    /// What the file is open for.
    pub access: Access,
    /// Only look.
    pub dry: bool,
    /// Write the value even where it is in force: see [`Key::inherits`](crate::Key::inherits).
    pub insist: bool,
}

/// What a file of `/proc/sys` could be opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Access {
    /// Reading and writing: almost all.
    ReadWrite,
    /// Reading: the kernel's own.
    ReadOnly,
    /// Reading: its file system is mounted read-only, whatever the setting is.
    MountedReadOnly,
    /// Writing: triggers, as `vm.drop_caches`.
    WriteOnly,
}

impl Access {
    /// Whether a write can be tried.
    #[must_use]
    pub const fn may_write(self) -> bool {
        match self {
            Self::ReadWrite | Self::WriteOnly => true,
            Self::ReadOnly | Self::MountedReadOnly => false,
        }
    }
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

/// What became of the write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Wrote {
    /// There was none: the value is in force already, or we only look, or the file is not writable.
    No,
    /// The kernel took all of it.
    Whole,
    /// The kernel took a part of it, whether it refused the rest or left it.
    Short,
    /// The kernel refused, with this `errno`.
    Refused(i32),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_open_for_it_is_written() {
        use Access::{MountedReadOnly, ReadOnly, ReadWrite, WriteOnly};
        let may = [ReadWrite, ReadOnly, MountedReadOnly, WriteOnly].map(Access::may_write);
        assert_eq!(may, [true, false, false, true]);
    }
}
