use core::ops::RangeInclusive;
use core::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// All the entropy a machine ever gets: 32 bytes from the kernel, taken before the process locks itself in.
#[derive(Clone)]
pub struct Seed([u8; 32]);

impl Seed {
    /// A seed of these bytes. In a daemon they come from `getrandom`; in a test they are chosen.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

// A seed in a log would let its reader predict every transaction id.
impl core::fmt::Debug for Seed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// A stream of chance that is fully decided by its [`Seed`] (ChaCha8, so that a listener who sees some
/// transaction ids cannot predict the next).
#[derive(Debug, Clone)]
pub struct Chance(ChaCha8Rng);

impl Chance {
    /// The stream of this seed.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self(ChaCha8Rng::from_seed(seed.0))
    }

    /// Any 32-bit number, each as likely as another.
    pub fn number(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// A duration within `range`, to the microsecond. An empty range gives its start.
    pub fn duration(&mut self, range: RangeInclusive<Duration>) -> Duration {
        let (from, to) = range.into_inner();
        let width = u64::try_from(to.saturating_sub(from).as_micros()).unwrap_or(u64::MAX);
        // The bias of a remainder is below 2^-20 for anything under an hour: jitter, not cryptography.
        let Some(offset) = self.0.next_u64().checked_rem(width.saturating_add(1)) else { return from };
        from.saturating_add(Duration::from_micros(offset))
    }

    /// A seed for something else, so that two machines never share a stream.
    #[must_use]
    pub fn seed(&mut self) -> Seed {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        Seed(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_stream_and_another_gives_another() {
        let stream = |byte| {
            let mut chance = Chance::new(Seed::from_bytes([byte; 32]));
            [(); 4].map(|()| chance.number())
        };
        assert_eq!(stream(1), stream(1));
        assert_ne!(stream(1), stream(2));
    }

    #[test]
    fn a_duration_stays_within_its_range() {
        let mut chance = Chance::new(Seed::from_bytes([3; 32]));
        let range = Duration::from_millis(750)..=Duration::from_millis(1250);
        for _ in 0..1_000 {
            assert!(range.contains(&chance.duration(range.clone())));
        }
    }

    #[test]
    fn every_part_of_a_range_is_met_and_its_ends_belong_to_it() {
        let mut chance = Chance::new(Seed::from_bytes([4; 32]));
        let micros = |n| Duration::from_micros(n);
        let drawn: std::collections::BTreeSet<_> =
            (0..1_000).map(|_| chance.duration(micros(7)..=micros(10))).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [micros(7), micros(8), micros(9), micros(10)]);
        assert_eq!(chance.duration(micros(7)..=micros(7)), micros(7));
    }

    #[test]
    fn a_seed_for_something_else_gives_a_stream_of_its_own() {
        let mut chance = Chance::new(Seed::from_bytes([5; 32]));
        let (first, second) = (chance.seed(), chance.seed());
        let number = |seed: &Seed| Chance::new(seed.clone()).number();
        let numbers: std::collections::BTreeSet<_> =
            [number(&first), number(&second), number(&Seed::from_bytes([5; 32]))].into_iter().collect();
        assert_eq!(numbers.len(), 3);
    }

    #[test]
    fn an_empty_range_gives_its_start() {
        let mut chance = Chance::new(Seed::from_bytes([3; 32]));
        let (two, one) = (Duration::from_secs(2), Duration::from_secs(1));
        assert_eq!(chance.duration(two..=one), two);
    }

    #[test]
    fn a_seed_does_not_show_itself() {
        assert_eq!(format!("{:?}", Seed::from_bytes([9; 32])), "Seed(..)");
    }
}
