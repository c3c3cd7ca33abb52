//! The clocks of a machine, as their crystal and the broker drive them.

use orlop_ntp_contract::{Frequency, Offset, Utc};

/// `CLOCK_BOOTTIME` and `CLOCK_REALTIME`: both run at the crystal's rate and the kernel's correction of it, and differ by
/// steps alone.
#[derive(Debug, Clone)]
pub(crate) struct Crystal {
    /// Nanoseconds since boot. A day has 2^46 of them, so that a float is exact to a hundredth.
    boot: f64,
    /// What the wall clock shows when the machine boots.
    wall: Utc,
    /// How much too fast the crystal is, in seconds per second.
    error: f64,
    /// The kernel's correction, the same.
    correction: f64,
}

impl Crystal {
    pub(crate) fn new(wall: Utc, ppm: f64) -> Self {
        Self { boot: 1e9, wall, error: ppm * 1e-6, correction: 0.0 }
    }

    fn rate(&self) -> f64 {
        (1.0 + self.error) * (1.0 + self.correction)
    }

    /// So many nanoseconds have really passed.
    pub(crate) fn pass(&mut self, nanos: u64) {
        self.boot += nanos as f64 * self.rate();
    }

    /// How long it really takes until the boot clock shows this; at least a nanosecond.
    pub(crate) fn until(&self, boot: u64) -> u64 {
        ((boot as f64 - self.boot) / self.rate()).ceil().max(1.0) as u64
    }

    pub(crate) fn boot(&self) -> u64 {
        self.boot as u64
    }

    pub(crate) fn wall(&self) -> Utc {
        self.wall.saturating_shifted(Offset::from_nanos(self.boot as i64 - 1_000_000_000))
    }

    /// The crystal has become faster by this.
    pub(crate) fn wander(&mut self, by: f64) {
        self.error += by;
    }

    pub(crate) fn correct(&mut self, rate: Frequency) {
        self.correction = f64::from(rate.scaled()) / 65_536e6;
    }

    pub(crate) fn step(&mut self, by: Offset) {
        self.wall = self.wall.saturating_shifted(by);
    }
}
