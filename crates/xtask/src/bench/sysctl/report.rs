//! The result as a table, a verdict on the goals and a chart.

use super::Count;
use crate::bench::chart::{self, Words};
use crate::bench::contest::{Report, mb, verdict};

/// 150 settings planned, applied and verified in less than this (issue C1).
const MAX_MEDIAN_MS: f64 = 10.0;
/// The largest process (issue C1: 2 MB).
const MAX_RSS_KIB: u64 = 2_000_000 / 1024;
/// The broker's binary, static, with musl (issue C1).
const MAX_BROKER: u64 = 800_000;

/// What ours is called in the ratios.
const OURS: &str = "orlop-sysctl";
const OURS_MUSL: &str = "orlop-sysctl (musl)";

/// For a terminal.
pub(super) fn table(report: &Report<Count>) -> String {
    report.table("settings", OURS)
        + "\nEvery setting has another value before each run and is looked at afterwards. Only ours reads back what it wrote. All run\n\
            with the seven capabilities of our image's label.\n\
            largest, all: the kernel's VmHWM of each process, read at its end (ptrace), the largest and their sum; shared pages count\n\
            every time. Sizes: without shared libraries, which ours does not have; busybox is all of Debian's.\n"
}

/// Whether the goals of the issue are met, one line each.
pub(super) fn goals(report: &Report<Count>) -> String {
    let mut goals = String::new();
    for line in report.lines.iter().filter(|line| line.ours && line.of == super::COUNTS[0]) {
        let (name, settings) = (line.name, line.of);
        if let Some(wall) = line.wall {
            let met = verdict(wall.median < MAX_MEDIAN_MS);
            goals += &format!("{met} {name}: {settings} settings in < {MAX_MEDIAN_MS} ms: {:.2} ms\n", wall.median);
        }
        if let Some(peak) = &line.memory {
            let met = verdict(peak.largest() < MAX_RSS_KIB);
            goals += &format!("{met} {name}: each process < 2 MB: {}\n", mb(peak.largest() * 1024, 2));
        }
        if let Some(broker) = line.sizes.first().filter(|_| name == OURS_MUSL) {
            let met = verdict(*broker <= MAX_BROKER);
            goals += &format!("{met} {name}: the broker ≤ {MAX_BROKER} bytes: {broker}\n");
        }
    }
    for line in report.lines.iter().filter(|line| line.name == "procps sysctl") {
        if let (Some(theirs), Some(ours)) = (line.wall, report.wall(line.of, OURS)) {
            let ratio = ours / theirs.median;
            goals += &format!("       ours takes {ratio:.2} × the time of procps for {} settings\n", line.of);
        }
    }
    goals
}

/// The medians as bars.
pub(super) fn chart(report: &Report<Count>) -> String {
    let (bars, how) = report.bars(|line| format!("{}, {}", line.name, line.of));
    let title = "Settings: from start to every one written";
    chart::svg(Words { title, subtitle: &format!("{how}; only ours reads back."), unit: "ms", digits: 1 }, &bars)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::contest::tests::report;

    const COUNT: Count = Count { settings: 150 };

    #[test]
    fn each_goal_can_be_met_and_missed() {
        for (what, ours, missed) in [
            ("all met", (COUNT, OURS_MUSL, 9.9, 1900, 800_000), 0),
            ("too slow", (COUNT, OURS_MUSL, 10.0, 1900, 800_000), 1),
            ("too fat", (COUNT, OURS_MUSL, 9.9, 2000, 800_000), 1),
            ("too large", (COUNT, OURS_MUSL, 9.9, 1900, 800_001), 1),
        ] {
            assert_eq!(goals(&report([ours])).matches("MISSED").count(), missed, "{what}");
        }
    }

    #[test]
    fn the_table_has_ratios_and_the_processes_together() {
        let report = report([(COUNT, OURS, 4.0, 1000, 1), (COUNT, "procps sysctl", 2.0, 3000, 1)]);
        let table = table(&report);
        let procps = table.lines().find(|line| line.contains("procps")).unwrap();
        assert!(procps.contains(" 0.50 ") && procps.contains("3.2 MB"), "{procps}");
        assert!(goals(&report).contains("ours takes 2.00 × the time of procps"), "{}", goals(&report));
    }
}
