use core::fmt;

use orlop_wire::{MaxSize, Str};
use serde::{Deserialize, Deserializer, Serialize};

use crate::MAX_DEPTH;

/// Bytes of the name of one file or folder, at most: `NAME_MAX` of every file system in use.
const MAX_NAME: usize = 255;

/// Bytes of a path, at most: four long names, or thirty short ones.
const MAX_PATH: usize = 1_023;

/// A file or folder below `/run/config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it is.
    pub path: EntryPath,
    /// Who may do what with it.
    pub mode: Mode,
    /// What it is.
    pub kind: Kind,
}

/// What an [`Entry`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A folder; its own entries follow it.
    Folder,
    /// A file with this content, at most [`MAX_FILE`](crate::MAX_FILE) bytes.
    File(Vec<u8>),
}

/// A path below `/run/config` that cannot leave it: names joined by `/`, none of them empty, `.` or `..`, without control
/// characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, MaxSize)]
pub struct EntryPath(Str<MAX_PATH>);

impl EntryPath {
    /// The path that `text` is.
    ///
    /// # Errors
    /// When a name in it is none, or when it is longer or deeper than any use.
    pub fn new(text: &str) -> Result<Self, PathError> {
        if text.split('/').count() > MAX_DEPTH {
            return Err(PathError::Deep);
        }
        text.split('/').try_for_each(name)?;
        Str::new(text).map(Self).ok_or(PathError::Long)
    }

    /// The path of `name` in this folder.
    ///
    /// # Errors
    /// As [`EntryPath::new`], and when there is a `/` in the name.
    pub fn join(&self, name: &str) -> Result<Self, PathError> {
        if name.contains('/') {
            return Err(PathError::Slash);
        }
        Self::new(&format!("{}/{name}", self.as_str()))
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The folder that it lies in, unless that is `/run/config` itself.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (parent, _) = self.as_str().rsplit_once('/')?;
        Str::new(parent).map(Self)
    }

    /// Its names, the topmost first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.as_str().split('/')
    }
}

/// Whether `name` can be the name of a file.
fn name(name: &str) -> Result<(), PathError> {
    match name {
        "" => Err(PathError::Empty),
        "." | ".." => Err(PathError::Dots),
        _ if name.len() > MAX_NAME => Err(PathError::Long),
        _ if name.chars().any(char::is_control) => Err(PathError::Control),
        _ => Ok(()),
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for EntryPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Str::<MAX_PATH>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

/// Why a text is not an [`EntryPath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, MaxSize, thiserror::Error)]
pub enum PathError {
    /// Nothing between two slashes, or at all.
    #[error("a name is empty")]
    Empty,
    /// `.` or `..`.
    #[error("a name is \".\" or \"..\"")]
    Dots,
    /// A slash in what has to be one name.
    #[error("a name has a \"/\" in it")]
    Slash,
    /// NUL, a new line, or another control character.
    #[error("a name has a control character in it")]
    Control,
    /// More bytes than a file system takes.
    #[error("a name is longer than 255 bytes, or the path longer than 1,023")]
    Long,
    /// More folders in folders than any use.
    #[error("it lies more than 32 folders deep")]
    Deep,
}

/// Who may read, write and execute: permission bits, of which some are never set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, MaxSize)]
pub struct Mode(u16);

impl Mode {
    /// A file that everybody may read, 0644.
    pub const PUBLIC: Self = Self(0o644);
    /// A file with secrets, 0600.
    pub const SECRET: Self = Self(0o600);
    /// A folder that everybody may enter, 0755.
    pub const FOLDER: Self = Self(0o755);

    /// What may be set: neither set-user-ID, set-group-ID nor sticky, and nobody else may write.
    const ALLOWED: u16 = 0o775;

    /// Those of `bits` that may be set.
    #[must_use]
    pub const fn of(bits: u32) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "masked")]
        Self(bits as u16 & Self::ALLOWED)
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bits = u16::deserialize(deserializer)?;
        let mode = Self::of(bits.into());
        if mode.bits() == bits { Ok(mode) } else { Err(serde::de::Error::custom("a mode that no file gets")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_its_folder() {
        let longest = "x".repeat(MAX_NAME);
        for good in
            ["hostname", "ssh/authorized_keys", "a b", "...", "é/ü", longest.as_str(), &["d"; MAX_DEPTH].join("/")]
        {
            let path = EntryPath::new(good).expect(good);
            assert_eq!((path.as_str(), path.to_string().as_str()), (good, good));
        }
        let cases = [
            ("", PathError::Empty),
            ("/etc/passwd", PathError::Empty),
            ("a//b", PathError::Empty),
            ("a/", PathError::Empty),
            ("..", PathError::Dots),
            ("a/../../b", PathError::Dots),
            ("./a", PathError::Dots),
            ("a\0b", PathError::Control),
            ("a\nb", PathError::Control),
            ("a/\u{85}", PathError::Control),
            (&"x".repeat(MAX_NAME + 1), PathError::Long),
            (&[longest.as_str(); 5].join("/"), PathError::Long),
            (&["d"; MAX_DEPTH + 1].join("/"), PathError::Deep),
        ];
        for (bad, why) in cases {
            assert_eq!(EntryPath::new(bad), Err(why), "{bad:?}");
        }
        assert_eq!(EntryPath::new("a").expect("a").join("b/c"), Err(PathError::Slash));
        assert_eq!(EntryPath::new("a").expect("a").join("b").expect("b").names().collect::<Vec<_>>(), ["a", "b"]);
        let parent = |text: &str| EntryPath::new(text).expect(text).parent().map(|parent| parent.as_str().to_owned());
        assert_eq!((parent("a/b/c").as_deref(), parent("a")), (Some("a/b"), None));
    }

    #[test]
    fn nobody_else_writes_and_no_file_runs_as_another_user() {
        for (asked, given) in [(0o644, 0o644), (0o777, 0o775), (0o4755, 0o755), (0o7777, 0o775), (0o1_000_600, 0o600)] {
            assert_eq!(Mode::of(asked).bits(), given, "{asked:o}");
        }
    }
}
