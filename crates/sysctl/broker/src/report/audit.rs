//! `audit.json`, field by field: a record for each key, in the order in which they were tried.

use std::io;

use orlop_sysctl_contract::{Outcome, Want};
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use super::{Count, Record, Report, words};

/// The whole document. A field may be added; none changes its meaning.
#[derive(Debug, Serialize)]
pub struct Audit<'r> {
    version: &'static str,
    mode: &'static str,
    summary: Count,
    settings: Vec<Setting<'r>>,
    findings: Vec<Remark<'r>>,
    /// Findings that there was no room for.
    unsaid: u32,
    unread: Vec<UnreadFile<'r>>,
}

/// One setting.
#[derive(Debug, Serialize)]
struct Setting<'r> {
    /// As `sysctl` shows it.
    key: String,
    /// Below `/proc/sys`.
    path: &'r str,
    file: &'r str,
    line: u32,
    /// Where something else was said, last before that.
    replaces: Option<Line<'r>>,
    /// Which capability the kernel asks for.
    class: &'static str,
    /// The process that tried.
    by: Option<&'static str>,
    /// `-key = value`.
    lenient: bool,
    /// Found by a pattern.
    pattern: bool,
    /// How often it was tried again because the kernel had refused it.
    retries: u8,
    before: Option<&'r str>,
    wanted: String,
    at_least: bool,
    after: Option<&'r str>,
    /// When everything was done, if that is another value.
    later: Option<&'r str>,
    result: &'static str,
    why: Option<String>,
}

#[derive(Debug, Serialize)]
struct Line<'r> {
    file: &'r str,
    line: u32,
}

/// One finding.
#[derive(Debug, Serialize)]
struct Remark<'r> {
    file: &'r str,
    line: u32,
    /// Whether the line is of no effect.
    error: bool,
    problem: String,
}

#[derive(Debug, Serialize)]
struct UnreadFile<'r> {
    file: &'r str,
    why: String,
}

impl<'r> Audit<'r> {
    /// The audit of `report`.
    #[must_use]
    pub fn new(report: &'r Report) -> Self {
        let remark = |finding: &'r orlop_sysctl_contract::Finding| Remark {
            file: report.name(finding.origin),
            line: finding.origin.line,
            error: finding.problem.is_error(),
            problem: report.said(&finding.problem),
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            mode: report.mode.name(),
            summary: Count::of(report),
            settings: report.records.iter().map(|record| Setting::new(report, record)).collect(),
            findings: report.findings.iter().map(remark).collect(),
            unsaid: report.unsaid,
            unread: report
                .unread
                .iter()
                .map(|unread| UnreadFile { file: &unread.name, why: unread.why.to_string() })
                .collect(),
        }
    }

    /// The text of the file: a line for each setting, finding and file, for people and `grep`.
    #[must_use]
    pub fn to_json(&self) -> String {
        // As large as it is likely to become: a text that grows is copied again and again.
        let mut text = Vec::with_capacity(LIKELY_BYTES * (self.settings.len() + 2));
        self.serialize(&mut Serializer::with_formatter(&mut text, Lines))
            .expect("the audit is plain data with text keys");
        text.push(b'\n');
        String::from_utf8(text).expect("JSON is UTF-8")
    }
}

/// Bytes of a setting in the file, almost always.
const LIKELY_BYTES: usize = 384;

/// JSON with a line for each element of a list.
struct Lines;

impl Formatter for Lines {
    fn begin_array_value<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b"\n" } else { b",\n" })
    }
}

impl<'r> Setting<'r> {
    fn new(report: &'r Report, record: &'r Record) -> Self {
        let step = record.permitted.step();
        let (before, after) = words::readings(record);
        let (wanted, at_least) = match &step.want {
            Want::Exactly(value) => (value.as_str().to_owned(), false),
            Want::AtLeast(number) => (number.to_string(), true),
        };
        Self {
            key: step.key.to_string(),
            path: step.key.path(),
            file: report.name(step.origin),
            line: step.origin.line,
            replaces: step.replaces.map(|origin| Line { file: report.name(origin), line: origin.line }),
            class: words::class(record.permitted.class()),
            by: record.by,
            lenient: step.lenient,
            pattern: step.by_pattern,
            retries: record.retries,
            before,
            wanted,
            at_least,
            after,
            later: record.later.as_deref().map(str::trim_end),
            result: record.outcome.map_or(PLANNED, Outcome::name),
            why: words::why(record),
        }
    }
}

/// The result of a setting that nobody tried to put in force: what a plan shows.
const PLANNED: &str = "planned";
