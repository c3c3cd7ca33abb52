//! How long to wait before what has failed is started again.

use core::time::Duration;

/// Doubles from a first wait to a longest one, and begins anew after a long enough run without failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    next: Duration,
}

/// What always fails costs the machine nothing, and is tried again within half a minute of being repaired.
pub const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// What ran this long has failed for a new reason.
pub const STABLE_AFTER: Duration = Duration::from_secs(60);

impl Backoff {
    /// Waits this long after the first failure.
    #[must_use]
    pub const fn new(first: Duration) -> Self {
        Self { first, next: first }
    }

    /// How long to wait after a failure of what ran for this long.
    pub fn after(&mut self, ran: Duration) -> Duration {
        let wait = if ran >= STABLE_AFTER { self.first } else { self.next };
        self.next = wait.saturating_mul(2).min(LONGEST_WAIT);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_to_half_a_minute() {
        let mut backoff = Backoff::new(Duration::from_millis(100));
        let waits: Vec<u128> = (0..11).map(|_| backoff.after(Duration::ZERO).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
    }

    #[test]
    fn only_a_long_run_makes_it_forget() {
        let mut backoff = Backoff::new(Duration::from_millis(100));
        for _ in 0..4 {
            backoff.after(Duration::ZERO);
        }
        assert_eq!(backoff.after(Duration::from_secs(59)), Duration::from_millis(1600), "a short run");
        assert_eq!(backoff.after(STABLE_AFTER), Duration::from_millis(100), "a long run");
        assert_eq!(backoff.after(Duration::ZERO), Duration::from_millis(200), "and on from there");
    }
}
