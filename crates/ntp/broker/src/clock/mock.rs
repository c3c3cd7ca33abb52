//! A clock in a file, for tests and demonstrations: the machine's own stays as it is.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use orlop_ntp_contract::{Frequency, MockClock, Utc};
use rustix::fs::Mode;

/// The clock, and where it is written down: three numbers in one line. What the machine's clock showed, what this one showed
/// then (both in nanoseconds since 1970), and its rate (2^-16 ppm).
#[derive(Debug)]
pub struct Mock {
    clock: MockClock,
    folder: OwnedFd,
    name: String,
}

const MAX_FILE: usize = 200;

impl Mock {
    /// The clock in the file at `path`; one that shows what the machine's does where there is none.
    ///
    /// # Errors
    /// There is no such folder, or what is in the file is no clock.
    pub fn open(path: &Path) -> Result<Self, MockError> {
        let io = |source| MockError::Io { path: path.to_owned(), source };
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| MockError::NoName(path.to_owned()))?;
        let folder = File::open(folder_of(path)).map_err(io)?;
        let clock = match orlop_wholefile::read(folder.as_fd(), name, MAX_FILE) {
            Ok(text) => parse(&text).ok_or_else(|| MockError::NoClock(path.to_owned()))?,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                let now = super::machine();
                MockClock { machine: now, shown: now, rate: Frequency::ZERO }
            }
            Err(cause) => return Err(io(cause)),
        };
        Ok(Self { clock, folder: folder.into(), name: name.to_owned() })
    }

    /// The clock as it stands.
    #[must_use]
    pub const fn clock(&self) -> &MockClock {
        &self.clock
    }

    /// Changes it, and writes it down.
    pub(super) fn change(&mut self, change: impl FnOnce(&MockClock) -> MockClock) -> io::Result<()> {
        self.clock = change(&self.clock);
        let MockClock { machine, shown, rate } = self.clock;
        let text = format!("{} {} {}\n", machine.nanos(), shown.nanos(), rate.scaled());
        orlop_wholefile::replace(self.folder.as_fd(), &self.name, text.as_bytes(), Mode::from_raw_mode(0o644))
    }
}

/// Where the file of a clock lies.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn parse(text: &str) -> Option<MockClock> {
    let mut numbers = text.split_ascii_whitespace();
    let mut utc = || numbers.next()?.parse().ok().and_then(Utc::from_nanos);
    let (machine, shown) = (utc()?, utc()?);
    let rate = numbers.next()?.parse().ok().and_then(Frequency::new)?;
    numbers.next().is_none().then_some(MockClock { machine, shown, rate })
}

/// Why there is no such clock.
#[derive(Debug, thiserror::Error)]
pub enum MockError {
    /// The file or its folder cannot be read.
    #[error("cannot read the clock in {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// The path names no file.
    #[error("{} is no name of a file", .0.display())]
    NoName(PathBuf),
    /// The file holds something else.
    #[error("{} does not hold three numbers: the machine's clock, this clock, its rate", .0.display())]
    NoClock(PathBuf),
}

#[cfg(test)]
mod tests {
    use orlop_ntp_contract::Offset;
    use orlop_testbed::Folder;

    use super::*;

    #[test]
    fn three_numbers_are_a_clock_and_nothing_else_is() {
        let clock = MockClock { machine: Utc::from_secs(2), shown: Utc::EPOCH, rate: Frequency::new(-7).unwrap() };
        for (what, text, want) in [
            ("a clock", "2000000000 0 -7\n", Some(clock)),
            ("two numbers", "2000000000 0\n", None),
            ("four", "2000000000 0 -7 1\n", None),
            ("before 1970", "-1 0 0", None),
            ("beyond 500 ppm", "1 0 32768001", None),
            ("nothing", "", None),
        ] {
            assert_eq!(parse(text), want, "{what}");
        }
    }

    #[test]
    fn the_next_process_finds_it_as_it_was_left() {
        let folder = Folder::new("mock-clock");
        let path = folder.0.join("clock");
        std::fs::write(&path, "1000000000 0 0\n").unwrap();
        let mut mock = Mock::open(&path).unwrap();
        mock.change(|clock| clock.set(Utc::from_secs(3), Offset::from_nanos(5))).unwrap();
        assert_eq!(Mock::open(&path).unwrap().clock(), mock.clock());
        assert_eq!(mock.clock().at(Utc::from_secs(3)), Utc::from_nanos(2_000_000_005).unwrap());
    }
}
