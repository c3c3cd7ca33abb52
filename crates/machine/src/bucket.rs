use core::time::Duration;

use crate::Instant;

/// A token bucket: `burst` at once, then one each `every`. What somebody else causes has a bound by it.
#[derive(Debug)]
pub struct Bucket {
    burst: u32,
    every: Duration,
    tokens: u32,
    /// Up to when tokens have been put in.
    filled: Instant,
}

impl Bucket {
    /// A full one.
    #[must_use]
    pub const fn new(now: Instant, burst: u32, every: Duration) -> Self {
        Self { burst, every, tokens: burst, filled: now }
    }

    /// Takes one token, if there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        let every = self.every.as_nanos().max(1);
        let earned = now.since(self.filled).as_nanos().checked_div(every).unwrap_or(0);
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        self.tokens = self.tokens.saturating_add(earned).min(self.burst);
        self.filled =
            if self.tokens == self.burst { now } else { self.filled.after(self.every.saturating_mul(earned)) };
        let left = self.tokens.checked_sub(1);
        self.tokens = left.unwrap_or(0);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(0).after(Duration::from_millis(millis))
    }

    #[test]
    fn a_burst_passes_and_then_one_each_interval() {
        let mut bucket = Bucket::new(at(0), 2, Duration::from_millis(100));
        let taken: Vec<_> = [0, 0, 0, 50, 99, 100, 150, 200, 1000, 1000, 1000].map(|t| bucket.take(at(t))).to_vec();
        assert_eq!(taken, [true, true, false, false, false, true, false, true, true, true, false]);
    }

    #[test]
    fn part_of_an_interval_is_not_lost() {
        let mut bucket = Bucket::new(at(0), 1, Duration::from_millis(100));
        let taken: Vec<_> = [0, 60, 100, 160, 200].map(|t| bucket.take(at(t))).to_vec();
        assert_eq!(taken, [true, false, true, false, true]);
    }
}
