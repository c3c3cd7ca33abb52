//! Hardware clocks that the kernel has beside its own (PTP hardware clocks): of a network card, or of the host that a virtual
//! machine runs on. They are only read here; a descriptor that is open for reading cannot set one.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;

pub use crate::sys::Time;
use crate::sys::{self, EXTENDED, LOOKS, PLAIN, PRECISE};

/// Where the kernel lists them, and how one is called there.
const LIST: &str = "/sys/class/ptp";
const NAME: &str = "clock_name";
/// More than a name has.
const MAX_NAME: usize = 128;

/// The requests that [`HardwareClock::looks`] makes of the kernel with `ioctl`, for a profile to pin.
#[expect(clippy::cast_possible_truncation, reason = "they have 32 bits")]
pub const REQUESTS: [u32; 3] = [PRECISE as u32, EXTENDED as u32, PLAIN as u32];

/// A hardware clock, open.
#[derive(Debug)]
pub struct HardwareClock {
    device: OwnedFd,
    name: String,
}

/// The machine's wall clock, the hardware clock, and the wall clock again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The wall clock before.
    pub before: Time,
    /// The hardware clock.
    pub hardware: Time,
    /// The wall clock after it.
    pub after: Time,
}

impl HardwareClock {
    /// Opens the first one whose name `is_wanted`. To be done before the sandbox narrows.
    ///
    /// # Errors
    /// There is none ([`io::ErrorKind::NotFound`], with the names that there are), or its device is not in this container.
    pub fn find(is_wanted: impl Fn(&str) -> bool) -> io::Result<Self> {
        let clocks = named(Path::new(LIST));
        let Some((number, name)) = clocks.iter().find(|(_, name)| is_wanted(name)) else {
            let names: Vec<&str> = clocks.iter().map(|(_, name)| name.as_str()).collect();
            let found =
                if names.is_empty() { "there is none".to_owned() } else { format!("there is: {}", names.join(", ")) };
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("{LIST}: {found}")));
        };
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
        let device = open(Path::new("/dev").join(number), flags, Mode::empty())
            .map_err(|errno| io::Error::new(io::Error::from(errno).kind(), format!("/dev/{number}: {errno}")))?;
        Ok(Self { device, name: name.clone() })
    }

    /// What its driver calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Looks at both clocks, at the same moment where the hardware can, or else a few times one after the other.
    ///
    /// # Errors
    /// The driver refuses.
    pub fn looks(&self) -> io::Result<Vec<Look>> {
        let device = self.device.as_fd();
        let unable = |error: &io::Error| {
            matches!(Errno::from_io_error(error), Some(Errno::OPNOTSUPP | Errno::NODEV | Errno::NOTTY | Errno::INVAL))
        };
        match sys::read_precise(device) {
            Ok(read) => {
                return Ok(vec![Look { before: read.machine, hardware: read.hardware, after: read.machine }]);
            }
            Err(error) if unable(&error) => {}
            Err(error) => return Err(error),
        }
        match sys::read_extended(device) {
            Ok(read) => {
                let look = |[before, hardware, after]: [Time; 3]| Look { before, hardware, after };
                return Ok(read.looks.into_iter().take(LOOKS).map(look).collect());
            }
            Err(error) if unable(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(in_turn(&sys::read_plain(device)?.times[..=2 * LOOKS]))
    }
}

/// The names of the clocks below `list`, in the order of their devices.
fn named(list: &Path) -> Vec<(String, String)> {
    let mut clocks: Vec<(String, String)> = fs::read_dir(list)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let number = entry.ok()?.file_name().into_string().ok()?;
            let name = fs::read_to_string(list.join(&number).join(NAME)).ok()?;
            Some((number, name.trim_end().chars().take(MAX_NAME).collect()))
        })
        .collect();
    clocks.sort();
    clocks
}

/// Looks of times that were read in turn: the machine's first and last.
fn in_turn(times: &[Time]) -> Vec<Look> {
    let look = |at: &[Time]| match at {
        [before, hardware, after] => Some(Look { before: *before, hardware: *hardware, after: *after }),
        _ => None,
    };
    times.windows(3).step_by(2).filter_map(look).collect()
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    fn time(secs: i64) -> Time {
        let mut time = Time::default();
        time.secs = secs;
        time
    }

    #[test]
    fn times_that_were_read_in_turn_are_looks() {
        let times: Vec<Time> = (0..5).map(time).collect();
        let look = |at| Look { before: time(at), hardware: time(at + 1), after: time(at + 2) };
        assert_eq!(in_turn(&times), [look(0), look(2)]);
        assert_eq!(in_turn(&times[..2]), []);
    }

    #[test]
    fn clocks_are_found_by_their_names() {
        let list = env::temp_dir().join(format!("orlop-hardware-clocks-{}", std::process::id()));
        for (number, name) in [("ptp1", "KVM virtual PTP\n"), ("ptp0", "e1000e\n")] {
            fs::create_dir_all(list.join(number)).unwrap();
            fs::write(list.join(number).join(NAME), name).unwrap();
        }
        fs::create_dir_all(list.join("ptp2")).unwrap();
        let want = [("ptp0", "e1000e"), ("ptp1", "KVM virtual PTP")];
        assert_eq!(named(&list), want.map(|(number, name)| (number.to_owned(), name.to_owned())));
        fs::remove_dir_all(&list).unwrap();
        assert_eq!(named(&list), []);
    }

    // There is no such clock on this machine: what is tried is that each of the three calls reaches the kernel, and that what
    // is no clock is said to be none.
    #[test]
    fn what_is_no_clock_is_not_read() {
        let device = open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let clock = HardwareClock { device, name: "null".to_owned() };
        assert_eq!(Errno::from_io_error(&clock.looks().unwrap_err()), Some(Errno::NOTTY));
        let none = HardwareClock::find(|_| false).unwrap_err();
        assert!(none.kind() == io::ErrorKind::NotFound && none.to_string().contains(LIST), "{none}");
    }
}
