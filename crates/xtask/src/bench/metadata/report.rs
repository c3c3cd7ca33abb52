//! The result as a table, a verdict on the goals and a chart.

use super::programs::Task;
use crate::bench::chart::{self, Words};
use crate::bench::contest::{Line, Report, mb, verdict};

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

/// For a terminal.
pub(super) fn table(report: &Report<Task>) -> String {
    report.table("task", OURS)
        + "\ndetect: where a machine runs whose firmware says it. nothing, cloud, disk: a whole run, from start to exit; with a\n\
            cloud, ours asks what curl asks, with a token, and writes it; ds-identify only says where the machine runs.\n\
            LinuxKit's fetcher cannot be had from Debian: where nothing answers, its code waits 2 s and longer for each of nine\n\
            services. largest, all: the kernel's VmHWM of each process, read at its end (ptrace), the largest and their sum.\n\
            Sizes: without shared libraries, which ours does not have, and without the shell that runs ds-identify.\n"
}

/// Whether the goals are met, one line each.
pub(super) fn goals(report: &Report<Task>) -> String {
    let mut goals = String::new();
    for Line { of: task, name, wall, memory, sizes, .. } in report.lines.iter().filter(|line| line.ours) {
        let limit = match task {
            Task::Detect => Some(MAX_DETECT_MS),
            Task::Disk => Some(MAX_DISK_MS),
            Task::Nothing | Task::Cloud => None,
        };
        if let (Some(wall), Some(limit)) = (wall, limit) {
            let met = verdict(wall.median < limit);
            goals += &format!("{met} {name}: {task} in < {limit} ms: {:.2} ms\n", wall.median);
        }
        if let Some(peak) = memory {
            let limit = if *task == Task::Detect { MAX_DETECT_KIB } else { MAX_RSS_KIB };
            let (met, largest) = (verdict(peak.largest() < limit), mb(peak.largest() * 1024, 2));
            goals += &format!("{met} {name}: {task}, each process < {}: {largest}\n", mb(limit * 1024, 0));
        }
        if let Some(largest) = sizes.iter().max().filter(|_| *task == Task::Detect && *name == OURS_MUSL) {
            let met = verdict(*largest <= MAX_SIZE);
            goals += &format!("{met} {name}: each program ≤ {MAX_SIZE} bytes: {largest}\n");
        }
    }
    goals
}

/// The medians as bars.
pub(super) fn chart(report: &Report<Task>) -> String {
    let (bars, how) = report.bars(|line| format!("{}: {}", line.of, line.name));
    let title = "Metadata: to know where one is, to find nothing, to ask a cloud, to read a disk";
    chart::svg(Words { title, subtitle: &format!("{how}; curl keeps nothing."), unit: "ms", digits: 1 }, &bars)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::contest::tests::report;

    #[test]
    fn each_goal_can_be_met_and_missed() {
        for (what, line, missed) in [
            ("all met", (Task::Detect, OURS_MUSL, 4.9, 2900, 800_000), 0),
            ("too slow", (Task::Detect, OURS_MUSL, 5.0, 2900, 800_000), 1),
            ("too fat", (Task::Detect, OURS_MUSL, 4.9, 3000, 800_000), 1),
            ("too large", (Task::Detect, OURS_MUSL, 4.9, 2900, 800_001), 1),
            ("a disk", (Task::Disk, OURS, 49.9, 3000, 900_000), 0),
            ("a disk, too slow", (Task::Disk, OURS, 50.0, 3000, 900_000), 1),
            ("a cloud, however long", (Task::Cloud, OURS, 500.0, 3000, 900_000), 0),
            ("a cloud, too fat", (Task::Cloud, OURS, 5.0, 16_000, 900_000), 1),
        ] {
            let goals = goals(&report([line]));
            assert_eq!(goals.matches("MISSED").count(), missed, "{what}: {goals}");
        }
    }

    #[test]
    fn the_table_has_ratios_within_a_task() {
        let table = table(&report([
            (Task::Nothing, OURS, 8.0, 1000, 1),
            (Task::Detect, OURS, 4.0, 1000, 1),
            (Task::Detect, "ds-identify", 40.0, 3000, 1),
        ]));
        let other = table.lines().find(|line| line.starts_with("detect   ds-identify")).unwrap();
        assert!(other.contains(" 10.00 ") && other.contains("3.2 MB"), "{other}");
    }
}
