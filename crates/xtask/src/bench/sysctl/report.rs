//! The result as tables, a verdict on the goals, a chart and raw data.

use anyhow::Result;
use serde::Serialize;

use super::programs::Program;
use super::{Peak, Summary};
use crate::bench::chart::{self, Bar, Words};

/// 150 settings planned, applied and verified in less than this (issue C1).
const MAX_MEDIAN_MS: f64 = 10.0;
/// The largest process (issue C1: 2 MB).
const MAX_RSS_KIB: u64 = 2_000_000 / 1024;
/// The broker's binary, static, with musl (issue C1).
const MAX_BROKER: u64 = 800_000;

/// What ours is called in the ratios.
const OURS: &str = "orlop-sysctl";
const OURS_MUSL: &str = "orlop-sysctl (musl)";

/// All runs with one number of settings.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) settings: usize,
    pub(super) rows: Vec<Row>,
}

/// A program and everything measured.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) program: Program,
    pub(super) sizes: Vec<u64>,
    /// Milliseconds.
    pub(super) wall: Vec<f64>,
    pub(super) memory: Vec<Peak>,
}

impl Row {
    /// Nothing measured yet but the files.
    ///
    /// # Errors
    /// When a binary is gone.
    pub(super) fn new(program: Program) -> Result<Self> {
        Ok(Self { sizes: program.sizes()?, program, wall: Vec::new(), memory: Vec::new() })
    }
}

/// What the bench found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    rounds: u32,
    kernel: String,
    lines: Vec<Line>,
}

/// One program with one number of settings.
#[derive(Debug, Serialize)]
struct Line {
    settings: usize,
    name: &'static str,
    version: String,
    ours: bool,
    wall: Option<Summary>,
    /// The run whose processes together had most.
    memory: Option<Peak>,
    sizes: Vec<u64>,
    wall_raw: Vec<f64>,
}

impl Report {
    /// Summarises the series.
    pub(super) fn new(series: Vec<Series>, rounds: u32) -> Self {
        let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
        let line = |settings, row: Row| Line {
            settings,
            name: row.program.name,
            version: row.program.version,
            ours: row.program.ours,
            wall: Summary::of(row.wall.iter().copied()),
            memory: row.memory.into_iter().max_by_key(Peak::sum),
            sizes: row.sizes,
            wall_raw: row.wall,
        };
        let lines = series
            .into_iter()
            .flat_map(|Series { settings, rows }| rows.into_iter().map(move |row| line(settings, row)));
        Self { rounds, kernel, lines: lines.collect() }
    }

    /// For a terminal.
    pub(super) fn table(&self) -> String {
        let mut table = format!(
            "start → exit, milliseconds, median (min–max) of {} runs; kernel {}\n\n{:>8} {:<20} {:<24} {:>6} {:>10} {:>10} {:>6}  {}\n",
            self.rounds,
            self.kernel,
            "settings",
            "",
            "→ exit",
            "÷ ours",
            "largest",
            "all",
            "procs",
            "size of the binaries"
        );
        for line in &self.lines {
            let ours = self.wall(line.settings, OURS);
            let ratio =
                line.wall.zip(ours).map_or_else(String::new, |(wall, ours)| format!("{:.2}", wall.median / ours));
            let memory = line.memory.as_ref().map_or_else(Default::default, |peak| {
                (mb(peak.largest() * 1024, 1), mb(peak.sum() * 1024, 1), peak.rss_kib.len().to_string())
            });
            let wall = line.wall.map_or_else(String::new, |Summary { min, median, max, .. }| {
                format!("{median:>6.2} ({min:.2}–{max:.2})")
            });
            let sizes = line.sizes.iter().map(|size| mb(*size, 2)).collect::<Vec<_>>().join(" + ");
            table += &format!(
                "{:>8} {:<20} {wall:<24} {ratio:>6} {:>10} {:>10} {:>6}  {sizes}\n",
                line.settings, line.name, memory.0, memory.1, memory.2
            );
        }
        table += "\nEvery setting has another value before each run and is looked at afterwards. Only ours reads back what it wrote. All run\n\
            with the seven capabilities of our image's label.\n\
            largest, all: the kernel's VmHWM of each process, read at its end (ptrace), the largest and their sum; shared pages count\n\
            every time. Sizes: without shared libraries, which ours does not have; busybox is all of Debian's.\n";
        table
    }

    /// Whether the goals of the issue are met, one line each.
    pub(super) fn goals(&self) -> String {
        let verdict = |met: bool| if met { "met   " } else { "MISSED" };
        let mut goals = String::new();
        for line in self.lines.iter().filter(|line| line.ours && line.settings == super::COUNTS[0]) {
            if let Some(wall) = line.wall {
                let met = verdict(wall.median < MAX_MEDIAN_MS);
                goals += &format!(
                    "{met} {}: {} settings in < {MAX_MEDIAN_MS} ms: {:.2} ms\n",
                    line.name, line.settings, wall.median
                );
            }
            if let Some(peak) = &line.memory {
                let met = verdict(peak.largest() < MAX_RSS_KIB);
                goals += &format!("{met} {}: each process < 2 MB: {}\n", line.name, mb(peak.largest() * 1024, 2));
            }
            if let Some(broker) = line.sizes.first().filter(|_| line.name == OURS_MUSL) {
                let met = verdict(*broker <= MAX_BROKER);
                goals += &format!("{met} {}: the broker ≤ {MAX_BROKER} bytes: {broker}\n", line.name);
            }
        }
        for line in self.lines.iter().filter(|line| line.name == "procps sysctl") {
            if let (Some(theirs), Some(ours)) = (line.wall, self.wall(line.settings, OURS)) {
                let ratio = ours / theirs.median;
                goals += &format!("       ours takes {ratio:.2} × the time of procps for {} settings\n", line.settings);
            }
        }
        goals
    }

    /// The median of one program.
    fn wall(&self, settings: usize, name: &str) -> Option<f64> {
        let line = self.lines.iter().find(|line| line.settings == settings && line.name == name)?;
        line.wall.map(|wall| wall.median)
    }

    /// The medians as bars.
    pub(super) fn chart(&self) -> String {
        let bar = |line: &Line| {
            let label = format!("{}, {}", line.name, line.settings);
            line.wall.map(|summary| Bar { label, summary, ours: line.ours })
        };
        let bars: Vec<Bar> = self.lines.iter().filter_map(bar).collect();
        let subtitle = format!(
            "Median of {} runs in turn (line: the middle half of them), kernel {}. Shorter is better; only ours reads back.",
            self.rounds, self.kernel
        );
        let title = "Settings: from start to every one written";
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

fn mb(bytes: u64, digits: usize) -> String {
    format!("{:.digits$} MB", bytes as f64 / 1_000_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &'static str, median: f64, rss_kib: u64, broker: u64) -> Line {
        Line {
            settings: 150,
            name,
            version: "1".into(),
            ours: name.starts_with("orlop"),
            wall: Some(Summary { min: median, median, max: median, lower: median, upper: median }),
            memory: Some(Peak { rss_kib: vec![rss_kib, 100] }),
            sizes: vec![broker, 1],
            wall_raw: vec![],
        }
    }

    #[test]
    fn each_goal_can_be_met_and_missed() {
        for (what, ours, missed) in [
            ("all met", line(OURS_MUSL, 9.9, 1900, 800_000), 0),
            ("too slow", line(OURS_MUSL, 10.0, 1900, 800_000), 1),
            ("too fat", line(OURS_MUSL, 9.9, 2000, 800_000), 1),
            ("too large", line(OURS_MUSL, 9.9, 1900, 800_001), 1),
        ] {
            let report = Report { rounds: 3, kernel: "6".into(), lines: vec![ours] };
            assert_eq!(report.goals().matches("MISSED").count(), missed, "{what}");
        }
    }

    #[test]
    fn the_table_has_ratios_and_the_processes_together() {
        let lines = vec![line(OURS, 4.0, 1000, 1), line("procps sysctl", 2.0, 3000, 1)];
        let report = Report { rounds: 3, kernel: "6".into(), lines };
        let table = report.table();
        let procps = table.lines().find(|line| line.contains("procps")).unwrap();
        assert!(procps.contains(" 0.50 ") && procps.contains("3.2 MB"), "{procps}");
        assert!(report.goals().contains("ours takes 2.00 × the time of procps"), "{}", report.goals());
    }
}
