//! Chance with a shape: what networks and crystals do.

use orlop_machine::{Chance, Seed};

/// A stream of chance of one seed.
#[derive(Debug)]
pub(crate) struct Weather(Chance);

impl Weather {
    pub(crate) fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Self(Chance::new(Seed::from_bytes(bytes)))
    }

    /// Of one way to a server or back: what a packet meets there depends on nothing but those before it on the same way.
    pub(crate) fn of_way(seed: u64, server: usize, back: bool) -> Self {
        Self::new(seed ^ ((server as u64 + 1) << 32) ^ (u64::from(back) << 48))
    }

    /// Above 0, up to 1.
    pub(crate) fn even(&mut self) -> f64 {
        (f64::from(self.0.number()) + 1.0) / (f64::from(u32::MAX) + 1.0)
    }

    /// With this mean, and a long tail: what queues add to a packet's way.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.even().ln()
    }

    /// With this standard deviation around zero (Box and Muller).
    pub(crate) fn normal(&mut self, deviation: f64) -> f64 {
        deviation * (-2.0 * self.even().ln()).sqrt() * (core::f64::consts::TAU * self.even()).cos()
    }
}
