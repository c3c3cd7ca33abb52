//! The result as tables, a verdict on the goals, charts and raw data.

use anyhow::Result;
use serde::Serialize;

use super::TASKS;
use super::clients::{Client, Kind, Wrong};
use super::steady::{SEEDS, Steady};
use super::waiting::{SETTLE, Waiting};
use crate::bench::chart::{self, Bar, Words};
use crate::bench::numbers::Summary;

/// Three sources at most a tenth of a second away set a clock in this many seconds (issue 12) …
const MAX_SET: f64 = 1.0;
/// … and in at most this part of chronyd's time.
const MAX_SET_RATIO: f64 = 0.3;
/// All processes together (issue 12: 5 MB).
const MAX_PSS_KIB: u64 = 5_000_000 / 1024;
/// All binaries together, with musl.
const MAX_BINARIES: u64 = 3_600_000;
/// The image, packed.
const MAX_IMAGE: u64 = 1_700_000;
/// Error beside chronyd's, in the order of the networks.
const MAX_RMS_RATIO: [f64; 3] = [1.0, 1.6, 1.3];

/// A client and everything measured.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) client: Client,
    pub(super) sizes: Vec<u64>,
    /// One for each of [`TASKS`].
    pub(super) cells: Vec<Cell>,
    pub(super) waiting: Option<Waiting>,
}

/// What came of a task.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Cell {
    /// Seconds, one number for each run.
    Took(Vec<f64>),
    /// It cannot be done, for this reason.
    NotRun(String),
}

impl Cell {
    /// One more run.
    pub(super) fn push(&mut self, secs: f64) {
        if let Self::Took(runs) = self {
            runs.push(secs);
        }
    }

    fn summary(&self) -> Option<Summary> {
        match self {
            Self::Took(runs) => Summary::of(runs.iter().copied()),
            Self::NotRun(_) => None,
        }
    }
}

impl Row {
    /// Nothing measured yet but the files.
    ///
    /// # Errors
    /// When a binary is gone.
    pub(super) fn new(client: Client) -> Result<Self> {
        let sizes = client.binaries.iter().map(|path| Ok(path.metadata()?.len())).collect::<Result<_>>()?;
        Ok(Self { client, sizes, cells: vec![Cell::Took(Vec::new()); TASKS.len()], waiting: None })
    }
}

/// What the bench found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    rounds: u32,
    window: u64,
    kernel: String,
    /// Seconds, for each of [`TASKS`].
    floor: Vec<Summary>,
    lines: Vec<Line>,
    missing: Vec<(&'static str, String)>,
    steady: Vec<Steady>,
    image: u64,
}

#[derive(Debug, Serialize)]
struct Line {
    name: &'static str,
    version: String,
    #[serde(skip)]
    kind: Kind,
    cells: Vec<Cell>,
    waiting: Option<Waiting>,
    sizes: Vec<u64>,
}

impl Report {
    /// Puts everything together; ours is the first row.
    pub(super) fn new(
        rows: Vec<Row>,
        missing: Vec<(&'static str, String)>,
        (rounds, window): (u32, u64),
        floor: Vec<Summary>,
        steady: Vec<Steady>,
        image: u64,
    ) -> Self {
        let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
        let line = |Row { client: Client { kind, name, version, .. }, sizes, cells, waiting }| Line {
            name,
            version,
            kind,
            cells,
            waiting,
            sizes,
        };
        let lines = rows.into_iter().map(line).collect();
        Self { rounds, window, kernel, floor, lines, missing, steady, image }
    }

    /// For a terminal.
    pub(super) fn table(&self) -> String {
        let what = |(wrong, way): &(Wrong, std::time::Duration)| {
            format!("{}, {} ms", if *wrong == Wrong::Minute { "60 s" } else { "1970" }, way.as_millis())
        };
        let mut table = format!(
            "start → the clock is right, seconds, median (min–max) of {} runs; kernel {}\n\n{:<18}",
            self.rounds, self.kernel, "wrong by, way"
        );
        for task in &TASKS {
            table += &format!(" {:<22} {:>6}", what(task), "÷ ours");
        }
        table += &format!("\n{:<18}", "floor");
        for (column, floor) in self.floor.iter().enumerate() {
            table += &format!(" {:<22} {:>6}", shown(floor), self.beside_ours(column, floor));
        }
        table += "\n";
        for Line { name, cells, .. } in &self.lines {
            table += &format!("{name:<18}");
            for (column, cell) in cells.iter().enumerate() {
                let (text, ratio) = match cell.summary() {
                    Some(summary) => (shown(&summary), self.beside_ours(column, &summary)),
                    None => ("not run".to_owned(), String::new()),
                };
                table += &format!(" {text:<22} {ratio:>6}");
            }
            table += "\n";
        }
        for (name, why) in &self.missing {
            table += &format!("{name:<18} not run: {why}\n");
        }
        table += &self.reasons();
        table += &self.costs();
        table += &self.errors();
        table
    }

    /// Why what was not run was not run, and how the rest was.
    fn reasons(&self) -> String {
        let mut text = String::from("\n");
        for Line { name, cells, .. } in &self.lines {
            let mut reasons: Vec<&String> =
                cells.iter().filter_map(|cell| if let Cell::NotRun(why) = cell { Some(why) } else { None }).collect();
            reasons.dedup();
            for why in reasons {
                text += &format!("not run, {name}: {why}\n");
            }
        }
        text + "Three real chronyd servers, the way to them as long as it says (there and back). floor: three questions and their answers, by a loop.\n\
            orlop-ntp --oneshot with a clock of its own, and chronyd -Q (which ends like -q, and sets nothing), to their ends; the others until they\n\
            say that they set the clock. A minute: for the others the servers are ahead; 1970: for chronyd by libfaketime. The calls that set a\n\
            clock succeeded for all of them, and did nothing. openntpd and timesyncd believe the first answer of one server. ntpd-rs: one run.\n"
    }

    fn costs(&self) -> String {
        let mut table = format!(
            "\n{:<18} {:<28} {:>12} {:>6} {:>9} {:>10}  size of the binaries\n",
            "", "version", "wake-ups/h", "procs", "PSS", "largest"
        );
        for Line { name, version, waiting, sizes, .. } in &self.lines {
            let (wakeups, processes, pss, largest) =
                waiting.map_or_else(Default::default, |Waiting { memory, wakeups_per_hour }| {
                    let kib = |kib: u64| mb(kib * 1024);
                    (
                        format!("{wakeups_per_hour:.0}"),
                        memory.processes.to_string(),
                        kib(memory.pss_kib),
                        kib(memory.largest_rss_kib),
                    )
                });
            let sum = if sizes.len() > 1 { format!(" = {}", mb(sizes.iter().sum())) } else { String::new() };
            let sizes = sizes.iter().map(|size| mb(*size)).collect::<Vec<_>>().join(" + ");
            table += &format!(
                "{name:<18} {version:<28} {wakeups:>12} {processes:>6} {pss:>9} {largest:>10}  {sizes}{sum}\n"
            );
        }
        table += &format!("our image, packed: {}\n", mb(self.image));
        table
            + &format!(
                "wake-ups: voluntary context switches of all processes, counted for {} s from {} s after the start, times {:.0}; all were keeping a\n\
             right clock then, side by side, and ask the seldomer the longer they run. PSS: at the end of that time, largest: the largest resident\n\
             set. Sizes: without shared libraries, which ours do not have. Ours without the worker that looks up names: the servers are addresses.\n",
                self.window,
                SETTLE.as_secs(),
                3600.0 / self.window as f64
            )
    }

    fn errors(&self) -> String {
        let mut table =
            format!("\n{:<18} {:>12} {:>12} {:>8}\n", "kept right, RMS", "orlop-ntp", "chronyd", "÷ chronyd");
        for Steady { network, ours, chronyd } in &self.steady {
            let (theirs, ratio) = match chronyd {
                Ok(theirs) => (format!("{theirs:.1} µs"), format!("{:.2}", ours / theirs)),
                Err(why) => (format!("not run: {why}"), String::new()),
            };
            table += &format!("{network:<18} {:>12} {theirs:>12} {ratio:>8}\n", format!("{ours:.1} µs"));
        }
        table
            + &format!(
                "Mean of {SEEDS} runs of 40,000 s, without the first tenth; three servers asked every 64 s, the crystal 20 ppm off and wandering by\n\
             1e-9 a second; ours in the simulator of its core's tests, chronyd under clknetsim, on the same delays.\n"
            )
    }

    fn beside_ours(&self, column: usize, other: &Summary) -> String {
        self.median(Kind::Orlop, column).map_or_else(String::new, |ours| format!("{:.2}", other.median / ours))
    }

    fn median(&self, kind: Kind, column: usize) -> Option<f64> {
        let line = self.lines.iter().find(|line| line.kind == kind)?;
        Some(line.cells.get(column)?.summary()?.median)
    }

    /// Whether the goals of the issue are met, one line each.
    pub(super) fn goals(&self) -> String {
        let verdict = |met: bool| if met { "met   " } else { "MISSED" };
        let mut goals = String::new();
        for (column, (wrong, way)) in TASKS.iter().enumerate() {
            let Some(ours) = self.median(Kind::Orlop, column) else { continue };
            let what = format!("{wrong:?}, {} ms away", way.as_millis());
            goals += &format!("{} {what}: right in ≤ {MAX_SET} s: {ours:.3} s\n", verdict(ours <= MAX_SET));
            if let Some(theirs) = self.median(Kind::Chrony, column) {
                let ratio = ours / theirs;
                goals +=
                    &format!("{} {what}: ≤ {MAX_SET_RATIO} × chronyd: {ratio:.2} ×\n", verdict(ratio <= MAX_SET_RATIO));
            }
        }
        if let Some(ours) = self.lines.iter().find(|line| line.kind == Kind::Orlop) {
            if let Some(Waiting { memory, .. }) = ours.waiting {
                let met = verdict(memory.pss_kib <= MAX_PSS_KIB);
                goals += &format!("{met} PSS of all processes ≤ 5 MB: {}\n", mb(memory.pss_kib * 1024));
            }
            let all = ours.sizes.iter().sum();
            goals += &format!("{} all binaries ≤ {}: {}\n", verdict(all <= MAX_BINARIES), mb(MAX_BINARIES), mb(all));
        }
        goals += &format!("{} image ≤ {}: {}\n", verdict(self.image <= MAX_IMAGE), mb(MAX_IMAGE), mb(self.image));
        for (Steady { network, ours, chronyd }, most) in self.steady.iter().zip(MAX_RMS_RATIO) {
            goals += &match chronyd {
                Ok(theirs) => {
                    let ratio = ours / theirs;
                    format!("{} {network}: error ≤ {most} × chronyd's: {ratio:.2} ×\n", verdict(ratio <= most))
                }
                Err(_) => format!("not run {network}: error ≤ {most} × chronyd's\n"),
            };
        }
        goals
    }

    /// How soon a clock is right, with the servers far away.
    pub(super) fn chart_of_setting(&self) -> String {
        let column = 1;
        let bars = self.lines.iter().filter_map(|line| {
            let summary = line.cells.get(column)?.summary()?;
            Some(Bar { label: line.name.to_owned(), summary, ours: line.kind == Kind::Orlop })
        });
        let bars: Vec<Bar> = bars.collect();
        let subtitle = format!(
            "Median of {} runs in turn (ntpd-rs: one; line: the middle half), three chronyd servers, 100 ms there and back. Shorter is better.",
            self.rounds
        );
        let title = "NTP client: from start until a clock that is a minute off is right";
        chart::svg(Words { title, subtitle: &subtitle, unit: "s", digits: 2 }, &bars)
    }

    /// What waiting costs.
    pub(super) fn chart_of_memory(&self) -> String {
        let bars = self.lines.iter().filter_map(|line| {
            let summary = Summary::of([(line.waiting?.memory.pss_kib * 1024) as f64 / 1e6])?;
            Some(Bar { label: line.name.to_owned(), summary, ours: line.kind == Kind::Orlop })
        });
        let bars: Vec<Bar> = bars.collect();
        let title = "NTP client: memory of all its processes";
        let subtitle = "Proportional set size while a clock is kept right. Shorter is better.";
        chart::svg(Words { title, subtitle, unit: "MB", digits: 1 }, &bars)
    }

    /// Everything, raw samples included.
    ///
    /// # Errors
    /// Never in practice: all of it is plain data.
    pub(super) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }
}

fn shown(Summary { min, median, max, .. }: &Summary) -> String {
    format!("{median:>6.3} ({min:.3}–{max:.3})")
}

fn mb(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1_000_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::processes::Footprint;

    fn line(kind: Kind, name: &'static str, secs: f64, pss_kib: u64, size: u64) -> Line {
        let memory = Footprint { processes: 3, pss_kib, largest_rss_kib: 1 };
        let cells = vec![Cell::Took(vec![secs]); TASKS.len()];
        Line {
            name,
            version: "1".into(),
            kind,
            cells,
            waiting: Some(Waiting { memory, wakeups_per_hour: 1.0 }),
            sizes: vec![size],
        }
    }

    fn report(ours: Line, theirs: f64, image: u64, rms: f64) -> Report {
        let steady = Steady { network: "LAN", ours: rms, chronyd: Ok(10.0) };
        let lines = vec![ours, line(Kind::Chrony, "chronyd", theirs, 1, 1)];
        Report {
            rounds: 1,
            window: 60,
            kernel: "6".into(),
            floor: vec![],
            lines,
            missing: vec![],
            steady: vec![steady],
            image,
        }
    }

    fn ours(secs: f64) -> Line {
        line(Kind::Orlop, "orlop-ntp", secs, 4000, 3_600_000)
    }

    #[test]
    fn each_goal_can_be_met_and_missed() {
        for (what, report, missed) in [
            ("all met", report(ours(1.0), 5.0, 1_700_000, 10.0), 0),
            ("slow", report(ours(1.1), 5.0, 1_700_000, 10.0), 4),
            ("slow beside chronyd", report(ours(1.0), 3.0, 1_700_000, 10.0), 4),
            ("fat", report(line(Kind::Orlop, "orlop-ntp", 0.1, 5000, 1), 5.0, 1, 1.0), 1),
            ("large", report(line(Kind::Orlop, "orlop-ntp", 0.1, 1, 3_600_001), 5.0, 1, 1.0), 1),
            ("a large image", report(ours(0.1), 5.0, 1_700_001, 1.0), 1),
            ("wrong", report(ours(0.1), 5.0, 1, 10.1), 1),
        ] {
            assert_eq!(report.goals().matches("MISSED").count(), missed, "{what}: {}", report.goals());
        }
    }

    #[test]
    fn what_was_not_run_says_why() {
        let mut report = report(ours(0.2), 5.0, 1, 1.0);
        report.lines[1].cells[2] = Cell::NotRun("it cannot".to_owned());
        report.missing.push(("ntpd-rs", "no crates here".to_owned()));
        report.steady[0].chronyd = Err("no clknetsim".to_owned());
        let table = report.table();
        for words in ["not run, chronyd: it cannot", "not run: no crates here", "not run: no clknetsim"] {
            assert!(table.contains(words), "{words}:\n{table}");
        }
        assert!(report.goals().contains("not run LAN"), "{}", report.goals());
        let chronyd = table.lines().find(|line| line.starts_with("chronyd")).unwrap();
        assert!(chronyd.contains(" 25.00"), "{chronyd}");
    }

    #[test]
    fn bars_and_raw_data_have_everybody() {
        let report = report(ours(0.2), 5.0, 1, 1.0);
        for chart in [report.chart_of_setting(), report.chart_of_memory()] {
            assert!(chart.contains(">orlop-ntp<") && chart.contains(">chronyd<"), "{chart}");
        }
        let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json["lines"][0]["cells"][0]["took"][0], 0.2);
    }
}
