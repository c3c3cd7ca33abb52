use core::time::Duration;

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

/// A moment on `CLOCK_BOOTTIME`, in nanoseconds since boot.
///
/// Boot time goes on while the machine sleeps, so a lease ages during suspend as the server counts it, and no
/// wall-clock step can lengthen it. Arithmetic saturates: no input can make time wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
#[serde(transparent)]
pub struct Instant(u64);

impl Instant {
    /// The moment `nanos` nanoseconds after boot.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since boot.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The moment `delay` later; the end of time if that is beyond it (584 years after boot).
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        let nanos = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// How long after `earlier` this is; zero if it is before.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stops_at_its_end_instead_of_wrapping() {
        let end = Instant::from_nanos(u64::MAX);
        assert_eq!(end.after(Duration::from_secs(1)), end);
        assert_eq!(Instant::from_nanos(1).after(Duration::MAX), end);
    }

    #[test]
    fn a_moment_is_its_nanoseconds_since_boot() {
        let start = Instant::from_nanos(1_500_000_000);
        assert_eq!(start.as_nanos(), 1_500_000_000);
        assert_eq!(start.after(Duration::from_millis(500)).as_nanos(), 2_000_000_000);
    }

    #[test]
    fn an_interval_is_never_negative() {
        let (early, late) = (Instant::from_nanos(5), Instant::from_nanos(9));
        assert_eq!(late.since(early), Duration::from_nanos(4));
        assert_eq!(early.since(late), Duration::ZERO);
    }
}
