//! How much faster or slower a clock runs.

use core::fmt;

use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

/// A correction of a clock's rate in the kernel's unit, 2^-16 ppm; positive makes it run faster. Never beyond 500 ppm,
/// which is all that `ADJ_FREQUENCY` takes (RFC 5905 calls it the maximum too).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, MaxSize)]
#[serde(try_from = "i32", into = "i32")]
pub struct Frequency(i32);

impl Frequency {
    /// The crystal's own rate.
    pub const ZERO: Self = Self(0);
    /// 500 ppm.
    pub const MAX: Self = Self(500 << 16);
    /// -500 ppm.
    pub const MIN: Self = Self(-(500 << 16));

    /// `scaled` times 2^-16 ppm; `None` beyond 500 ppm.
    #[must_use]
    pub const fn new(scaled: i32) -> Option<Self> {
        if scaled < Self::MIN.0 || scaled > Self::MAX.0 { None } else { Some(Self(scaled)) }
    }

    /// `scaled` times 2^-16 ppm, or 500 ppm in its direction.
    #[must_use]
    pub fn saturating(scaled: i64) -> Self {
        let clamped = scaled.clamp(i64::from(Self::MIN.0), i64::from(Self::MAX.0));
        Self(i32::try_from(clamped).unwrap_or(0))
    }

    /// In units of 2^-16 ppm.
    #[must_use]
    pub const fn scaled(self) -> i32 {
        self.0
    }

    /// Both at once; `None` when that is beyond 500 ppm.
    #[must_use]
    pub const fn plus(self, other: Self) -> Option<Self> {
        // Neither is beyond 2^25.
        Self::new(self.0.saturating_add(other.0))
    }

    /// What is left of `self` without `other`, 500 ppm at most.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self::saturating(i64::from(self.0).saturating_sub(i64::from(other.0)))
    }
}

/// Parts per million with a sign and three digits.
impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        let thousandths = u64::from(self.0.unsigned_abs()).saturating_mul(1000).saturating_add(1 << 15) >> 16_u32;
        write!(f, "{sign}{}.{:03}", thousandths / 1000, thousandths % 1000)
    }
}

impl TryFrom<i32> for Frequency {
    type Error = TooFast;

    fn try_from(scaled: i32) -> Result<Self, TooFast> {
        Self::new(scaled).ok_or(TooFast)
    }
}

impl From<Frequency> for i32 {
    fn from(frequency: Frequency) -> Self {
        frequency.0
    }
}

/// No clock is corrected by so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frequency beyond 500 ppm")]
pub struct TooFast;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_beyond_500_ppm() {
        for (what, scaled, want) in [
            ("500", 32_768_000, true),
            ("-500", -32_768_000, true),
            ("one unit more", 32_768_001, false),
            ("one unit less", -32_768_001, false),
            ("the largest number", i32::MAX, false),
        ] {
            assert_eq!(Frequency::new(scaled).is_some(), want, "{what}");
            assert_eq!(Frequency::try_from(scaled).is_ok(), want, "{what}");
        }
        assert_eq!(Frequency::saturating(i64::MIN), Frequency::MIN);
        assert_eq!(Frequency::MAX.plus(Frequency(1)), None);
        assert_eq!(Frequency::MAX.plus(Frequency(-1)), Frequency::new(32_767_999));
        assert_eq!(Frequency::MAX.minus(Frequency::MIN), Frequency::MAX);
    }

    #[test]
    fn it_is_written_in_ppm() {
        for (scaled, want) in [
            (0, "+0.000"),
            (-65_536, "-1.000"),
            (32, "+0.000"),
            (33, "+0.001"),
            (32_768_000, "+500.000"),
            (-98_304, "-1.500"),
        ] {
            assert_eq!(Frequency(scaled).to_string(), want);
        }
    }
}
