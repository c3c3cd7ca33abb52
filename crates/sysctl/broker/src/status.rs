//! What the last run came to and what its processes were restricted by: `status.json` and metrics.
//!
//! A run with another purpose than to put settings in force leaves neither.

mod metrics;
mod show;

use std::collections::BTreeMap;
use std::io;
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
    pub appliers: BTreeMap<&'static str, Posture>,
    /// What the kernel says about the supervisor, where the broker can see it.
    pub supervisor: Option<posture::Status>,
}

/// `status.json`. A field may be added; none changes its meaning.
#[derive(Debug, Serialize)]
pub struct Document<'r> {
    version: &'static str,
    mode: &'static str,
    /// When this was written, in seconds since boot (`CLOCK_BOOTTIME`).
    written: f64,
    started: Moment,
    outcome: Count,
    timings: Milliseconds,
    posture: &'r Postures,
}

/// A moment, twice.
#[derive(Debug, Serialize)]
struct Moment {
    /// In seconds since boot.
    boottime: f64,
    /// In seconds after the document was written; negative for the past.
    #[serde(rename = "in")]
    after_writing: f64,
}

/// Since the start of the program, in milliseconds.
#[derive(Debug, Serialize)]
struct Milliseconds {
    read: f64,
    confine: f64,
    plan: f64,
    apply: f64,
}

impl<'r> Document<'r> {
    /// The document of `report`, written at `now`.
    #[must_use]
    pub fn new(report: &Report, posture: &'r Postures, now: Instant) -> Self {
        let crate::report::Timings { read, confine, plan, apply } = report.timings;
        Self {
            version: env!("CARGO_PKG_VERSION"),
            mode: report.mode.name(),
            written: seconds(now.since(BOOT)),
            started: Moment {
                boottime: seconds(report.started.since(BOOT)),
                after_writing: -seconds(now.since(report.started)),
            },
            outcome: Count::of(report),
            timings: Milliseconds {
                read: milliseconds(read),
                confine: milliseconds(confine),
                plan: milliseconds(plan),
                apply: milliseconds(apply),
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

const BOOT: Instant = Instant::from_nanos(0);

/// To the millisecond. An `f64` holds whole milliseconds exactly for 285,000 years.
fn seconds(span: Duration) -> f64 {
    span.as_millis() as f64 / 1000.0
}

/// To the microsecond.
fn milliseconds(span: Duration) -> f64 {
    span.as_micros() as f64 / 1000.0
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
pub(crate) fn not_left(what: &str, cause: &io::Error) {
    tracing::warn!(%cause, "{what} is not written");
}

#[cfg(test)]
mod tests;
