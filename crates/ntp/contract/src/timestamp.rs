//! A timestamp of the protocol, which does not say its era.

use crate::Utc;

/// Seconds since 1900 with 32 bits of fraction, modulo 2^32 s (RFC 5905 section 6). It repeats every 136 years: the next
/// time on 2036-02-07.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timestamp(u64);

/// From the beginning of 1900 to that of 1970: 70 years, of which 17 have a leap day.
const EPOCH_SECS: u128 = 2_208_988_800;
const NANOS: u128 = 1_000_000_000;

impl Timestamp {
    /// Means "unknown" on the wire.
    pub const ZERO: Self = Self(0);

    /// As the wire has it, most significant byte first.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Its 64 bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// What a clock at `utc` would write. A nanosecond survives the way there and back.
    #[must_use]
    pub fn of(utc: Utc) -> Self {
        // The era is what is cut off.
        let bytes = units(utc).to_be_bytes();
        let [.., a, b, c, d, e, f, g, h] = bytes;
        Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// The only moment with these bits in the 136 years from `pivot` on: with the time of the build as the pivot, the
    /// right one until 136 years after it.
    #[must_use]
    pub fn after(self, pivot: Utc) -> Utc {
        let later = self.0.wrapping_sub(Self::of(pivot).0);
        let units = units(pivot).saturating_add(u128::from(later)).saturating_sub(EPOCH_SECS << 32);
        // To the nearest nanosecond: one is more than four units.
        let nanos = units.saturating_mul(NANOS).saturating_add(1 << 31) >> 32_u32;
        i64::try_from(nanos).ok().and_then(Utc::from_nanos).unwrap_or(Utc::MAX)
    }
}

/// Units of 2^-32 s since the beginning of 1900, with the era.
fn units(utc: Utc) -> u128 {
    let nanos = u128::from(utc.nanos().unsigned_abs());
    (EPOCH_SECS << 32).saturating_add((nanos << 32_u32) / NANOS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-11-01.
    const FLOOR: u64 = 1_793_491_200;

    #[test]
    fn the_era_is_the_one_that_begins_at_the_pivot() {
        let pivot = Utc::from_secs(FLOOR);
        for (what, bits, want) in [
            ("the pivot", 0xee90_ff80_0000_0000, "2026-11-01T00:00:00.000Z"),
            ("the last second of the first era", 0xffff_ffff_0000_0000, "2036-02-07T06:28:15.000Z"),
            ("the first of the next", 0, "2036-02-07T06:28:16.000Z"),
            ("half a second later", 0x0000_0000_8000_0000, "2036-02-07T06:28:16.500Z"),
            ("2038", 0x03d5_2100_0000_0000, "2038-02-20T11:22:40.000Z"),
            ("1970 would be 2106", 0x83aa_7e80_0000_0000, "2106-02-07T06:28:16.000Z"),
            ("just before the pivot is 136 years after it", 0xee90_ff7f_0000_0000, "2162-12-08T06:28:15.000Z"),
        ] {
            assert_eq!(Timestamp::from_bits(bits).after(pivot).to_string(), want, "{what}");
        }
    }

    proptest! {
        #[test]
        fn a_nanosecond_survives_there_and_back(floor in 0_i64..4_000_000_000_000_000_000, ahead in 0_i64..4_294_967_296_000_000_000) {
            let pivot = Utc::from_nanos(floor).unwrap();
            let utc = Utc::from_nanos(floor + ahead).unwrap();
            prop_assert_eq!(Timestamp::of(utc).after(pivot), utc);
        }

        #[test]
        fn any_bits_are_a_moment_after_the_pivot(floor in 0..=i64::MAX, bits: u64) {
            let pivot = Utc::from_nanos(floor).unwrap();
            prop_assert_eq!(Timestamp::from_bits(bits).bits(), bits);
            prop_assert!(Timestamp::from_bits(bits).after(pivot) >= pivot);
        }
    }
}
