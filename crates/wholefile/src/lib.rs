//! Small files that readers see whole: the old content or the new, never a part.
//!
//! What brokers leave for others: status, metrics, audits. Start at [`replace`]; a file that must not be replaced, or must be
//! written when the file system is full, is [`InPlace`].
#![forbid(unsafe_code)]

mod in_place;

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Mode, OFlags, fchmod, openat, renameat, unlinkat};
use rustix::io::Errno;

pub use in_place::{BLOCK, Content, InPlace, InPlaceError};

/// Puts `content` at `name` in the folder `dir`, by way of a file that nobody else looks at.
///
/// # Errors
/// The kernel refuses; what was there before is still there.
pub fn replace(dir: BorrowedFd<'_>, name: &str, content: &[u8], mode: Mode) -> io::Result<()> {
    let draft = draft(name);
    let open = || {
        openat(dir, &draft, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC, mode)
    };
    let file = match open() {
        // A process that was killed left it there.
        Err(Errno::EXIST) => unlinkat(dir, &draft, AtFlags::empty()).and_then(|()| open()),
        other => other,
    }?;
    let written = (|| {
        // Whatever the umask says.
        fchmod(&file, mode)?;
        std::fs::File::from(file).write_all(content)?;
        renameat(dir, &draft, dir, name)?;
        Ok(())
    })();
    if written.is_err() {
        // The draft is of no use; the error that is reported is the first.
        let _ = unlinkat(dir, &draft, AtFlags::empty());
    }
    written
}

/// What the file of that name is called while it is written. It does not end like `name`, so that a reader who goes by the
/// ending (`*.prom`) never takes it; and it has a colon, which no interface has in its name, so that where files are named
/// for interfaces it is the file of none (`eth0` and `eth0.new` can both be there).
fn draft(name: &str) -> String {
    format!("{name}:new")
}

/// Reads the regular file or pipe `name` in `dir`, up to `max` bytes.
///
/// # Errors
/// The kernel refuses, `name` is a symbolic link, or the content is longer ([`io::ErrorKind::FileTooLarge`]) or not
/// UTF-8 ([`io::ErrorKind::InvalidData`]).
pub fn read(dir: BorrowedFd<'_>, name: &str, max: usize) -> io::Result<String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = std::fs::File::from(openat(dir, name, flags, Mode::empty())?);
    let mut bytes = Vec::new();
    file.take(max as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > max {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Removes the file `name` from `dir`, if it is there.
///
/// # Errors
/// The kernel refuses.
pub fn remove(dir: impl AsFd, name: &str) -> io::Result<()> {
    match unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use orlop_testbed::Folder;

    use super::*;

    #[test]
    fn the_new_content_takes_the_place_of_the_old_and_nothing_else_is_left() {
        let folder = Folder::new("replace");
        let dir = folder.open();
        std::fs::write(folder.0.join(draft("a.prom")), "left by a process that was killed").unwrap();
        for content in ["one", "another, longer", ""] {
            replace(dir.as_fd(), "a.prom", content.as_bytes(), Mode::from_raw_mode(0o644)).unwrap();
            assert_eq!(read(dir.as_fd(), "a.prom", 64).unwrap(), content);
        }
        assert_eq!(folder.names(), ["a.prom"]);
        assert_eq!(std::fs::metadata(folder.0.join("a.prom")).unwrap().permissions().mode() & 0o777, 0o644);
    }

    #[test]
    fn a_link_in_place_of_the_draft_leads_nowhere() {
        let folder = Folder::new("link");
        std::fs::write(folder.0.join("precious"), "untouched").unwrap();
        symlink("precious", folder.0.join(draft("a"))).unwrap();
        let dir = folder.open();
        replace(dir.as_fd(), "a", b"new", Mode::from_raw_mode(0o600)).unwrap();
        assert_eq!(read(dir.as_fd(), "precious", 64).unwrap(), "untouched");
        symlink("precious", folder.0.join("b")).unwrap();
        assert!(read(dir.as_fd(), "b", 64).is_err(), "a link is not followed when reading, either");
    }

    /// Interfaces may be called almost anything.
    #[test]
    fn files_that_are_named_for_interfaces_do_not_meet_in_their_drafts() {
        let folder = Folder::new("interfaces");
        let dir = folder.open();
        let names = ["eth0", "eth0.new", "eth0.new.new", "eth0.draft", "eth0~", ".eth0", "eth0.tmp", "eth0.100"];
        for name in names {
            replace(dir.as_fd(), &format!("lease.{name}"), name.as_bytes(), Mode::from_raw_mode(0o600)).unwrap();
        }
        for name in names {
            replace(dir.as_fd(), &format!("lease.{name}"), name.as_bytes(), Mode::from_raw_mode(0o600)).unwrap();
            for other in names {
                assert_eq!(read(dir.as_fd(), &format!("lease.{other}"), 64).unwrap(), other, "{name} was written");
            }
            assert!(!draft(name).ends_with(".prom") && draft(name).contains(':'));
        }
        assert_eq!(folder.names().len(), names.len());
    }

    #[test]
    fn a_failed_write_leaves_the_old_content_and_no_draft() {
        let folder = Folder::new("fail");
        let dir = folder.open();
        // A folder cannot be replaced by a file: the rename fails.
        std::fs::create_dir(folder.0.join("a")).unwrap();
        assert!(replace(dir.as_fd(), "a", b"new", Mode::from_raw_mode(0o600)).is_err());
        assert_eq!(folder.names(), ["a"]);
    }

    #[test]
    fn what_is_too_long_or_no_text_is_not_read() {
        let folder = Folder::new("read");
        let dir = folder.open();
        for (what, content, want) in [
            ("as long as allowed", &b"1234"[..], Ok("1234")),
            ("one longer", b"12345", Err(io::ErrorKind::FileTooLarge)),
            ("no UTF-8", b"\xff", Err(io::ErrorKind::InvalidData)),
        ] {
            std::fs::write(folder.0.join("f"), content).unwrap();
            let got = read(dir.as_fd(), "f", 4).map_err(|error| error.kind());
            assert_eq!(got.as_deref(), want.as_ref().map(|text| *text), "{what}");
        }
        assert_eq!(read(dir.as_fd(), "none", 4).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn removing_what_is_not_there_is_no_error() {
        let folder = Folder::new("remove");
        std::fs::write(folder.0.join("f"), "").unwrap();
        remove(folder.open(), "f").unwrap();
        remove(folder.open(), "f").unwrap();
        assert!(folder.names().is_empty());
    }
}
