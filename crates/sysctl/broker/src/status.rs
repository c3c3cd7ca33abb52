//! What the last run came to, or a service so far, and what its processes were restricted by: `status.json` and metrics.
//!
//! A run with another purpose than to put settings in force leaves neither.

mod metrics;

use std::time::Duration;

use orlop_broker::moment::{Moment, Now};
use orlop_broker::posture::Postures;
use orlop_broker::status::{Document, Header};
use serde::Serialize;

use crate::command_line::Follow;
use crate::follow::Followed;
use crate::report::{Count, Report, Timings};
use orlop_sysctl_profiles::DAEMON;

/// What only the sysctl applier says. A field may be added; none changes its meaning.
#[derive(Debug, Serialize)]
pub struct Body {
    outcome: Count,
    timings: Microseconds,
    /// Of a service.
    #[serde(skip_serializing_if = "Option::is_none")]
    follow: Option<Following>,
}

/// What a service follows, and what came of it.
#[derive(Debug, Serialize)]
struct Following {
    /// What it listens for.
    hears: [&'static str; 2],
    interval_s: u64,
    enforce: bool,
    came: u64,
    foreign: u64,
    put_back: u64,
    last: Option<Moment>,
}

/// Since the start of the program.
#[derive(Debug, Serialize)]
struct Microseconds {
    read_us: u64,
    confine_us: u64,
    plan_us: u64,
    apply_us: u64,
}

impl Body {
    fn new(report: &Report, now: Now) -> Self {
        let Timings { read, confine, plan, apply } = report.timings;
        let timings = Microseconds {
            read_us: microseconds(read),
            confine_us: microseconds(confine),
            plan_us: microseconds(plan),
            apply_us: microseconds(apply),
        };
        let follow =
            report.follow.map(|(Follow { every, enforce }, Followed { came, foreign, put_back, last })| Following {
                hears: ["interfaces", "modules"],
                interval_s: every.as_secs(),
                enforce,
                came,
                foreign,
                put_back,
                last: last.map(|at| Moment::new(at, now)),
            });
        Self { outcome: Count::of(report), timings, follow }
    }
}

/// What a service runs for.
const FOLLOW: &str = "follow";

/// The document of `report`, written `now`.
#[must_use]
pub fn document(report: &Report, postures: &Postures, now: Now) -> Document<Body> {
    Document::new(&header(report, postures), Body::new(report, now), now)
}

/// The text of the metrics of `report`.
#[must_use]
pub fn metrics(report: &Report, postures: &Postures) -> String {
    metrics::render(report, &header(report, postures))
}

fn header<'p>(report: &Report, postures: &'p Postures) -> Header<'p> {
    let Report { mode, started, restarts, follow, .. } = report;
    let mode = if follow.is_some() { FOLLOW } else { mode.name() };
    Header { daemon: &DAEMON, mode, started: *started, restarts: *restarts, postures }
}

fn microseconds(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// Reports that something could not be left for others, which is no reason to fail.
pub(crate) fn not_left(what: &str, cause: &dyn std::fmt::Display) {
    tracing::warn!(%cause, "{what} is not written");
}

#[cfg(test)]
mod tests;
