//! How long nothing is done after a worker has failed that is started again alone.
//!
//! Others wait for it, and it costs little to start, so that one that is killed now and then should be there again almost at once,
//! however often that happens. One that fails as soon as it is started must not keep the machine busy. What tells the two apart is
//! the time that they ran: it is saved, and buys prompt starts.

use core::time::Duration;

use orlop_machine::Backoff;

use super::FIRST_RESTART;

/// The pauses of one worker, or of two that are joined.
#[derive(Debug)]
pub(super) struct Pauses {
    backoff: Backoff,
    /// Time that it ran and that has bought nothing yet.
    saved: Duration,
}

/// What a prompt start costs of it: what always lives so long is away for a sixth of the time at most.
const PRICE: Duration = Duration::from_millis(500);

/// No more is saved: twenty prompt starts, after which what fails at once is waited with longer each time.
const MOST_SAVED: Duration = Duration::from_secs(10);

impl Pauses {
    pub(super) const fn new() -> Self {
        Self { backoff: Backoff::new(FIRST_RESTART), saved: Duration::ZERO }
    }

    /// How long to wait after a failure of what ran for this long.
    pub(super) fn after(&mut self, ran: Duration) -> Duration {
        self.saved = self.saved.saturating_add(ran).min(MOST_SAVED);
        if let Some(left) = self.saved.checked_sub(PRICE) {
            *self = Self { saved: left, ..Self::new() };
        }
        self.backoff.after(ran)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(pauses: &mut Pauses, lives: impl IntoIterator<Item = u64>) -> Vec<u128> {
        lives.into_iter().map(|ran| pauses.after(Duration::from_millis(ran)).as_millis()).collect()
    }

    #[test]
    fn what_fails_at_once_is_waited_with_longer_each_time() {
        let waits = millis(&mut Pauses::new(), [20; 12]);
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000]);
    }

    #[test]
    fn what_lives_long_enough_is_there_again_at_once_however_often_it_is_killed() {
        assert_eq!(millis(&mut Pauses::new(), [500; 200]), [100; 200]);
        // Not each life, but all together.
        let uneven = (0..200).map(|at| [1000, 900, 100, 50][at % 4]);
        assert_eq!(millis(&mut Pauses::new(), uneven), [100; 200]);
        let shorter = millis(&mut Pauses::new(), [400; 4]);
        assert_eq!(shorter, [100, 100, 100, 100], "what is left of one life counts for the next");
    }

    #[test]
    fn a_long_life_does_not_buy_a_loop() {
        let mut pauses = Pauses::new();
        assert_eq!(millis(&mut pauses, [86_400_000]), [100]);
        // Nineteen more are saved for; then as for any other.
        assert_eq!(millis(&mut pauses, [0; 19]), [100; 19]);
        assert_eq!(millis(&mut pauses, [0; 4]), [200, 400, 800, 1600]);
        assert_eq!(millis(&mut pauses, [500, 0]), [100, 200], "until it lives again");
    }

    /// Whatever it does, no worker is started more often than three times a second for long.
    #[test]
    fn no_life_makes_it_busier_than_three_starts_a_second() {
        for life in [0, 1, 20, 100, 125, 167, 250, 400, 499, 500, 501, 1000, 5000] {
            let (mut pauses, mut now, mut starts) = (Pauses::new(), Duration::ZERO, 0);
            while now < Duration::from_secs(3600) {
                let ran = Duration::from_millis(life);
                now += ran + pauses.after(ran);
                starts += 1;
            }
            assert!(starts <= 3 * 3600, "{life} ms: {starts}");
        }
    }
}
