//! Moments as documents and people have them: whole milliseconds, by the clock that nobody can set and by the wall clock.

mod utc;

use orlop_machine::Instant;
use orlop_sandbox::clock;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// What time it is when a document is written, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// By the clock that machines are told.
    pub boottime: Instant,
    /// By the wall clock, in milliseconds since 1970; 0 for a clock that stands before that.
    pub utc_ms: u64,
}

impl Now {
    /// Reads both clocks.
    #[must_use]
    pub fn read() -> Self {
        let wall = clock_gettime(ClockId::Realtime);
        let seconds = u64::try_from(wall.tv_sec).unwrap_or(0);
        let utc_ms = seconds.saturating_mul(1000).saturating_add(wall.tv_nsec.unsigned_abs() / 1_000_000);
        Self { boottime: clock::now(), utc_ms }
    }
}

/// A moment in a document, three times. The wall clock may have been set since, or may be set before a moment to come:
/// `utc` is what the wall clock would show if it had always gone, and always goes, as it does at the writing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// In milliseconds since boot (`CLOCK_BOOTTIME`), which count on while the machine sleeps.
    pub boottime_ms: u64,
    /// In milliseconds after the document was written; negative for the past.
    pub in_ms: i64,
    /// By the wall clock, as RFC 3339 writes it.
    pub utc: String,
}

impl Moment {
    /// `at`, in a document that is written `now`.
    #[must_use]
    pub fn new(at: Instant, now: Now) -> Self {
        let (boottime_ms, written_ms) = (since_boot_ms(at), since_boot_ms(now.boottime));
        let in_ms = difference_ms(boottime_ms, written_ms);
        Self { boottime_ms, in_ms, utc: utc::rfc3339(now.utc_ms.saturating_add_signed(in_ms)) }
    }

    /// How far it is from `now`, for a person: `in 5 min 0 s` or `12 s ago`.
    #[must_use]
    pub fn seen_from(&self, now: Instant) -> String {
        let ahead = difference_ms(self.boottime_ms, since_boot_ms(now));
        if ahead >= 0 { format!("in {}", span(ahead)) } else { format!("{} ago", span(ahead.saturating_neg())) }
    }

    /// How long ago it was `now`, for a person; no time at all for a moment that is still to come.
    #[must_use]
    pub fn age(&self, now: Instant) -> String {
        span(difference_ms(since_boot_ms(now), self.boottime_ms))
    }
}

/// Whole milliseconds since boot.
fn since_boot_ms(at: Instant) -> u64 {
    at.as_nanos() / 1_000_000
}

fn difference_ms(later: u64, earlier: u64) -> i64 {
    i64::try_from(i128::from(later) - i128::from(earlier)).unwrap_or(i64::MAX)
}

/// A span of milliseconds in its two largest units: `12 s`, `4 min 5 s`, `2 h 3 min`, `6 d 1 h`. A negative one is none.
fn span(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn a_moment_stands_there_by_both_clocks() {
        let now = Now { boottime: at(100_000), utc_ms: 1_000_000 };
        let moment = |boottime_ms, in_ms, utc: &str| Moment { boottime_ms, in_ms, utc: utc.to_owned() };
        assert_eq!(Moment::new(at(100_000), now), moment(100_000, 0, "1970-01-01T00:16:40.000Z"));
        assert_eq!(Moment::new(at(99_999), now), moment(99_999, -1, "1970-01-01T00:16:39.999Z"));
        assert_eq!(Moment::new(at(160_001), now), moment(160_001, 60_001, "1970-01-01T00:17:40.001Z"));
        let early = Now { utc_ms: 5, ..now };
        assert_eq!(Moment::new(at(1), early).utc, "1970-01-01T00:00:00.000Z", "a clock that was not set when it was");
    }

    #[test]
    fn the_wall_clock_goes_on_with_the_other_one() {
        let (first, second) = (Now::read(), Now::read());
        assert!(first.utc_ms > 1_500_000_000_000, "{first:?}");
        assert!(first.boottime <= second.boottime);
    }

    #[test]
    fn a_span_has_two_units() {
        for (ms, want) in [
            (-3000, "0 s"),
            (900, "0 s"),
            (59_000, "59 s"),
            (60_000, "1 min 0 s"),
            (3_599_000, "59 min 59 s"),
            (3_600_000, "1 h 0 min"),
            (86_399_000, "23 h 59 min"),
            (525_600_000, "6 d 2 h"),
            (i64::MIN, "0 s"),
        ] {
            assert_eq!(span(ms), want, "{ms}");
        }
    }

    #[test]
    fn a_person_sees_how_far_a_moment_is() {
        let moment = Moment::new(at(10_000), Now { boottime: at(0), utc_ms: 0 });
        for (now, want, age) in
            [(at(4_000), "in 6 s", "0 s"), (at(10_000), "in 0 s", "0 s"), (at(13_500), "3 s ago", "3 s")]
        {
            assert_eq!((moment.seen_from(now).as_str(), moment.age(now).as_str()), (want, age), "{now:?}");
        }
    }
}
