//! What the daemon says of itself.

use orlop_broker::metrics::Metrics;
use orlop_broker::moment::Now;
use orlop_broker::posture::Postures;
use orlop_broker::status::{Document, Header, Snapshot};
use orlop_machine::Instant;
use serde::Serialize;

use crate::profiles::DAEMON;

/// The daemon at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Whether it ends after one number.
    pub oneshot: bool,
    /// When it was started.
    pub started: Instant,
    /// How many brokers ago.
    pub restarts: u32,
    /// What its processes are restricted by.
    pub postures: Postures,
    /// What was added up.
    pub tally: Tally,
    /// Whether nothing comes after this.
    pub over: bool,
}

/// What only this daemon says in its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// The sum.
    pub sum: u64,
    /// How many numbers.
    pub numbers: u64,
    /// How many the policy denied.
    pub denied: u64,
    /// Whether the sum is prime; nothing until the optional worker has said so.
    pub prime: Option<bool>,
}

impl Status {
    fn header(&self) -> Header<'_> {
        let Self { oneshot, started, restarts, ref postures, .. } = *self;
        Header { daemon: &DAEMON, mode: if oneshot { "one-shot" } else { "service" }, started, restarts, postures }
    }
}

impl Snapshot for Status {
    fn uncounted(&self) -> Self {
        Self { tally: Tally { numbers: 0, denied: 0, ..self.tally }, ..self.clone() }
    }

    fn is_last(&self) -> bool {
        self.over
    }

    fn to_json(&self, now: Now) -> String {
        Document::new(&self.header(), self.tally, now).to_json()
    }

    fn to_metrics(&self) -> String {
        let mut metrics = Metrics::of(&self.header());
        metrics.gauge("sum", "The sum of all numbers.").value(&[], &self.tally.sum);
        metrics.counter("numbers_total", "How many numbers were added.").value(&[], &self.tally.numbers);
        metrics.into_text()
    }
}
