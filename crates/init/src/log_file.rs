//! The log of one stream of one container: two files of bounded size, the older of which is overwritten.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use orlop_machine::Instant;
use rustix::fs::{Mode, OFlags};

use crate::record::{millis, seconds};

/// The size of each of the two: half a megabyte is some ten thousand lines.
pub const MAX_FILE: u64 = 512 << 10;

/// A log that keeps what is newest.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    max: u64,
}

impl LogFile {
    /// The log at `path`; what is in it stays.
    ///
    /// # Errors
    /// When it cannot be opened, or is no file: a container that has `/var/log` may have put a link or a pipe there.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::with_limit(path, MAX_FILE)
    }

    fn with_limit(path: &Path, max: u64) -> io::Result<Self> {
        // Without O_NONBLOCK, a pipe that nobody reads would be waited for.
        let flags =
            OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::open(path, flags, Mode::from_raw_mode(0o640))?);
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(Self { path: path.to_owned(), file, size: metadata.len(), max })
    }

    /// Adds a line, with the time.
    ///
    /// # Errors
    /// When the disk is full, for instance.
    pub fn append(&mut self, now: Instant, line: &str) -> io::Result<()> {
        let line = format!("{} {line}\n", seconds(millis(now)));
        let len = line.len() as u64;
        if self.size + len > self.max {
            let mut older = self.path.clone().into_os_string();
            older.push(".1");
            match fs::rename(&self.path, older) {
                // Somebody has taken it away: there is a new one from here on.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            *self = Self::with_limit(&self.path, self.max)?;
        }
        self.file.write_all(line.as_bytes())?;
        self.size += len;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use orlop_testbed::Folder;

    use super::*;

    #[test]
    fn the_newest_lines_are_kept_and_no_more() {
        let folder = Folder::new("init-log");
        let path = folder.0.join("dhcpcd.log");
        let mut log = LogFile::with_limit(&path, 100).unwrap();
        for n in 0..50 {
            log.append(Instant::from_nanos(1_500_000_000), &format!("line {n}")).unwrap();
        }
        let (new, old) =
            (fs::read_to_string(&path).unwrap(), fs::read_to_string(folder.0.join("dhcpcd.log.1")).unwrap());
        assert!(new.len() <= 100 && old.len() <= 100, "{} {}", new.len(), old.len());
        assert!(new.ends_with("1.500 line 49\n"), "{new}");
        let all = format!("{old}{new}");
        assert!(all.contains("line 45\n") && !all.contains("line 9\n"), "{all}");
        assert_eq!(folder.names(), ["dhcpcd.log", "dhcpcd.log.1"]);
    }

    #[test]
    fn a_log_goes_on_where_it_was() {
        let folder = Folder::new("init-log-again");
        let path = folder.0.join("a.log");
        for line in ["one", "two"] {
            LogFile::open(&path).unwrap().append(Instant::from_nanos(0), line).unwrap();
        }
        assert_eq!(fs::read_to_string(path).unwrap(), "0.000 one\n0.000 two\n");
    }

    #[test]
    fn a_log_that_was_taken_away_begins_anew_when_its_file_is_full() {
        let folder = Folder::new("init-log-gone");
        let path = folder.0.join("a.log");
        let mut log = LogFile::with_limit(&path, 20).unwrap();
        log.append(Instant::from_nanos(0), "one line").unwrap();
        fs::remove_file(&path).unwrap();
        log.append(Instant::from_nanos(0), "another").unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "0.000 another\n");
    }

    #[test]
    fn what_a_container_puts_in_its_place_is_neither_followed_nor_waited_for() {
        let folder = Folder::new("init-log-planted");
        let (link, pipe, kept) = (folder.0.join("a.log"), folder.0.join("b.log"), folder.0.join("kept"));
        fs::write(&kept, "mine").unwrap();
        std::os::unix::fs::symlink(&kept, &link).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        // With a reader it can be opened for writing at once.
        let reader = rustix::fs::open(&pipe, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()).unwrap();
        for path in [&link, &pipe] {
            assert!(LogFile::open(path).is_err(), "{}", path.display());
        }
        drop(reader);
        assert!(LogFile::open(&pipe).is_err(), "a pipe without a reader");
        assert_eq!(fs::read_to_string(kept).unwrap(), "mine");
    }
}
