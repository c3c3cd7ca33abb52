//! How long to wait before a pair is started again.

use core::time::Duration;

/// The first restart is almost at once: a worker that was killed while the network is fine should not be noticed.
const FIRST: Duration = Duration::from_millis(100);
/// A pair that always fails costs the machine nothing, and is tried again within half a minute of being repaired.
const LONGEST: Duration = Duration::from_secs(30);
/// A pair that ran this long has failed for a new reason.
const STABLE: Duration = Duration::from_secs(60);

/// Doubles from 100 ms to 30 s, and starts again after a minute without failure.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Backoff {
    pub(super) const fn new() -> Self {
        Self(FIRST)
    }

    /// A pair ran for this long.
    pub(super) fn ran(&mut self, time: Duration) {
        if time >= STABLE {
            self.0 = FIRST;
        }
    }

    /// How long to wait now.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = wait.saturating_mul(2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_to_half_a_minute() {
        let mut backoff = Backoff::new();
        let waits: Vec<u128> = (0..11).map(|_| backoff.next().as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
    }

    #[test]
    fn only_a_long_run_makes_it_forget() {
        let mut backoff = Backoff::new();
        for _ in 0..4 {
            backoff.next();
        }
        backoff.ran(Duration::from_secs(59));
        assert_eq!(backoff.next(), Duration::from_millis(1600), "a short run");
        backoff.ran(Duration::from_secs(60));
        assert_eq!(backoff.next(), FIRST, "a long run");
    }
}
