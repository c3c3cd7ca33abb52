//! How fast the clock runs, and how far slews have moved it.

use orlop_machine::Instant;
use orlop_ntp_contract::{Frequency, Offset};

/// The rate that the broker was asked for, and what slews have done since the beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) drift: Frequency,
    pub(super) slew: Frequency,
    /// What it was before, in case that it is refused.
    before: (Frequency, Frequency),
    since: Instant,
    slewed: Offset,
}

/// Units of [`Frequency`] in one second per second.
const SCALE: i128 = 65_536_000_000;

impl Rate {
    /// A clock that runs like this.
    pub(super) const fn new(now: Instant, drift: Frequency) -> Self {
        let none = Frequency::ZERO;
        Self { drift, slew: none, before: (drift, none), since: now, slewed: Offset::ZERO }
    }

    /// How far slews have moved the clock, altogether. A measurement is kept with this added, so that taking away the sum of
    /// a later moment gives what it would say then.
    pub(super) fn slewed(&self, now: Instant) -> Offset {
        let elapsed = i128::from(Offset::from_span(now.since(self.since)).nanos());
        let moved = elapsed.saturating_mul(i128::from(self.slew.scaled())) / SCALE;
        self.slewed.plus(Offset::saturating(moved))
    }

    /// From now on it runs like this.
    pub(super) fn change(&mut self, now: Instant, drift: Frequency, slew: Frequency) {
        let slewed = self.slewed(now);
        *self = Self { drift, slew, before: (self.drift, self.slew), since: now, slewed };
    }

    /// No, it does not.
    pub(super) fn refused(&mut self, now: Instant) {
        let (drift, slew) = self.before;
        self.change(now, drift, slew);
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn a_slew_moves_the_clock_and_the_drift_does_not() {
        let start = Instant::from_nanos(0);
        let at = |secs| start.after(Duration::from_secs(secs));
        let ppm = |ppm: i32| Frequency::new(ppm << 16).unwrap();
        let mut rate = Rate::new(start, ppm(20));
        assert_eq!(rate.slewed(at(1000)), Offset::ZERO);
        rate.change(at(1000), ppm(20), ppm(-400));
        assert_eq!(rate.slewed(at(1010)), Offset::from_nanos(-4_000_000));
        rate.change(at(1010), ppm(21), Frequency::ZERO);
        assert_eq!(rate.slewed(at(9999)), Offset::from_nanos(-4_000_000));
        rate.refused(at(9999));
        assert_eq!((rate.drift, rate.slew), (ppm(20), ppm(-400)), "as it was before");
    }
}
