//! One measurement of our clock against a server's.

use core::time::Duration;

use orlop_machine::Instant;
use orlop_ntp_contract::{Handover, Leap, Offset, Reading};

/// What one answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// When it came.
    pub at: Instant,
    /// What our clock lacks.
    pub offset: Offset,
    /// Round trip to the server and back, without the time that it took there.
    pub delay: Duration,
    /// The server's stratum, 1 to 15; 0 for a clock that is no server.
    pub stratum: u8,
    /// What the server says of the end of the day.
    pub leap: Leap,
    /// Round trip from the server to the primary clock.
    pub root_delay: Duration,
    /// Error that has gathered on that way.
    pub root_dispersion: Duration,
    /// How finely both clocks can be read.
    pub precision: Duration,
}

/// How fast an old measurement becomes worse: the largest error of two good crystals (PHI of RFC 5905 section 7.2 is 15 ppm).
const WORSENING_PPM: u32 = 15;

/// How wrong a hardware clock may be. That of a virtual machine is its host's, of which nobody tells how well it is kept.
const OF_A_CLOCK: Duration = Duration::from_millis(1);

impl Sample {
    /// What a hardware clock says: it is primary, at no distance, and knows of no leap second.
    #[must_use]
    pub const fn of_clock(reading: Reading) -> Self {
        let Reading { at, shown: _, offset, delay } = reading;
        Self {
            at,
            offset,
            delay,
            stratum: 0,
            leap: Leap::None,
            root_delay: Duration::ZERO,
            root_dispersion: OF_A_CLOCK,
            precision: Duration::ZERO,
        }
    }

    /// What an earlier process has measured.
    #[must_use]
    pub const fn handed_over(handover: Handover) -> Self {
        let Handover { server: _, at, offset, delay, stratum, leap, root_delay, root_dispersion } = handover;
        Self { at, offset, delay, stratum, leap, root_delay, root_dispersion, precision: Duration::ZERO }
    }

    /// The largest error that it may have `now`: half of all round trips, for they may be one-sided, and what clocks add to
    /// it (the root synchronisation distance of RFC 5905 section 11.2).
    #[must_use]
    pub fn distance(&self, now: Instant) -> Duration {
        let worsened = part(now.since(self.at).saturating_mul(WORSENING_PPM), 1_000_000);
        let round_trips = part(self.root_delay.saturating_add(self.delay), 2);
        round_trips.saturating_add(self.root_dispersion).saturating_add(self.precision).saturating_add(worsened)
    }

    /// The same measurement as it would have been, had `by` been added to the clock before.
    #[must_use]
    pub fn shifted(self, by: Offset) -> Self {
        Self { offset: self.offset.minus(by), ..self }
    }
}

/// One of `of` equal parts of a span.
pub(crate) fn part(span: Duration, of: u32) -> Duration {
    span.checked_div(of).unwrap_or_default()
}

/// How much neighbouring measurements differ (root mean square, RFC 5905 section 10), the latest one last.
#[must_use]
pub fn jitter<'s>(samples: impl IntoIterator<Item = &'s Sample>) -> Duration {
    let (mut sum, mut count, mut before) = (0_u128, 0_u128, None::<Offset>);
    for Sample { offset, .. } in samples {
        if let Some(before) = before {
            let difference = u128::from(offset.minus(before).nanos().unsigned_abs());
            sum = sum.saturating_add(difference.saturating_mul(difference));
            count = count.saturating_add(1);
        }
        before = Some(*offset);
    }
    Duration::from_nanos(u64::try_from(sum.checked_div(count).unwrap_or(0).isqrt()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(nanos: i64) -> Sample {
        let (millis, zero) = (Duration::from_millis, Duration::ZERO);
        let at = Instant::from_nanos(0);
        let offset = Offset::from_nanos(nanos);
        Sample {
            at,
            offset,
            delay: millis(20),
            stratum: 2,
            leap: Leap::None,
            root_delay: millis(10),
            root_dispersion: millis(5),
            precision: zero,
        }
    }

    #[test]
    fn the_distance_grows_with_time() {
        let sample = sample(0);
        assert_eq!(sample.distance(sample.at), Duration::from_millis(20));
        assert_eq!(sample.distance(sample.at.after(Duration::from_secs(1000))), Duration::from_millis(35));
    }

    #[test]
    fn jitter_is_the_root_mean_square_of_differences() {
        for (what, offsets, want) in [
            ("nothing", &[][..], 0),
            ("a single one", &[5], 0),
            ("always the same", &[7, 7, 7], 0),
            ("3 and 4", &[0, 3, -1], 3),
            ("the widest", &[i64::MIN, i64::MAX, i64::MIN], i64::MAX.unsigned_abs()),
        ] {
            let samples: Vec<Sample> = offsets.iter().map(|nanos| sample(*nanos)).collect();
            assert_eq!(jitter(&samples), Duration::from_nanos(want), "{what}");
        }
    }
}
