//! The result as tables, a verdict on the goals, a chart and raw data.

use anyhow::Result;
use serde::Serialize;

use super::programs::{Program, Task};
use super::{Peak, Summary};
use crate::bench::chart::{self, Bar, Words};

/// To know where a machine runs (facts, G-A 2): milliseconds, and the resident memory of the process.
const MAX_DETECT_MS: f64 = 5.0;
const MAX_DETECT_KIB: u64 = 3_000_000 / 1024;
/// From start to what a disk says being in its place (G-A 3).
const MAX_DISK_MS: f64 = 50.0;
/// The largest process of a run (G-A 7, where it is for one with a hostile service).
const MAX_RSS_KIB: u64 = 16_000_000 / 1024;
/// Each program, static, with musl.
const MAX_SIZE: u64 = 800_000;

const OURS: &str = "orlop-metadata";
const OURS_MUSL: &str = "orlop-metadata (musl)";

/// A program with one task, and everything measured.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) task: Task,
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
    pub(super) fn new(task: Task, program: Program) -> Result<Self> {
        Ok(Self { task, sizes: program.sizes()?, program, wall: Vec::new(), memory: Vec::new() })
    }
}

/// What the bench found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    rounds: u32,
    kernel: String,
    lines: Vec<Line>,
}

/// One program with one task.
#[derive(Debug, Serialize)]
struct Line {
    task: Task,
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
    /// Summarises the rows.
    pub(super) fn new(rows: Vec<Row>, rounds: u32) -> Self {
        let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
        let line = |row: Row| Line {
            task: row.task,
            name: row.program.name,
            version: row.program.version,
            ours: row.program.ours,
            wall: Summary::of(row.wall.iter().copied()),
            memory: row.memory.into_iter().max_by_key(Peak::sum),
            sizes: row.sizes,
            wall_raw: row.wall,
        };
        Self { rounds, kernel, lines: rows.into_iter().map(line).collect() }
    }

    /// For a terminal.
    pub(super) fn table(&self) -> String {
        let mut table = format!(
            "start → exit, milliseconds, median (min–max) of {} runs; kernel {}\n\n{:<8} {:<22} {:<24} {:>6} {:>9} {:>9} {:>6}  {}\n",
            self.rounds, self.kernel, "task", "", "→ exit", "÷ ours", "largest", "all", "procs", "size"
        );
        for line in &self.lines {
            let ours = self.wall(line.task, OURS);
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
                "{:<8} {:<22} {wall:<24} {ratio:>6} {:>9} {:>9} {:>6}  {sizes}\n",
                line.task.name(),
                line.name,
                memory.0,
                memory.1,
                memory.2
            );
        }
        table += "\ndetect: where a machine runs whose firmware says it. nothing, cloud, disk: a whole run, from start to exit; with a\n\
            cloud, ours asks what curl asks, with a token, and writes it; ds-identify only says where the machine runs.\n\
            LinuxKit's fetcher cannot be had from Debian: where nothing answers, its code waits 2 s and longer for each of nine\n\
            services. largest, all: the kernel's VmHWM of each process, read at its end (ptrace), the largest and their sum.\n\
            Sizes: without shared libraries, which ours does not have, and without the shell that runs ds-identify.\n";
        table
    }

    /// Whether the goals are met, one line each.
    pub(super) fn goals(&self) -> String {
        let verdict = |met: bool| if met { "met   " } else { "MISSED" };
        let mut goals = String::new();
        for Line { task, name, wall, memory, sizes, .. } in self.lines.iter().filter(|line| line.ours) {
            let limit = match task {
                Task::Detect => Some(MAX_DETECT_MS),
                Task::Disk => Some(MAX_DISK_MS),
                Task::Nothing | Task::Cloud => None,
            };
            if let (Some(wall), Some(limit)) = (wall, limit) {
                let met = verdict(wall.median < limit);
                goals += &format!("{met} {name}: {} in < {limit} ms: {:.2} ms\n", task.name(), wall.median);
            }
            if let Some(peak) = memory {
                let limit = if *task == Task::Detect { MAX_DETECT_KIB } else { MAX_RSS_KIB };
                let (met, largest) = (verdict(peak.largest() < limit), mb(peak.largest() * 1024, 2));
                goals += &format!("{met} {name}: {}, each process < {}: {largest}\n", task.name(), mb(limit * 1024, 0));
            }
            if let Some(largest) = sizes.iter().max().filter(|_| *task == Task::Detect && *name == OURS_MUSL) {
                goals +=
                    &format!("{} {name}: each program ≤ {MAX_SIZE} bytes: {largest}\n", verdict(*largest <= MAX_SIZE));
            }
        }
        goals
    }

    /// The median of one program.
    fn wall(&self, task: Task, name: &str) -> Option<f64> {
        let line = self.lines.iter().find(|line| line.task == task && line.name == name)?;
        line.wall.map(|wall| wall.median)
    }

    /// The medians as bars.
    pub(super) fn chart(&self) -> String {
        let bar = |line: &Line| {
            let label = format!("{}: {}", line.task.name(), line.name);
            line.wall.map(|summary| Bar { label, summary, ours: line.ours })
        };
        let bars: Vec<Bar> = self.lines.iter().filter_map(bar).collect();
        let subtitle = format!(
            "Median of {} runs in turn (line: the middle half of them), kernel {}. Shorter is better; curl keeps nothing.",
            self.rounds, self.kernel
        );
        let title = "Metadata: to know where one is, to find nothing, to ask a cloud, to read a disk";
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

    fn line(task: Task, name: &'static str, median: f64, rss_kib: u64, size: u64) -> Line {
        Line {
            task,
            name,
            version: "1".into(),
            ours: name.starts_with("orlop"),
            wall: Some(Summary { min: median, median, max: median, lower: median, upper: median }),
            memory: Some(Peak { rss_kib: vec![rss_kib, 100] }),
            sizes: vec![size, 1],
            wall_raw: vec![],
        }
    }

    #[test]
    fn each_goal_can_be_met_and_missed() {
        for (what, line, missed) in [
            ("all met", line(Task::Detect, OURS_MUSL, 4.9, 2900, 800_000), 0),
            ("too slow", line(Task::Detect, OURS_MUSL, 5.0, 2900, 800_000), 1),
            ("too fat", line(Task::Detect, OURS_MUSL, 4.9, 3000, 800_000), 1),
            ("too large", line(Task::Detect, OURS_MUSL, 4.9, 2900, 800_001), 1),
            ("a disk", line(Task::Disk, OURS, 49.9, 3000, 900_000), 0),
            ("a disk, too slow", line(Task::Disk, OURS, 50.0, 3000, 900_000), 1),
            ("a cloud, however long", line(Task::Cloud, OURS, 500.0, 3000, 900_000), 0),
            ("a cloud, too fat", line(Task::Cloud, OURS, 5.0, 16_000, 900_000), 1),
        ] {
            let report = Report { rounds: 3, kernel: "6".into(), lines: vec![line] };
            assert_eq!(report.goals().matches("MISSED").count(), missed, "{what}: {}", report.goals());
        }
    }

    #[test]
    fn the_table_has_ratios_within_a_task() {
        let lines = vec![
            line(Task::Nothing, OURS, 8.0, 1000, 1),
            line(Task::Detect, OURS, 4.0, 1000, 1),
            line(Task::Detect, "ds-identify", 40.0, 3000, 1),
        ];
        let report = Report { rounds: 3, kernel: "6".into(), lines };
        let table = report.table();
        let other = table.lines().find(|line| line.starts_with("detect   ds-identify")).unwrap();
        assert!(other.contains(" 10.00 ") && other.contains("3.2 MB"), "{other}");
    }
}
