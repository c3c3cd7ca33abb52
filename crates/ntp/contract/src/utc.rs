//! A moment of the wall clock.

use core::fmt;
use core::time::Duration;

use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

use crate::Offset;

/// What a wall clock shows: nanoseconds since 1970, without leap seconds, as the kernel counts. From 1970 to 2262, so that
/// the difference of any two is an [`Offset`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Utc(i64);

const NANOS: i64 = 1_000_000_000;
const DAY: u64 = 86_400;

impl Utc {
    /// The beginning of 1970, which is also what a machine without a clock believes.
    pub const EPOCH: Self = Self(0);
    /// The end of what can be said, in 2262.
    pub const MAX: Self = Self(i64::MAX);

    /// Whole seconds and nanoseconds, as the kernel gives them. What lies before 1970 or after 2262 is the end of the range.
    #[must_use]
    pub const fn from_parts(secs: i64, nanos: u32) -> Self {
        let total = secs.saturating_mul(NANOS).saturating_add(nanos as i64);
        Self(if secs < 0 { 0 } else { total })
    }

    /// This many seconds after the beginning of 1970.
    #[must_use]
    pub fn from_secs(secs: u64) -> Self {
        Self::from_parts(i64::try_from(secs).unwrap_or(i64::MAX), 0)
    }

    /// This many nanoseconds after the beginning of 1970; `None` for what is before it.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Option<Self> {
        if nanos < 0 { None } else { Some(Self(nanos)) }
    }

    /// Nanoseconds since the beginning of 1970, never negative.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the beginning of 1970.
    #[must_use]
    pub const fn secs(self) -> u64 {
        self.since_epoch().as_secs()
    }

    /// Nanoseconds of the second.
    #[must_use]
    pub const fn subsec_nanos(self) -> u32 {
        self.since_epoch().subsec_nanos()
    }

    /// How far after `earlier` this is. Exact.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Offset {
        // Neither is negative, so the difference cannot overflow.
        Offset::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This moment moved by `offset`; `None` when that is before 1970 or after 2262.
    #[must_use]
    pub const fn shifted(self, offset: Offset) -> Option<Self> {
        match self.0.checked_add(offset.nanos()) {
            Some(nanos) => Self::from_nanos(nanos),
            None => None,
        }
    }

    /// This moment moved by `offset`, to an end of the range at most.
    #[must_use]
    pub fn saturating_shifted(self, offset: Offset) -> Self {
        Self(self.0.saturating_add(offset.nanos()).max(0))
    }

    /// Whether a leap second may come at the end of this day: the last of June or of December (ITU-R TF.460; the two
    /// other dates that it names have never been used, and a liar would use them).
    #[must_use]
    pub fn is_leap_day(self) -> bool {
        let tomorrow = Self::from_secs(self.secs().saturating_add(DAY));
        matches!(tomorrow.date(), (_, 1 | 7, 1))
    }

    const fn since_epoch(self) -> Duration {
        Duration::from_nanos(self.0.unsigned_abs())
    }

    /// Year, month and day (Gregorian). The algorithm counts in eras of 400 years that begin in March.
    #[must_use]
    pub fn date(self) -> (u32, u32, u32) {
        // Until 2262 this is below 2^17, and every number below fits.
        let days = u32::try_from(self.secs() / DAY).unwrap_or(u32::MAX);
        let day = days.saturating_add(719_468);
        let (era, day) = (day / 146_097, day % 146_097);
        let leap_days = (day / 1_460).saturating_add(day / 146_096);
        let year = day.saturating_sub(leap_days).saturating_add(day / 36_524) / 365;
        let before = year.saturating_mul(365).saturating_add(year / 4).saturating_sub(year / 100);
        let day = day.saturating_sub(before);
        let from_march = day.saturating_mul(5).saturating_add(2) / 153;
        let month_begins = from_march.saturating_mul(153).saturating_add(2) / 5;
        let month = if from_march < 10 { from_march.saturating_add(3) } else { from_march.saturating_sub(9) };
        let year = year.saturating_add(era.saturating_mul(400)).saturating_add(u32::from(month <= 2));
        (year, month, day.saturating_sub(month_begins).saturating_add(1))
    }
}

/// As RFC 3339 has it, to the millisecond, in UTC.
impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        let second = self.secs() % DAY;
        let (hours, minutes, seconds) = (second / 3600, second % 3600 / 60, second % 60);
        let millis = self.subsec_nanos() / 1_000_000;
        write!(f, "{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z")
    }
}

impl TryFrom<i64> for Utc {
    type Error = BeforeEpoch;

    fn try_from(nanos: i64) -> Result<Self, BeforeEpoch> {
        Self::from_nanos(nanos).ok_or(BeforeEpoch)
    }
}

impl From<Utc> for i64 {
    fn from(utc: Utc) -> Self {
        utc.0
    }
}

/// No clock shows this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time before 1970")]
pub struct BeforeEpoch;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (secs, want) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_483_228_799, "2016-12-31T23:59:59.000Z"),
            (2_085_978_496, "2036-02-07T06:28:16.000Z"),
            (2_147_483_648, "2038-01-19T03:14:08.000Z"),
            (4_102_444_799, "2099-12-31T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(Utc::from_secs(secs).to_string(), want);
        }
        assert_eq!(Utc::MAX.date(), (2262, 4, 11));
    }

    #[test]
    fn a_leap_second_comes_at_the_end_of_june_or_december() {
        for (what, secs, want) in [
            ("the last second of 2016", 1_483_228_799, true),
            ("the first of that day", 1_483_142_400, true),
            ("the day before", 1_483_142_399, false),
            ("the new year", 1_483_228_800, false),
            ("the end of June 2015", 1_435_708_799, true),
            ("July", 1_435_708_800, false),
            ("the end of March", 1_427_846_399, false),
        ] {
            assert_eq!(Utc::from_secs(secs).is_leap_day(), want, "{what}");
        }
    }

    #[test]
    fn the_kernels_numbers_end_at_the_ends_of_the_range() {
        assert_eq!(Utc::from_parts(-1, 999_999_999), Utc::EPOCH);
        assert_eq!(Utc::from_parts(i64::MIN, 0), Utc::EPOCH);
        assert_eq!(Utc::from_parts(i64::MAX, 0), Utc::MAX);
        for (nanos, want) in [(-1, None), (0, Some(0)), (1, Some(1)), (i64::MAX, Some(i64::MAX))] {
            assert_eq!(Utc::try_from(nanos).ok().map(i64::from), want);
        }
        assert_eq!(Utc::EPOCH.shifted(Offset::from_nanos(-1)), None);
        assert_eq!(Utc::MAX.shifted(Offset::from_nanos(1)), None);
        assert_eq!(Utc::EPOCH.saturating_shifted(Offset::from_nanos(-1)), Utc::EPOCH);
    }

    proptest! {
        #[test]
        fn a_difference_leads_back(a in 0..=i64::MAX, b in 0..=i64::MAX) {
            let (a, b) = (Utc(a), Utc(b));
            prop_assert_eq!(b.shifted(a.since(b)), Some(a));
        }

        #[test]
        fn days_follow_each_other(day in 0_u64..106_000) {
            let (_, month, date) = Utc::from_secs(day * DAY).date();
            let next = Utc::from_secs((day + 1) * DAY).date();
            prop_assert!(next.2 == date + 1 || (next.2 == 1 && next.1 != month && date >= 28));
        }
    }
}
