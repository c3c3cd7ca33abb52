use core::time::Duration;

use crate::Instant;

/// What may happen often, but not too often: `burst` times at once, then once each `every`. What was spent comes back with
/// time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    every: Duration,
    capacity: Duration,
    /// How much of the capacity is gone at `at`.
    spent: Duration,
    at: Instant,
}

impl Bucket {
    /// A full one.
    #[must_use]
    pub const fn new(now: Instant, burst: u32, every: Duration) -> Self {
        Self { every, capacity: every.saturating_mul(burst), spent: Duration::ZERO, at: now }
    }

    /// The same, of which so much was spent before: for a limit that outlives its process.
    #[must_use]
    pub const fn spent_before(self, spent: Duration) -> Self {
        Self { spent, ..self }
    }

    /// How much is spent and has not come back.
    #[must_use]
    pub const fn spent(&self, now: Instant) -> Duration {
        self.spent.saturating_sub(now.since(self.at))
    }

    /// Takes one, or says that there is none.
    #[must_use]
    pub fn take(&mut self, now: Instant) -> bool {
        self.spend(now, self.every)
    }

    /// Takes as much as comes back in this time, or says that there is not so much.
    #[must_use]
    pub fn spend(&mut self, now: Instant, amount: Duration) -> bool {
        let spent = self.spent(now).saturating_add(amount);
        let enough = spent <= self.capacity;
        if enough {
            (self.spent, self.at) = (spent, now);
        }
        enough
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

    #[test]
    fn what_was_spent_before_is_not_there() {
        let (burst, every) = (10, Duration::from_millis(100));
        let mut bucket = Bucket::new(at(5), burst, every).spent_before(Duration::from_millis(950));
        assert!(!bucket.take(at(54)), "half a one has come back");
        assert!(bucket.take(at(55)), "and now it is whole");
        assert_eq!(bucket.spent(at(56)), Duration::from_millis(999));
        assert!(!bucket.spend(at(1055), Duration::from_millis(1001)), "more than there ever is");
        assert!(bucket.spend(at(1055), Duration::from_millis(1000)));
    }
}
