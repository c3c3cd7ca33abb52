use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

use crate::{Frequency, Offset, Utc};

/// A clock that is made from the machine's: for tests and demonstrations, where the real one must not be touched. It runs as
/// the machine's does but for `rate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct MockClock {
    /// What the machine's clock showed when this one was last set or given another rate.
    pub machine: Utc,
    /// What this one showed then.
    pub shown: Utc,
    /// How much faster it runs.
    pub rate: Frequency,
}

impl MockClock {
    /// What it shows when the machine's clock shows `machine`.
    #[must_use]
    pub fn at(&self, machine: Utc) -> Utc {
        let passed = machine.since(self.machine);
        // 2^-16 ppm are 2^-16 × 10^-6.
        let gained = i128::from(passed.nanos()).saturating_mul(i128::from(self.rate.scaled())) / (1_000_000 << 16);
        self.shown.saturating_shifted(passed).saturating_shifted(Offset::saturating(gained))
    }

    /// The same clock, set by `offset` when the machine's shows `machine`.
    #[must_use]
    pub fn set(&self, machine: Utc, offset: Offset) -> Self {
        Self { machine, shown: self.at(machine).saturating_shifted(offset), rate: self.rate }
    }

    /// The same clock, with another rate from when the machine's shows `machine`.
    #[must_use]
    pub fn paced(&self, machine: Utc, rate: Frequency) -> Self {
        Self { machine, shown: self.at(machine), rate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_its_own_time_at_its_own_rate() {
        let hour = |n: u64| Utc::from_secs(1_800_000_000 + n * 3600);
        let begun = MockClock { machine: hour(0), shown: Utc::from_secs(7), rate: Frequency::ZERO };
        assert_eq!(begun.at(hour(1)), Utc::from_secs(3607));
        let fast = begun.paced(hour(1), Frequency::MAX);
        assert_eq!(fast.at(hour(2)), Utc::from_nanos(7_207_000_000_000 + 1_800_000_000).unwrap(), "500 ppm of an hour");
        let set = fast.set(hour(2), Offset::from_nanos(-1_800_000_000));
        assert_eq!((set.at(hour(2)), set.rate), (Utc::from_secs(7207), Frequency::MAX));
    }
}
