//! How far apart two moments are.

use core::fmt;
use core::time::Duration;

use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

/// A signed length of time in nanoseconds. As the error of our clock: what has to be added to it, so that a positive one
/// means that the clock is behind.
///
/// It reaches 292 years either way, which is the distance of any two [`Utc`](crate::Utc). Arithmetic saturates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, MaxSize)]
#[serde(transparent)]
pub struct Offset(i64);

impl Offset {
    /// No difference.
    pub const ZERO: Self = Self(0);

    /// This many nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// As much of it as fits: sums of several differences are made in 128 bits.
    #[must_use]
    pub fn saturating(nanos: i128) -> Self {
        let clamped = nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        Self(i64::try_from(clamped).unwrap_or(i64::MAX))
    }

    /// A span, as an offset to the future.
    #[must_use]
    pub fn from_span(span: Duration) -> Self {
        Self(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX))
    }

    /// Nanoseconds.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Its length, without the direction.
    #[must_use]
    pub const fn size(self) -> Duration {
        Duration::from_nanos(self.0.unsigned_abs())
    }

    /// Whether the clock is ahead of what it should be.
    #[must_use]
    pub const fn is_backwards(self) -> bool {
        self.0 < 0
    }

    /// The sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// Seconds with a sign and nine digits, which is also how the log and the status say it.
impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_backwards() { '-' } else { '+' };
        let size = self.size();
        write!(f, "{sign}{}.{:09}", size.as_secs(), size.subsec_nanos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_stop_at_the_ends() {
        let (least, most) = (Offset::from_nanos(i64::MIN), Offset::from_nanos(i64::MAX));
        assert_eq!(most.plus(Offset::from_nanos(1)), most);
        assert_eq!(least.minus(Offset::from_nanos(1)), least);
        assert_eq!(Offset::saturating(i128::MAX), most);
        assert_eq!(Offset::saturating(i128::MIN), least);
        assert_eq!(Offset::from_span(Duration::MAX), most);
        assert_eq!(least.size(), Duration::from_nanos(1 << 63));
    }

    #[test]
    fn it_is_written_with_its_sign() {
        for (nanos, want) in [
            (0, "+0.000000000"),
            (-1, "-0.000000001"),
            (1_795_305_601_090_000_000, "+1795305601.090000000"),
            (i64::MIN, "-9223372036.854775808"),
        ] {
            assert_eq!(Offset::from_nanos(nanos).to_string(), want);
        }
    }
}
