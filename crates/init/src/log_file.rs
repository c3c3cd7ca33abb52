//! The log of one stream of one container: two files of bounded size, the older of which is overwritten.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use orlop_machine::Instant;

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
    /// When it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::with_limit(path, MAX_FILE)
    }

    fn with_limit(path: &Path, max: u64) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o640).open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, size, max })
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
            fs::rename(&self.path, older)?;
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
}
