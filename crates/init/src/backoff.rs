//! How long to wait before a service is started again. Pure.

use core::time::Duration;

/// Soon enough not to be missed, and late enough that what made it end may be over.
pub const FIRST: Duration = Duration::from_millis(250);
/// A service that always fails costs the machine nothing, and is back within half a minute of being repaired.
pub const LONGEST: Duration = Duration::from_secs(30);
/// A service that ran this long has ended for a new reason.
pub const STABLE: Duration = Duration::from_secs(60);

/// Doubles from [`FIRST`] to [`LONGEST`], and starts again after a run of [`STABLE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff(Duration);

impl Backoff {
    /// Of a service that has not ended yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(FIRST)
    }

    /// How long to wait after a run of this length.
    pub fn after(&mut self, ran: Duration) -> Duration {
        let wait = if ran >= STABLE { FIRST } else { self.0 };
        self.0 = wait.saturating_mul(2).min(LONGEST);
        wait
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_to_half_a_minute() {
        let mut backoff = Backoff::new();
        let waits: Vec<u128> = (0..9).map(|_| backoff.after(Duration::ZERO).as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    }

    #[test]
    fn only_a_long_run_makes_it_forget() {
        let mut backoff = Backoff::new();
        for _ in 0..4 {
            let _ = backoff.after(Duration::ZERO);
        }
        assert_eq!(backoff.after(Duration::from_secs(59)), Duration::from_secs(4), "a short run");
        assert_eq!(backoff.after(STABLE), FIRST, "a long run");
        assert_eq!(backoff.after(Duration::ZERO), FIRST * 2, "and on from there");
    }
}
