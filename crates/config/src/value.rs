//! Values that refuse what they cannot mean while the file is read.

use core::time::Duration;
use std::path::{Path, PathBuf};

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer};

/// A whole number of seconds from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Seconds<MIN, MAX> {
    /// `secs`, or `None` outside the range.
    #[must_use]
    pub const fn new(secs: u32) -> Option<Self> {
        if secs >= MIN && secs <= MAX { Some(Self(secs)) } else { None }
    }

    /// How long.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }

    /// The number.
    #[must_use]
    pub const fn secs(self) -> u32 {
        self.0
    }
}

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Seconds<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let secs = i64::deserialize(deserializer)?;
        u32::try_from(secs)
            .ok()
            .and_then(Self::new)
            .ok_or_else(|| D::Error::invalid_value(Unexpected::Signed(secs), &&*format!("{MIN} to {MAX} seconds")))
    }
}

/// A folder, named from the root so that the working directory does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "PathBuf")]
pub struct Folder(PathBuf);

impl Folder {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl TryFrom<PathBuf> for Folder {
    type Error = RelativeFolder;

    fn try_from(path: PathBuf) -> Result<Self, RelativeFolder> {
        if path.is_absolute() { Ok(Self(path)) } else { Err(RelativeFolder) }
    }
}

/// The path of a folder does not begin with `/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path of a folder begins with /")]
pub struct RelativeFolder;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_two_ends() {
        for (secs, ok) in [(0, false), (1, true), (60, true), (61, false)] {
            let seconds = Seconds::<1, 60>::new(secs);
            assert_eq!(seconds.map(Seconds::secs), ok.then_some(secs), "{secs}");
            assert_eq!(seconds.map(Seconds::duration), ok.then(|| Duration::from_secs(secs.into())), "{secs}");
        }
    }

    #[test]
    fn a_folder_begins_at_the_root() {
        assert_eq!(Folder::try_from(PathBuf::from("/run")).unwrap().path(), Path::new("/run"));
        assert_eq!(Folder::try_from(PathBuf::from("run")), Err(RelativeFolder));
    }
}
