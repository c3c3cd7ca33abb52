//! A report in numbers.

use std::fmt;

use orlop_sysctl_contract::Outcome;
use serde::Serialize;

use super::Report;
use crate::command_line::Mode;

/// How often what was the case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// What the process ends with.
    pub exit: u8,
    /// Settings in the plan.
    pub settings: usize,
    /// Settings by result, in the order of [`Outcome::NAMES`]; empty results are left out.
    #[serde(serialize_with = "as_map")]
    pub results: Vec<(&'static str, usize)>,
    /// Lines that could not be understood.
    pub errors: usize,
    /// Lines that were understood and look strange.
    pub hints: usize,
    /// Files that could not be read.
    pub unread: usize,
}

fn as_map<S: serde::Serializer>(results: &[(&'static str, usize)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(results.iter().copied())
}

impl Count {
    /// Counts `report`.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let count = |name: &'static str| {
            let named = |outcome: Option<Outcome>| outcome.is_some_and(|outcome| outcome.name() == name);
            (name, report.records.iter().filter(|record| named(record.outcome)).count())
        };
        let errors = report.findings.iter().filter(|finding| finding.problem.is_error()).count();
        Self {
            exit: report.exit().code(),
            settings: report.records.len(),
            results: Outcome::NAMES.map(count).into_iter().filter(|(_, count)| *count > 0).collect(),
            errors,
            hints: report.findings.len() - errors,
            unread: report.unread.len(),
        }
    }
}

/// The one line that says what was achieved.
pub(super) struct Summary<'r>(pub(super) &'r Report);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count { exit: _, settings, results, errors, hints, unread } = Count::of(self.0);
        let total = self.0.timings.apply.as_micros();
        let s = if settings == 1 { "" } else { "s" };
        write!(f, "{settings} setting{s} in {}.{:02} ms", total / 1000, total % 1000 / 10)?;
        match self.0.mode {
            Mode::Plan => f.write_str(", nothing was tried")?,
            Mode::Check => f.write_str(" understood")?,
            Mode::Apply | Mode::Diff | Mode::Posture => {}
        }
        for (at, (name, count)) in results.iter().enumerate() {
            write!(f, "{}{count} {name}", if at == 0 { ": " } else { ", " })?;
        }
        for (count, one, more) in [
            (errors, "line in error", "lines in error"),
            (hints, "hint", "hints"),
            (unread, "file not read", "files not read"),
            (self.0.unsaid as usize, "further remark not shown", "further remarks not shown"),
        ] {
            match count {
                0 => {}
                1 => write!(f, "; 1 {one}")?,
                _ => write!(f, "; {count} {more}")?,
            }
        }
        Ok(())
    }
}
