//! What a run says of itself: for others in `status.json` and as metrics, for a person by `orlop-metadata status`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use orlop_broker::metrics::Metrics;
use orlop_broker::moment::Now;
use orlop_broker::posture::Postures;
use orlop_broker::status::{Document, Header, Snapshot};
use orlop_broker::supervise::Mode;
use orlop_machine::Instant;
use orlop_metadata_contract::{Counters, Finding};
use orlop_metadata_profiles::DAEMON;
use serde::{Deserialize, Serialize};

/// A run at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// When it was started.
    pub started: Instant,
    /// How many brokers ago.
    pub restarts: u32,
    /// What its processes are restricted by.
    pub postures: Postures,
    /// What only this daemon says.
    pub report: Report,
}

/// What only this daemon says in its document: names and counts. Of what was found only the hostname and the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What has become of the run.
    pub outcome: Outcome,
    /// Where it was found, as in `/run/config/provider`.
    pub provider: Option<String>,
    /// What this machine is known to run on, and by which sign.
    pub platforms: Vec<Known>,
    /// Whether some of what firmware says could not be read.
    pub masked: bool,
    /// Sources that were tried, and why they gave nothing.
    pub tried: Vec<Tried>,
    /// Files and folders that were written, or are as they should be.
    pub entries: usize,
    /// How many of those at the top are new or other than before.
    pub changed: usize,
    /// The machine's name, if one was found.
    pub hostname: Option<String>,
    /// What was left out, and how often.
    pub left_out: BTreeMap<String, u32>,
    /// How long the run took.
    pub took_ms: u64,
}

/// What has become of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is under way.
    Running,
    /// Everything that was found is written.
    Found,
    /// There is nothing, and nobody to ask.
    Nothing,
    /// There is something, and it cannot be used.
    Failed,
    /// It was not there in time.
    Late,
}

/// A platform that this machine says it runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its name.
    pub platform: String,
    /// Where that was said. What was said may be only root's to read.
    pub sign: String,
}

/// A source that gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// A provider, or a disk.
    pub source: String,
    /// Why.
    pub why: String,
}

impl Outcome {
    /// Whether nothing comes after it.
    #[must_use]
    pub const fn is_last(self) -> bool {
        !matches!(self, Self::Running)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Found => "found",
            Self::Nothing => "nothing",
            Self::Failed => "failed",
            Self::Late => "late",
        }
    }
}

impl Report {
    /// Of a run that begins on a machine that is known by these findings.
    #[must_use]
    pub fn new(findings: &[Finding], masked: bool) -> Self {
        let known =
            |found: &Finding| Known { platform: found.platform.to_string(), sign: found.sign.name().to_owned() };
        Self {
            outcome: Outcome::Running,
            provider: None,
            platforms: findings.iter().map(known).collect(),
            masked,
            tried: Vec::new(),
            entries: 0,
            changed: 0,
            hostname: None,
            left_out: BTreeMap::new(),
            took_ms: 0,
        }
    }

    /// Takes down what was left out.
    pub fn leave_out(&mut self, counters: &Counters) {
        let counted = counters.iter().filter(|(_, times)| *times > 0);
        self.left_out = counted.map(|(discard, times)| (discard.name().to_owned(), times)).collect();
    }

    /// For a person.
    #[must_use]
    pub fn shown(&self) -> String {
        let Self { outcome, provider, platforms, masked, tried, entries, changed, hostname, left_out, took_ms } = self;
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = match (outcome, provider) {
            (Outcome::Found, Some(provider)) => {
                writeln!(text, "  {provider}: {entries} files and folders, {changed} changed, in {took_ms} ms")
            }
            (Outcome::Running, _) => writeln!(text, "  under way"),
            (Outcome::Nothing, _) => writeln!(text, "  nothing found, in {took_ms} ms"),
            (Outcome::Late, _) => writeln!(text, "  nothing found in time: {took_ms} ms"),
            (Outcome::Found | Outcome::Failed, _) => writeln!(text, "  nothing that can be used, in {took_ms} ms"),
        };
        for Known { platform, sign } in platforms {
            let _ = writeln!(text, "  runs on {platform}, by its {sign}");
        }
        if *masked {
            text.push_str("  some of what firmware says could not be read\n");
        }
        for Tried { source, why } in tried {
            let _ = writeln!(text, "  {source}: {why}");
        }
        if let Some(hostname) = hostname {
            let _ = writeln!(text, "  hostname {hostname}");
        }
        for (what, times) in left_out {
            let _ = writeln!(text, "  left out: {what} {times}");
        }
        text
    }
}

impl Status {
    fn header(&self) -> Header<'_> {
        let Self { started, restarts, ref postures, report: _ } = *self;
        Header { daemon: &DAEMON, mode: Mode::OneShot.name(), started, restarts, postures }
    }
}

impl Snapshot for Status {
    fn uncounted(&self) -> Self {
        self.clone()
    }

    fn is_last(&self) -> bool {
        self.report.outcome.is_last()
    }

    fn to_json(&self, now: Now) -> String {
        Document::new(&self.header(), self.report.clone(), now).to_json()
    }

    fn to_metrics(&self) -> String {
        let mut metrics = Metrics::of(&self.header());
        let Report { outcome, entries, changed, left_out, took_ms, .. } = &self.report;
        metrics.gauge("outcome", "Always 1. What has become of the run.").value(&[("outcome", outcome.name())], &1);
        metrics.gauge("entries", "Files and folders below /run/config.").value(&[], entries);
        metrics.gauge("changed", "Names at its top that this run changed.").value(&[], changed);
        metrics.gauge("took_milliseconds", "How long the run took.").value(&[], took_ms);
        let mut counted = metrics.counter("left_out_total", "What was left out of what was found.");
        for (what, times) in left_out {
            counted.value(&[("what", what)], times);
        }
        metrics.into_text()
    }
}

#[cfg(test)]
mod tests {
    use orlop_metadata_contract::{Discard, Platform, Provider, Sign};
    use orlop_testbed::table;

    use super::*;

    #[test]
    fn the_page_explains_every_field_and_every_reason_and_no_other() {
        const PAGE: &str = include_str!("../../STATUS.md");
        let finding = Finding { platform: Platform::Of(Provider::Gcp), sign: Sign::ProductName, text: String::new() };
        let mut report = Report::new(&[finding], false);
        report.tried.push(Tried { source: String::new(), why: String::new() });
        report.left_out.insert(String::new(), 1);
        let body = serde_json::to_string(&report).unwrap();
        assert_eq!(table::fields(&body, &["left_out"]), table::rows(PAGE));
        for discard in Discard::ALL {
            assert!(PAGE.contains(&format!("`{discard}`")), "{discard}");
        }
    }

    #[test]
    fn a_report_says_by_which_sign_a_platform_is_known_and_not_what_it_says() {
        let secret = Finding {
            platform: Platform::Of(Provider::Aws),
            sign: Sign::ProductUuid,
            text: "EC2-only-for-root".to_owned(),
        };
        let mut report = Report::new(&[secret], true);
        let mut counters = Counters::default();
        counters.count(Discard::BadPath);
        report.leave_out(&counters);
        report.outcome = Outcome::Failed;
        report.tried.push(Tried { source: "aws".to_owned(), why: "it does not answer".to_owned() });
        let shown = report.shown();
        for part in
            ["runs on aws, by its product_uuid", "aws: it does not answer", "left out: bad-path 1", "could not be read"]
        {
            assert!(shown.contains(part), "{shown}");
        }
        let json = serde_json::to_string(&report).unwrap();
        assert!(!json.contains("only-for-root") && !shown.contains("only-for-root"));
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    }

    fn found() -> Report {
        let provider = Some("aws".to_owned());
        let hostname = Some("web-1".to_owned());
        let left_out = [("bad-path".to_owned(), 2)].into();
        let report = Report::new(&[], false);
        Report { outcome: Outcome::Found, provider, entries: 7, changed: 3, hostname, left_out, took_ms: 12, ..report }
    }

    #[test]
    fn a_person_sees_what_has_become_of_a_run() {
        let report = |outcome| Report { outcome, ..Report::new(&[], false) };
        for (report, want) in [
            (report(Outcome::Running), "  under way\n"),
            (report(Outcome::Nothing), "  nothing found, in 0 ms\n"),
            (report(Outcome::Late), "  nothing found in time: 0 ms\n"),
            (report(Outcome::Failed), "  nothing that can be used, in 0 ms\n"),
            (found(), "  aws: 7 files and folders, 3 changed, in 12 ms\n  hostname web-1\n  left out: bad-path 2\n"),
        ] {
            assert_eq!(report.shown(), want);
        }
    }

    #[test]
    fn what_never_happened_is_not_counted() {
        let mut report = found();
        report.leave_out(&Counters::default());
        assert_eq!(report.left_out, BTreeMap::new());
    }

    #[test]
    fn programs_see_the_same() {
        let status = |report| {
            let started = Instant::from_nanos(5_000_000);
            Status { started, restarts: 0, postures: Postures::default(), report }
        };
        let now = Now { boottime: Instant::from_nanos(9_000_000), utc_ms: 1_795_769_328_123 };
        let over = status(found());
        assert!(over.is_last() && !status(Report::new(&[], false)).is_last());
        assert_eq!(over.uncounted(), over);
        let json: serde_json::Value = serde_json::from_str(&over.to_json(now)).unwrap();
        assert_eq!(
            (&json["daemon"], &json["outcome"], &json["entries"]),
            (&"metadata".into(), &"found".into(), &7.into())
        );
        let metrics = over.to_metrics();
        for line in [
            "orlop_metadata_outcome{outcome=\"found\"} 1",
            "orlop_metadata_entries 7",
            "orlop_metadata_changed 3",
            "orlop_metadata_took_milliseconds 12",
            "orlop_metadata_left_out_total{what=\"bad-path\"} 2",
        ] {
            assert!(metrics.lines().any(|have| have == line), "{line} is missing:\n{metrics}");
        }
        let names =
            [Outcome::Running, Outcome::Found, Outcome::Nothing, Outcome::Failed, Outcome::Late].map(Outcome::name);
        assert_eq!(names, ["running", "found", "nothing", "failed", "late"]);
    }
}
