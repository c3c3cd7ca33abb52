//! What time it is, for machines that are told.

use orlop_machine::Instant;
use rustix::time::{ClockId, clock_gettime};

/// Now, on `CLOCK_BOOTTIME`: it goes on while the machine sleeps, and nobody can set it.
#[must_use]
pub fn now() -> Instant {
    let now = clock_gettime(ClockId::Boottime);
    // Both parts are never negative on this clock.
    let (seconds, nanos) = (now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs());
    Instant::from_nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

#[cfg(test)]
mod tests {
    #[test]
    fn time_goes_on() {
        let before = super::now();
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(super::now().since(before).as_micros() >= 2_000);
    }
}
