use core::time::Duration;

use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

/// How long addresses may be used before their name is looked up again: a minute to a day.
///
/// The TTL of a record is bounded on both sides. One of 0 would have us ask without end; one of years would keep the addresses
/// of a host that has moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, MaxSize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Lifetime(u32);

impl Lifetime {
    /// A minute.
    pub const MIN: Self = Self(60);
    /// A day.
    pub const MAX: Self = Self(86_400);

    /// A TTL of so many seconds, bounded. One with the highest bit counts as 0 (RFC 2181 section 8).
    #[must_use]
    pub fn of_ttl(secs: u32) -> Self {
        let secs = if secs > i32::MAX.cast_unsigned() { 0 } else { secs };
        Self(secs.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// As a span of time.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }
}

impl TryFrom<u32> for Lifetime {
    type Error = NotALifetime;

    fn try_from(secs: u32) -> Result<Self, NotALifetime> {
        if (Self::MIN.0..=Self::MAX.0).contains(&secs) { Ok(Self(secs)) } else { Err(NotALifetime) }
    }
}

impl From<Lifetime> for u32 {
    fn from(lifetime: Lifetime) -> Self {
        lifetime.0
    }
}

/// Shorter than a minute or longer than a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a lifetime that is not between a minute and a day")]
pub struct NotALifetime;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_is_bounded_on_both_sides() {
        for (what, ttl, want) in [
            ("none", 0, 60),
            ("shorter than a minute", 59, 60),
            ("a minute", 60, 60),
            ("usual", 150, 150),
            ("a day", 86_400, 86_400),
            ("longer than a day", 86_401, 86_400),
            ("the longest", i32::MAX.cast_unsigned(), 86_400),
            ("the highest bit", 0x8000_0001, 60),
        ] {
            assert_eq!(u32::from(Lifetime::of_ttl(ttl)), want, "{what}");
            assert_eq!(Lifetime::of_ttl(ttl).duration(), Duration::from_secs(want.into()), "{what}");
            assert_eq!(Lifetime::try_from(ttl).is_ok(), ttl == want, "{what}, over a channel");
        }
    }
}
