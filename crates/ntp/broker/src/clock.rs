//! The clock: the machine's own, or one of a test's that is made from it.
//!
//! Only what a [`Permitted`](orlop_ntp_contract::Permitted) request says comes here. The kernel keeps two marks that others read:
//! whether the clock is right (`STA_UNSYNC`), and by how much it can be wrong (`maxerror`). While the first is clear, the
//! kernel also writes the time to the hardware's clock every 11 minutes.

mod mock;

use std::io;
use std::time::Duration;

use clock_steering::unix::{Error, UnixClock};
use clock_steering::{Clock as _, LeapIndicator, TimeOffset};
use orlop_ntp_contract::{Frequency, Leap, MockClock, Offset, Utc};
use orlop_sandbox::fatal::{Exit, Fatal};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

pub use mock::{Mock, MockError, folder_of};

/// A clock that can be set.
#[derive(Debug)]
pub enum Clock {
    /// The machine's.
    Machine,
    /// One for tests and demonstrations.
    Mock(Mock),
}

/// The machine's wall clock.
pub(crate) fn machine() -> Utc {
    let now = clock_gettime(ClockId::Realtime);
    Utc::from_parts(now.tv_sec, u32::try_from(now.tv_nsec).unwrap_or(0))
}

const KERNEL: UnixClock = UnixClock::CLOCK_REALTIME;

impl Clock {
    /// Proves that this process may set the clock, and takes the kernel's own control loops out of the way. In a user namespace
    /// `/proc` shows the capability and the kernel refuses: only trying it tells.
    ///
    /// # Errors
    /// It may not ([`Exit::Permission`]).
    pub fn prove(&self) -> Result<(), Fatal> {
        let Self::Machine = self else { return Ok(()) };
        let same = KERNEL.get_frequency().and_then(|rate| KERNEL.set_frequency(rate));
        same.and_then(|_now| KERNEL.disable_kernel_ntp_algorithm()).map_err(|error| {
            let is_forbidden = matches!(error, Error::NoPermission);
            let fatal = Fatal::new(Exit::Permission, "this process may not set the clock").cause(errno(error));
            let help = "capabilities.add: [CAP_SYS_TIME]; in a user namespace, --mock-clock FILE";
            if is_forbidden { fatal.help(help) } else { fatal }
        })
    }

    /// What it shows now.
    #[must_use]
    pub fn now(&self) -> Utc {
        match self {
            Self::Machine => machine(),
            Self::Mock(mock) => mock.clock().at(machine()),
        }
    }

    /// The rate that it has been given.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn rate(&self) -> io::Result<Frequency> {
        match self {
            Self::Machine => Ok(Frequency::saturating(scaled(KERNEL.get_frequency().map_err(errno)?))),
            Self::Mock(mock) => Ok(mock.clock().rate),
        }
    }

    /// Sets it by `offset`.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn step(&mut self, offset: Offset) -> io::Result<()> {
        match self {
            Self::Machine => Ok(KERNEL.step_clock(parts(offset)).map(|_now| ()).map_err(errno)?),
            Self::Mock(mock) => mock.change(|clock| clock.set(machine(), offset)),
        }
    }

    /// Lets it run at this rate.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn pace(&mut self, rate: Frequency) -> io::Result<()> {
        match self {
            // 2^-16 ppm, exactly.
            Self::Machine => {
                Ok(KERNEL.set_frequency(f64::from(rate.scaled()) / 65_536.0).map(|_now| ()).map_err(errno)?)
            }
            Self::Mock(mock) => mock.change(|clock| clock.paced(machine(), rate)),
        }
    }

    /// Tells the kernel, and everybody who asks it, that the clock is right, as far as these bounds say.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn vouch(&mut self, est_error: Duration, max_error: Duration, leap: Leap) -> io::Result<()> {
        let Self::Machine = self else { return Ok(()) };
        // The bounds first: with an old maxerror of 16 s, the kernel takes the mark back within a second (systemd#4626).
        KERNEL.error_estimate_update(est_error, max_error).map_err(errno)?;
        let leap = match leap {
            Leap::None => LeapIndicator::NoWarning,
            Leap::Insert => LeapIndicator::Leap61,
            Leap::Delete => LeapIndicator::Leap59,
        };
        Ok(KERNEL.set_leap_seconds(leap).map_err(errno)?)
    }

    /// Tells the kernel that nobody vouches for the clock any more.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn doubt(&mut self) -> io::Result<()> {
        let Self::Machine = self else { return Ok(()) };
        Ok(KERNEL.set_leap_seconds(LeapIndicator::Unknown).map_err(errno)?)
    }

    /// How whoever else reads this clock has to make it from the machine's; `None` where it is the machine's.
    #[must_use]
    pub fn mock(&self) -> Option<MockClock> {
        match self {
            Self::Machine => None,
            Self::Mock(mock) => Some(*mock.clock()),
        }
    }
}

/// Whole seconds, rounded down, and the rest.
fn parts(offset: Offset) -> TimeOffset {
    let (seconds, nanos) = (offset.nanos().div_euclid(1_000_000_000), offset.nanos().rem_euclid(1_000_000_000));
    TimeOffset { seconds, nanos: u32::try_from(nanos).unwrap_or(0) }
}

/// In units of 2^-16 ppm.
#[expect(clippy::cast_possible_truncation, reason = "a cast saturates, and no clock has such a rate")]
fn scaled(ppm: f64) -> i64 {
    (ppm * 65_536.0).round() as i64
}

fn errno(error: Error) -> Errno {
    match error {
        Error::NoPermission => Errno::PERM,
        Error::NoAccess => Errno::FAULT,
        Error::Invalid => Errno::INVAL,
        Error::NotSupported => Errno::OPNOTSUPP,
        Error::NoDevice => Errno::NODEV,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_whole_seconds_and_a_rest_that_is_never_negative() {
        for (nanos, seconds, rest) in
            [(0, 0, 0), (1, 0, 1), (-1, -1, 999_999_999), (-1_000_000_000, -1, 0), (1_500_000_000, 1, 500_000_000)]
        {
            let parts = parts(Offset::from_nanos(nanos));
            assert_eq!((parts.seconds, parts.nanos), (seconds, rest), "{nanos}");
        }
    }

    #[test]
    fn a_rate_survives_the_way_through_ppm() {
        for rate in [Frequency::MAX, Frequency::MIN, Frequency::ZERO, Frequency::new(1).unwrap()] {
            assert_eq!(scaled(f64::from(rate.scaled()) / 65_536.0), i64::from(rate.scaled()));
        }
    }
}
