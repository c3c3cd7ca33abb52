//! How a worker behaves, as its operator decided.

use core::time::Duration;

use orlop_wire::{MaxSize, OutOfRange};
use serde::{Deserialize, Serialize};

/// How a worker behaves, as its operator decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Conduct {
    /// How much the cache may hold.
    pub cache: CacheSize,
    /// Nothing is kept as fresh for longer than this, whatever its TTL says.
    pub max_ttl: Duration,
    /// Nor that there is nothing (RFC 2308 section 5: one to three hours work well).
    pub max_negative_ttl: Duration,
    /// For how long after its end an answer is still given while no server answers (RFC 8767: one to three days). Zero is never.
    pub stale_for: Duration,
    /// Whether the AD bit of the servers is passed on: only where they and the way to them are trusted (`trust-ad` of
    /// resolv.conf).
    pub trust_ad: bool,
    /// Whether servers that are asked for all names may not give an address of a private network, or of this machine.
    pub refuse_private: bool,
    /// Whether an answer that is asked for in the last tenth of its life is renewed then, so that nobody waits for the next one.
    pub prefetch: bool,
}

impl Default for Conduct {
    fn default() -> Self {
        Self {
            cache: CacheSize::DEFAULT,
            max_ttl: Duration::from_secs(86_400),
            max_negative_ttl: Duration::from_secs(3 * 3600),
            stale_for: Duration::from_secs(86_400),
            trust_ad: false,
            refuse_private: false,
            prefetch: false,
        }
    }
}

/// Bytes of a cache, with all that it needs to find them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, MaxSize)]
#[serde(try_from = "u32", into = "u32")]
pub struct CacheSize(u32);

impl CacheSize {
    /// What a cache has unless its operator says otherwise: about twenty thousand answers.
    pub const DEFAULT: Self = Self(8 << 20);
    /// Room for a few of the largest answers.
    pub const MIN: Self = Self(256 << 10);
    /// What the address space of a worker has room for.
    pub const MAX: Self = Self(128 << 20);

    /// A size, or `None` where it is not between [`CacheSize::MIN`] and [`CacheSize::MAX`].
    #[must_use]
    pub const fn new(bytes: u32) -> Option<Self> {
        if bytes < Self::MIN.0 || bytes > Self::MAX.0 { None } else { Some(Self(bytes)) }
    }

    /// Bytes.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for CacheSize {
    type Error = OutOfRange;

    fn try_from(bytes: u32) -> Result<Self, OutOfRange> {
        Self::new(bytes).ok_or(OutOfRange)
    }
}

impl From<CacheSize> for u32 {
    fn from(size: CacheSize) -> Self {
        size.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_is_neither_too_small_nor_too_large() {
        for (bytes, good) in
            [(262_143, false), (262_144, true), (8_388_608, true), (134_217_728, true), (134_217_729, false)]
        {
            assert_eq!(CacheSize::try_from(bytes).map(u32::from).ok(), good.then_some(bytes), "{bytes}");
        }
        assert_eq!(Conduct::default().cache.bytes(), 8_388_608);
    }
}
