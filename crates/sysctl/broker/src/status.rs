//! What the last run came to and what its processes were restricted by: `status.json` and metrics.
//!
//! A run with another purpose than to put settings in force leaves neither.

mod metrics;
mod show;

use std::time::Duration;

use orlop_machine::Instant;
use orlop_sandbox::posture::{self, Posture};
use serde::Serialize;

use crate::report::{Count, Report};

/// What each process is restricted by.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Postures {
    /// The worker's claim, which its broker checked.
    pub worker: Option<Posture>,
    /// The broker's own.
    pub broker: Option<Posture>,
    /// The appliers' claims, which their broker checked, by the names of their profiles.
    #[serde(serialize_with = "as_map")]
    pub appliers: Vec<(&'static str, Posture)>,
    /// What the kernel says about the supervisor, where the broker can see it.
    pub supervisor: Option<posture::Status>,
}

/// `status.json`. A field may be added; none changes its meaning. No number in it has a fraction: writing one takes more
/// code than all the rest of this file.
#[derive(Debug, Serialize)]
pub struct Document<'r> {
    version: &'static str,
    mode: &'static str,
    /// When this was written, in seconds since boot (`CLOCK_BOOTTIME`).
    written: u64,
    started: Moment,
    outcome: Count,
    timings: Microseconds,
    posture: &'r Postures,
}

/// A moment, twice.
#[derive(Debug, Serialize)]
struct Moment {
    /// In seconds since boot.
    boottime: u64,
    /// In seconds after the document was written; negative for the past.
    #[serde(rename = "in")]
    after_writing: i64,
}

/// Since the start of the program.
#[derive(Debug, Serialize)]
struct Microseconds {
    read_us: u64,
    confine_us: u64,
    plan_us: u64,
    apply_us: u64,
}

impl<'r> Document<'r> {
    /// The document of `report`, written at `now`.
    #[must_use]
    pub fn new(report: &Report, posture: &'r Postures, now: Instant) -> Self {
        let past = i64::try_from(now.since(report.started).as_secs()).unwrap_or(i64::MAX);
        let crate::report::Timings { read, confine, plan, apply } = report.timings;
        Self {
            version: env!("CARGO_PKG_VERSION"),
            mode: report.mode.name(),
            written: now.since(BOOT).as_secs(),
            started: Moment { boottime: report.started.since(BOOT).as_secs(), after_writing: -past },
            outcome: Count::of(report),
            timings: Microseconds {
                read_us: microseconds(read),
                confine_us: microseconds(confine),
                plan_us: microseconds(plan),
                apply_us: microseconds(apply),
            },
            posture,
        }
    }

    /// The text of the file.
    #[must_use]
    pub fn to_json(&self) -> String {
        json(self)
    }
}

fn as_map<S: serde::Serializer>(postures: &[(&'static str, Posture)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(postures.iter().map(|(name, posture)| (name, posture)))
}

const BOOT: Instant = Instant::from_nanos(0);

fn microseconds(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("plain data with text keys");
    text.push('\n');
    text
}

impl Postures {
    /// The postures by themselves, for a person or for a program.
    #[must_use]
    pub fn show(&self, as_json: bool) -> String {
        if as_json { json(self) } else { show::postures(self) }
    }
}

/// The metrics of `report`.
#[must_use]
pub fn metrics(report: &Report) -> String {
    metrics::render(report)
}

/// Reports that something could not be left for others, which is no reason to fail.
pub(crate) fn not_left(what: &str, cause: &dyn std::fmt::Display) {
    tracing::warn!(%cause, "{what} is not written");
}

#[cfg(test)]
mod tests;
