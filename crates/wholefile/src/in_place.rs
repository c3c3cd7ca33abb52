//! A file that is written over itself and never replaced.
//!
//! It keeps its inode, for those who have bound it. It keeps its room, and one descriptor stays open: whoever fills the file
//! system, or holds a lease on the file (`F_SETLEASE`), does not keep its writer from writing.
//!
//! It also keeps its length: the new text goes over the old in one write, filled up with one line of spaces to whole blocks of
//! [`BLOCK`] bytes and to what was there, and is never cut. The kernel tells a reader the length and the bytes at different
//! moments, so a file whose length changes can be read with the end of a line, or all of it, missing, however it is written.
//! What remains is a reader in the very copy of these bytes, who can see the start of the new text with the rest of the old.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{FileExt, PermissionsExt};

use rustix::fs::{FallocateFlags, FileType, Mode, OFlags, Stat, fallocate, fstat, openat};
use rustix::io::Errno;

/// The length of a file in bytes, or a multiple of it.
pub const BLOCK: usize = 1024;

/// What the kernel counts the room of a file in, in bytes.
const SECTOR: u64 = 512;

/// A file of a name, in a folder that is named each time.
#[derive(Debug)]
pub struct InPlace {
    name: String,
    mode: u32,
    /// The file, once it could be opened.
    file: Option<File>,
}

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its first bytes: all of them, unless it is longer than anybody asked for.
    pub bytes: Vec<u8>,
    /// How many bytes it has.
    pub length: usize,
    mode: u32,
}

impl InPlace {
    /// The file called `name`, which is made, and kept, with this `mode`.
    #[must_use]
    pub fn new(name: impl Into<String>, mode: u32) -> Self {
        Self { name: name.into(), mode, file: None }
    }

    /// Opens the file in `dir` and takes the room of one block, whatever is in it.
    ///
    /// # Errors
    /// It cannot be had, or there is no room.
    pub fn take_room(&mut self, dir: BorrowedFd<'_>) -> Result<(), InPlaceError> {
        let file = self.file(dir)?;
        // Where there is room, even asking for it would change the time of the file.
        let blocks = u64::try_from(fstat(file).map_err(io::Error::from)?.st_blocks).unwrap_or_default();
        if blocks.saturating_mul(SECTOR) >= BLOCK as u64 {
            return Ok(());
        }
        match fallocate(file, FallocateFlags::KEEP_SIZE, 0, BLOCK as u64) {
            // This file system takes no room beforehand.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            Err(errno) => Err(InPlaceError::Io(errno.into())),
        }
    }

    /// What the file in `dir` says, up to `max` bytes.
    ///
    /// # Errors
    /// It cannot be had, or is no plain file.
    pub fn content(&mut self, dir: BorrowedFd<'_>, max: usize) -> Result<Content, InPlaceError> {
        let file = self.file(dir)?;
        let kind = fstat(file).map_err(io::Error::from)?;
        if FileType::from_raw_mode(kind.st_mode) != FileType::RegularFile {
            return Err(InPlaceError::NotAFile);
        }
        let length = usize::try_from(kind.st_size).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length.min(max)];
        let read = file.read_at(&mut bytes, 0)?;
        bytes.truncate(read);
        Ok(Content { bytes, length, mode: kind.st_mode & 0o7777 })
    }

    /// Puts `text` over `old`, which is what the file in `dir` says, unless it says that already. Whether it did not.
    ///
    /// # Errors
    /// The kernel refuses, or has no room.
    pub fn put(&mut self, dir: BorrowedFd<'_>, old: &Content, text: &[u8]) -> Result<bool, InPlaceError> {
        let mode = self.mode;
        let file = self.file(dir)?;
        // Whatever the umask said, and others before us.
        if old.mode != mode {
            file.set_permissions(Permissions::from_mode(mode))?;
        }
        let whole = filled(text, old.bytes.len());
        if old.bytes == whole && old.length == whole.len() {
            return Ok(false);
        }
        if file.write_at(&whole, 0)? != whole.len() {
            return Err(InPlaceError::Short);
        }
        if old.length > whole.len() {
            // Nobody's: so long that not all of it was read.
            file.set_len(u64::try_from(whole.len()).unwrap_or(u64::MAX))?;
        }
        Ok(true)
    }

    /// The file that has the name now, open. Whoever shares the folder may have put another one in its place.
    fn file(&mut self, dir: BorrowedFd<'_>) -> Result<&File, InPlaceError> {
        let look = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let kind = match openat(dir, &self.name, look, Mode::empty()) {
            // Not through the C library, which makes another system call for it on each target.
            Ok(named) => Some(fstat(named).map_err(io::Error::from)?),
            Err(Errno::NOENT) => None,
            // The folder is closed to us. The file that is open is the best that there is.
            Err(errno) => return self.file.as_ref().ok_or(InPlaceError::Open(errno)),
        };
        match kind.map(|kind| FileType::from_raw_mode(kind.st_mode)) {
            None | Some(FileType::RegularFile) => {}
            Some(FileType::Symlink) => return Err(InPlaceError::Link),
            Some(_) => return Err(InPlaceError::NotAFile),
        }
        let identity = |kind: &Stat| (kind.st_dev, kind.st_ino);
        let open = self.file.as_ref().and_then(|file| fstat(file).ok());
        match self.file.take_if(|_| open.is_some() && open.as_ref().map(identity) == kind.as_ref().map(identity)) {
            Some(file) => Ok(self.file.insert(file)),
            None => {
                let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let opened = openat(dir, &self.name, flags, Mode::from_raw_mode(self.mode));
                let opened = opened.map_err(|errno| match errno {
                    Errno::LOOP => InPlaceError::Link,
                    errno => InPlaceError::Open(errno),
                })?;
                Ok(self.file.insert(opened.into()))
            }
        }
    }
}

/// `text` and a line of spaces, together as long as whole blocks and at least `least` bytes.
fn filled(text: &[u8], least: usize) -> Vec<u8> {
    let length = text.len().next_multiple_of(BLOCK).max(least);
    let mut whole = text.to_vec();
    if length > text.len() {
        whole.resize(length - 1, b' ');
        whole.push(b'\n');
    }
    whole
}

/// Why a file is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum InPlaceError {
    /// It cannot be opened or made.
    #[error(transparent)]
    Open(Errno),
    /// The name is a symbolic link: its target is somebody else's file.
    #[error("it is a symbolic link")]
    Link,
    /// The name is a folder, a device or a pipe.
    #[error("it is not a plain file")]
    NotAFile,
    /// Only a part could be written.
    #[error("not all of it could be written: no room?")]
    Short,
    /// It cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<InPlaceError> for io::Error {
    fn from(error: InPlaceError) -> Self {
        match error {
            InPlaceError::Open(errno) => errno.into(),
            InPlaceError::Io(error) => error,
            other @ (InPlaceError::Link | InPlaceError::NotAFile | InPlaceError::Short) => Self::other(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::MetadataExt as _;

    use orlop_testbed::Folder;

    use super::*;

    /// Puts `text` into the file, and gives what is there then.
    fn put(file: &mut InPlace, folder: &Folder, text: &str) -> Result<(bool, String), InPlaceError> {
        let dir = folder.open();
        let old = file.content(dir.as_fd(), 4096)?;
        let written = file.put(dir.as_fd(), &old, text.as_bytes())?;
        Ok((written, std::fs::read_to_string(folder.0.join("f")).unwrap()))
    }

    #[test]
    fn a_text_goes_over_the_old_one_in_the_same_file() {
        let folder = Folder::new("in-place");
        let mut file = InPlace::new("f", 0o600);
        file.take_room(folder.open().as_fd()).unwrap();
        let meta = || std::fs::metadata(folder.0.join("f")).unwrap();
        let (inode, room) = (meta().ino(), meta().blocks() * SECTOR);
        assert!(room >= BLOCK as u64, "{room} bytes");
        for (what, text, changes, length) in [
            ("the first", "a\nb\n".to_owned(), true, BLOCK),
            ("the same", "a\nb\n".to_owned(), false, BLOCK),
            ("a longer one", "x".repeat(BLOCK + 1), true, 2 * BLOCK),
            ("a short one", "c\n".to_owned(), true, 2 * BLOCK),
        ] {
            let (written, now) = put(&mut file, &folder, &text).unwrap();
            assert_eq!((written, now.len()), (changes, length), "{what}");
            assert_eq!(now.trim_end(), text.trim_end(), "{what}");
            assert_eq!((meta().ino(), meta().mode() & 0o7777), (inode, 0o600), "{what}");
        }
    }

    #[test]
    fn another_file_of_the_name_is_written_and_what_is_none_is_not() {
        let folder = Folder::new("in-place-others");
        let mut file = InPlace::new("f", 0o600);
        put(&mut file, &folder, "one").unwrap();
        std::fs::remove_file(folder.0.join("f")).unwrap();
        assert!(put(&mut file, &folder, "two").unwrap().1.starts_with("two"), "removed");
        std::fs::write(folder.0.join("other"), "theirs").unwrap();
        std::fs::rename(folder.0.join("other"), folder.0.join("f")).unwrap();
        assert!(put(&mut file, &folder, "three").unwrap().1.starts_with("three"), "replaced");
        std::fs::rename(folder.0.join("f"), folder.0.join("aside")).unwrap();
        std::os::unix::fs::symlink("aside", folder.0.join("f")).unwrap();
        assert!(matches!(put(&mut file, &folder, "four"), Err(InPlaceError::Link)));
        std::fs::remove_file(folder.0.join("f")).unwrap();
        std::fs::create_dir(folder.0.join("f")).unwrap();
        assert!(matches!(put(&mut file, &folder, "five"), Err(InPlaceError::NotAFile)));
        assert!(std::fs::read_to_string(folder.0.join("aside")).unwrap().starts_with("three"), "untouched");
    }
}
