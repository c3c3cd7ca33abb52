//! What was left out of what a source said, as its owner is told.

use core::fmt;

use orlop_metadata_contract::{Discard, PathError};
use orlop_wire::Str;

use crate::seed::FileError;

/// What is told of one run, at most. Of more, the number is told; all are counted.
pub const MAX_TOLD: usize = 32;

/// Bytes of a key, at most; of a longer one the beginning is told.
const MAX_KEY: usize = 120;

/// Something in what was read that could not be used. It names a key, so that its owner finds the place, and never a value,
/// which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    key: Str<MAX_KEY>,
    why: Why,
}

impl LeftOut {
    /// It is about `key`. Control characters in it are written as escapes, as it goes to a log.
    #[must_use]
    pub fn new(key: &str, why: Why) -> Self {
        Self { key: Str::truncated(&key.escape_debug().to_string()), why }
    }

    /// What it is about: the path of an entry, or the name of a document.
    #[must_use]
    pub fn key(&self) -> &str {
        self.key.as_str()
    }

    /// What is wrong with it.
    #[must_use]
    pub const fn why(&self) -> Why {
        self.why
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key.as_str(), self.why)
    }
}

/// What can be wrong with something that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// The key cannot be the name of a file.
    #[error("not written: {0}")]
    Path(PathError),
    /// It begins like JSON, and is none.
    #[error("begins like JSON and is none: wrong at line {line}, column {column}; nothing of it became a file")]
    Json {
        /// Counted from 1.
        line: u32,
        /// In bytes, counted from 1.
        column: u32,
    },
    /// JSON with more in it than any use.
    #[error("JSON that is nested too deep, or has too many values; nothing of it became a file")]
    JsonTooLarge,
    /// An entry that is no object.
    #[error("not written: an entry is an object with \"content\", or with \"entries\"")]
    NotAnEntry,
    /// Neither a file nor a folder, or both.
    #[error("not written: it has to have either \"content\" or \"entries\"")]
    FileOrFolder,
    /// `content` is no text.
    #[error("not written: \"content\" has to be a string")]
    Content,
    /// `perm` is no octal string.
    #[error("not written: \"perm\" has to be a string of octal digits, like \"0644\"")]
    Perm,
    /// `perm` has bits that no file gets.
    #[error("written, without the set-user-ID, set-group-ID, sticky and write-for-others bits of its \"perm\"")]
    PermCut,
    /// A word beside `perm`, `content` and `entries`.
    #[error("has a field that is none of \"perm\", \"content\" and \"entries\"; ignored")]
    UnknownField,
    /// A file that this program writes itself.
    #[error("not written: the name is taken by what orlop-metadata writes itself")]
    Taken,
    /// A file where there is a folder, or the other way round.
    #[error("not written: there is a file and a folder of this name")]
    FileAndFolder,
    /// More entries than [`MAX_ENTRIES`](orlop_metadata_contract::MAX_ENTRIES).
    #[error("not written: there are more than 4,096 files and folders")]
    TooMany,
    /// More bytes than [`MAX_FILE`](orlop_metadata_contract::MAX_FILE) or [`MAX_TOTAL`](orlop_metadata_contract::MAX_TOTAL).
    #[error("not written: it is larger than 8 MiB, or everything together larger than 16 MiB")]
    TooLarge,
    /// Not the name of a host.
    #[error("not a hostname: labels of letters, digits and hyphens, of 63 bytes at most, joined by dots")]
    Hostname,
    /// A line that is no SSH key of a known type.
    #[error("a line is no SSH public key of a known type; left out")]
    SshKey,
    /// Base64 where the provider's rules say so, and it is none.
    #[error("has to be base64 and is none; kept as it is")]
    Base64,
    /// A file of a disk that cannot be read, or is no document.
    #[error("not read: {0}")]
    Unread(FileError),
    /// The provider does not want to say.
    #[error("refused, with HTTP status {0}; left out")]
    Refused(u16),
    /// A document of the provider, of use without.
    #[error("is not what the provider's documentation says; not read")]
    Document,
    /// The provider was asked in vain.
    #[error("asked for in vain; left out")]
    Unanswered,
    /// A gzip stream that is damaged.
    #[error("begins like gzip and cannot be unpacked; kept packed")]
    Gzip,
    /// A gzip stream that becomes too large.
    #[error("unpacks to more than 8 MiB, or to more than 100 times its size; kept packed")]
    GzipTooLarge,
    /// There were more than [`MAX_TOLD`].
    #[error("and {0} more")]
    More(u32),
}

impl Why {
    /// By which it is counted; not what only says how many more there were.
    #[must_use]
    pub const fn discard(self) -> Option<Discard> {
        Some(match self {
            Self::Path(PathError::Deep) | Self::TooMany => Discard::TooMany,
            Self::Path(_) | Self::Taken => Discard::BadPath,
            Self::Document | Self::Json { .. } | Self::Unread(_) => Discard::BadDocument,
            Self::NotAnEntry | Self::FileOrFolder | Self::Content | Self::UnknownField => Discard::BadEntry,
            Self::Perm | Self::PermCut => Discard::BadMode,
            Self::FileAndFolder => Discard::Duplicate,
            Self::JsonTooLarge | Self::TooLarge | Self::GzipTooLarge => Discard::TooLarge,
            Self::Hostname => Discard::BadHostname,
            Self::SshKey => Discard::BadKey,
            Self::Base64 | Self::Gzip => Discard::Undecodable,
            Self::Refused(_) | Self::Unanswered => Discard::Unanswered,
            Self::More(_) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_without_control_characters_and_within_its_room() {
        let left_out = LeftOut::new("a\n\u{1b}[2Jb", Why::Taken);
        assert_eq!(left_out.key(), "a\\n\\u{1b}[2Jb");
        assert_eq!(
            left_out.to_string(),
            "a\\n\\u{1b}[2Jb: not written: the name is taken by what orlop-metadata writes itself"
        );
        assert_eq!(LeftOut::new(&"é".repeat(200), Why::Perm).key(), "é".repeat(60));
        assert_eq!(LeftOut::new(&"\u{7}".repeat(200), Why::Perm).key().len(), 120);
    }
}
