//! The result as a table, a verdict on the goals, a chart and raw data.

use anyhow::Result;
use serde::Serialize;

use super::clients::Client;
use super::{Footprint, Sample, Summary};
use crate::bench::chart::{self, Bar, Words};

/// The median of start → address and default route must be at most this (issue A1).
const MAX_MEDIAN_MS: f64 = 12.0;
/// … and at most this part of dhcpcd's.
const MAX_RATIO: f64 = 0.5;

/// What ours is called.
const OURS: &str = "orlop-dhcp";

/// A client and everything measured.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) client: Client,
    pub(super) cold: Vec<Sample>,
    pub(super) again: Vec<Sample>,
    pub(super) memory: Vec<Footprint>,
}

impl Row {
    /// Nothing measured yet.
    pub(super) fn new(client: Client) -> Self {
        Self { client, cold: Vec::new(), again: Vec::new(), memory: Vec::new() }
    }

    fn summarised(&self) -> Result<Line> {
        let configured = |samples: &[Sample]| Summary::of(samples.iter().map(|sample| sample.configured));
        let exit = |samples: &[Sample]| Summary::of(samples.iter().map(|sample| sample.exit));
        let mut memory = self.memory.clone();
        memory.sort_by_key(|footprint| footprint.pss_kib);
        Ok(Line {
            name: self.client.name,
            version: self.client.version.clone(),
            configured: configured(&self.cold),
            exit: exit(&self.cold),
            again_configured: configured(&self.again),
            again_exit: exit(&self.again),
            memory: memory.get(memory.len() / 2).copied(),
            size: self.client.size()?,
        })
    }
}

/// One line of the table.
#[derive(Debug, Clone, Serialize)]
struct Line {
    name: &'static str,
    version: String,
    configured: Option<Summary>,
    exit: Option<Summary>,
    again_configured: Option<Summary>,
    again_exit: Option<Summary>,
    memory: Option<Footprint>,
    size: u64,
}

/// What the bench found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    rounds: u32,
    kernel: String,
    /// Ours first, if it was measured.
    lines: Vec<Line>,
    raw: Vec<Raw>,
}

#[derive(Debug, Serialize)]
struct Raw {
    name: &'static str,
    cold: Vec<Sample>,
    again: Vec<Sample>,
    memory: Vec<Footprint>,
}

impl Report {
    /// Summarises the rows; ours is the first.
    ///
    /// # Errors
    /// When a binary is gone.
    pub(super) fn new(rows: Vec<Row>, rounds: u32) -> Result<Self> {
        let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
        let lines = rows.iter().map(Row::summarised).collect::<Result<_>>()?;
        let raw =
            rows.into_iter().map(|Row { client, cold, again, memory }| Raw { name: client.name, cold, again, memory });
        Ok(Self { rounds, kernel, lines, raw: raw.collect() })
    }

    /// For a terminal: min/median/max in milliseconds, ratios to ours.
    pub(super) fn table(&self) -> String {
        let mut table = format!(
            "start → address and default route, start → exit; milliseconds, median (min–max) of {} runs; kernel {}\n\n{:<18} {:<22} {:<22} {:>7}  {:<22} {:>5} {:>9} {:>10}\n",
            self.rounds,
            self.kernel,
            "",
            "→ configured",
            "→ exit",
            "× ours",
            "lease kept → conf.",
            "procs",
            "PSS",
            "size"
        );
        let ours = self.line(OURS).and_then(|line| line.configured);
        for line in &self.lines {
            let ratio = line
                .configured
                .zip(ours)
                .map_or_else(String::new, |(theirs, ours)| format!("{:.1}", theirs.median / ours.median));
            let memory = line.memory.map_or_else(Default::default, |m| {
                (m.processes.to_string(), format!("{:.1} MB", mb(m.pss_kib * 1024)))
            });
            table += &format!(
                "{:<18} {:<22} {:<22} {ratio:>7}  {:<22} {:>5} {:>9} {:>10}\n",
                line.name,
                shown(line.configured),
                shown(line.exit),
                shown(line.again_configured),
                memory.0,
                memory.1,
                format!("{:.2} MB", mb(line.size)),
            );
        }
        table += "\nPSS and processes: while bound. Size: without shared libraries and scripts; udhcpc is all of Debian's busybox.\n\
            dhcpcd: LinuxKit's configuration, and as there without the user it would separate its privileges with.\n";
        table
    }

    /// Whether the goals of the issue are met, one line each.
    pub(super) fn goals(&self) -> String {
        let verdict = |met: bool| if met { "met   " } else { "MISSED" };
        let median = |name| self.line(name)?.configured.map(|summary| summary.median);
        let (Some(ours), Some(dhcpcd)) = (median(OURS), median("dhcpcd")) else {
            return "goals: not judged, they need both ours and dhcpcd".to_owned();
        };
        let again = self.line(OURS).and_then(|line| line.again_configured).map(|summary| summary.median);
        let mut goals = format!("{} median ≤ {MAX_MEDIAN_MS} ms: {ours:.1} ms\n", verdict(ours <= MAX_MEDIAN_MS));
        goals +=
            &format!("{} median ≤ {MAX_RATIO} × dhcpcd: {:.2} ×\n", verdict(ours <= MAX_RATIO * dhcpcd), ours / dhcpcd);
        if let Some(again) = again {
            goals += &format!("{} faster with its lease kept: {again:.1} ms\n", verdict(again < ours));
        }
        goals
    }

    fn line(&self, name: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.name == name)
    }

    /// The medians as bars.
    pub(super) fn chart(&self) -> String {
        let bars = |line: &Line| {
            let cold =
                line.configured.map(|summary| Bar { label: line.name.to_owned(), summary, ours: line.name == OURS });
            let label = format!("{}, lease kept", line.name);
            let again = line.again_configured.map(|summary| Bar { label, summary, ours: line.name == OURS });
            [cold, again].into_iter().flatten()
        };
        let bars: Vec<Bar> = self.lines.iter().flat_map(bars).collect();
        let subtitle = format!(
            "Median of {} runs in turn (line: the middle half of them), one veth, dnsmasq, kernel {}. Shorter is better.",
            self.rounds, self.kernel
        );
        let title = "DHCP client: from start to address and default route";
        chart::svg(Words { title, subtitle: &subtitle, unit: "ms", digits: 1 }, &bars)
    }

    /// Everything, raw samples included.
    ///
    /// # Errors
    /// Never in practice: all of it is plain data.
    pub(super) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }
}

fn shown(summary: Option<Summary>) -> String {
    summary
        .map_or_else(|| "–".to_owned(), |Summary { min, median, max, .. }| format!("{median:>6.1} ({min:.1}–{max:.1})"))
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1_000_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &'static str, median: f64, again: Option<f64>) -> Line {
        let summary = |median| Summary { min: median, median, max: median, lower: median, upper: median };
        Line {
            name,
            version: "1".into(),
            configured: Some(summary(median)),
            exit: Some(summary(median)),
            again_configured: again.map(summary),
            again_exit: None,
            memory: None,
            size: 1,
        }
    }

    fn report(ours: f64, again: f64, dhcpcd: f64) -> Report {
        let lines = vec![line("orlop-dhcp", ours, Some(again)), line("dhcpcd", dhcpcd, None)];
        Report { rounds: 3, kernel: "6".into(), lines, raw: vec![] }
    }

    #[test]
    fn each_goal_can_be_met_and_missed() {
        for (what, report, missed) in [
            ("all met", report(10.0, 8.0, 20.0), 0),
            ("too slow", report(12.1, 8.0, 90.0), 1),
            ("not twice as fast", report(10.0, 8.0, 19.9), 1),
            ("no faster with a lease", report(10.0, 10.0, 20.0), 1),
        ] {
            assert_eq!(report.goals().matches("MISSED").count(), missed, "{what}");
        }
    }

    #[test]
    fn the_table_says_how_much_slower_the_others_are() {
        let table = report(10.0, 8.0, 25.0).table();
        let dhcpcd = table.lines().find(|line| line.starts_with("dhcpcd")).unwrap();
        assert!(dhcpcd.contains(" 2.5 "), "{dhcpcd}");
    }

    #[test]
    fn the_chart_on_the_pages_is_one_that_this_bench_writes() {
        let committed = include_str!("../../../../dhcp/bench.svg");
        let written = report(10.0, 8.0, 25.0).chart();
        // What does not depend on figures: the title and the colours.
        let title_and_style = |svg: &str| Some(svg.split_once("<title>")?.1.split_once("</style>")?.0.to_owned());
        assert!(title_and_style(committed).is_some());
        assert_eq!(title_and_style(committed), title_and_style(&written));
    }

    #[test]
    fn raw_data_and_summaries_are_in_the_json() {
        let json: serde_json::Value = serde_json::from_str(&report(10.0, 8.0, 20.0).json().unwrap()).unwrap();
        assert_eq!(json["lines"][0]["configured"]["median"], 10.0);
        assert!(json["raw"].is_array());
    }
}
