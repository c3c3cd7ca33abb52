use core::fmt;

use orlop_wire::{Bounded, MaxSize};
use serde::{Deserialize, Serialize};

use crate::{Counters, EntryPath, Hostname, Mode};

/// Bytes of content in one message.
const CHUNK: usize = 16 << 10;

/// Bytes of a file, or of a text that becomes several.
pub type Chunk = Bounded<u8, CHUNK>;

/// Everything that a metadata worker can ask for or tell. Both workers speak of the same things: only the one that has the
/// network ever connects, only the one that has the disks ever tells of any.
///
/// What was found comes after an errand ([`Notice`](crate::Notice)), in this order: folders and files, each folder before what
/// is in it and each file with all of its content behind it, in between perhaps a hostname; then `Done`. Or `Failed`, at any
/// time; nothing of it counts then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Request {
    /// Open a connection to this endpoint of the provider that is asked. Answered by `Connected` or `Unconnected`, which may
    /// take until there is a route.
    Connect(Place),
    /// What there is to be read on a disk, `None` for nothing that is known. Every disk is answered once.
    Disk(DiskId, Option<Seed>),
    /// A folder below `/run/config`.
    Folder {
        /// Where.
        path: EntryPath,
        /// Its permissions.
        mode: Mode,
    },
    /// A file below `/run/config`, whose content follows.
    File {
        /// Where.
        path: EntryPath,
        /// Its permissions.
        mode: Mode,
        /// Bytes of it, [`MAX_FILE`](crate::MAX_FILE) at most.
        length: u32,
    },
    /// The next bytes of the file; as many as fit, but for its last ones.
    Content(Chunk),
    /// The machine's name.
    Hostname(Hostname),
    /// That was all, and this was left out.
    Done(Counters),
    /// Nothing can be had.
    Failed(Failure),
}

/// An endpoint, by its place in the list of those of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
pub struct Place(pub u8);

/// A disk that was handed over, by the number that the broker gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
pub struct DiskId(pub u8);

/// What a disk holds, as its label and the names in its root say. In the order in which they are preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
pub enum Seed {
    /// The label is `cidata`.
    NoCloud,
    /// The label is `config-2`.
    ConfigDrive,
    /// The label is one of Azure's, and there is an `ovf-env.xml`.
    OvfEnv,
    /// None of these labels, on a compact disc with a file `user-data` or `config` in its root.
    Unlabelled,
}

/// Why there is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
pub enum Failure {
    /// No connection, as often as it was tried.
    Unreachable,
    /// It took the question and did not answer in time.
    Silent,
    /// It answered with this status of HTTP, and that is its last word.
    Status(u16),
    /// It does not have what every such service has: it is another one.
    NotFound,
    /// What it said is none of what it should be: not HTTP, not its document, no proof of who it is.
    Malformed,
    /// More than anybody needs.
    TooLarge,
    /// The disk cannot be read.
    Unreadable,
    /// AWS: it gives no tokens, and without one it may not be asked.
    NoToken,
}

/// As it stands behind the name of a source: "aws: it does not answer".
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "it cannot be reached",
            Self::Silent => "it does not answer",
            Self::Status(status) => return write!(f, "it refuses, with status {status}"),
            Self::NotFound => "it has no metadata",
            Self::Malformed => "it does not speak as such a service does",
            Self::TooLarge => "it has more to say than is ever read",
            Self::Unreadable => "it cannot be read",
            Self::NoToken => "it has no IMDSv2, and version 1 is not allowed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_is_said_in_its_own_words() {
        use Failure::{Malformed, NoToken, NotFound, Silent, Status, TooLarge, Unreachable, Unreadable};
        let all = [Unreachable, Silent, Status(403), NotFound, Malformed, TooLarge, Unreadable, NoToken];
        let words: std::collections::BTreeSet<_> = all.iter().map(ToString::to_string).collect();
        assert_eq!(words.len(), all.len());
        assert_eq!(Status(403).to_string(), "it refuses, with status 403");
    }
}
