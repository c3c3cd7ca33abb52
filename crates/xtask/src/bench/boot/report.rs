//! What the bench of boots found: a table, verdicts, a chart and raw data.

use anyhow::Result;
use serde::Serialize;

use super::runtimes;
use crate::bench::Summary;
use crate::bench::chart::{self, Bar, Words};

/// The goal for power-on to configured, without acceleration.
const MAX_CONFIGURED_S: f64 = 5.0;
/// Its goal for what orlop-init adds to its runtime's own run.
const MAX_OVERHEAD: f64 = 1.25;
/// What a runtime without C may take longer than crun.
const MAX_LONGER_S: f64 = 0.2;
/// Its goal for an initrd with every daemon, packed, without kernel modules: bytes.
const MAX_INITRD: u64 = 9_000_000;

/// One boot. All in seconds.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Sample {
    /// From power-on until the last onboot container was over.
    pub(super) configured_s: f64,
    /// Processor time that QEMU had taken by then.
    pub(super) processor_s: f64,
    /// What it takes to make the container that does nothing.
    pub(super) empty_ready_s: f64,
    /// And until it is over.
    pub(super) empty_s: f64,
    /// What it takes to make the DHCP client's container.
    pub(super) ready_s: f64,
    /// From there until the client has ended.
    pub(super) client_s: f64,
}

/// One machine.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) ours: bool,
    /// The whole of it, packed.
    pub(super) initrd: u64,
    /// What the DHCP client takes of it.
    pub(super) share: u64,
    pub(super) memory_kib: u64,
    pub(super) samples: Vec<Sample>,
}

impl Row {
    pub(super) fn new(name: &'static str, ours: bool, initrd: u64, share: u64) -> Self {
        Self { name, ours, initrd, share, memory_kib: 0, samples: Vec::new() }
    }

    fn summary(&self, of: impl Fn(&Sample) -> f64) -> Option<Summary> {
        Summary::of(self.samples.iter().map(of))
    }
}

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) rounds: u32,
    pub(super) rows: Vec<Row>,
    pub(super) runtimes: Vec<runtimes::Row>,
    /// Bytes of the demo's initrd, packed, but for the kernel's modules.
    pub(super) initrd_without_modules: u64,
}

impl Report {
    /// For a terminal.
    pub(super) fn table(&self) -> String {
        let mut table = format!(
            "power-on → network configured, seconds, median (min–max) of {} boots each, in turn; QEMU without acceleration\n\n\
             {:<12} {:<20} {:<20} {:<20} {:<20} {:<20} {:>9} {:>9} {:>8}\n",
            self.rounds,
            "",
            "→ configured",
            "processor time",
            "empty container",
            "client: container",
            "client: itself",
            "initrd",
            "of it",
            "memory"
        );
        for row in &self.rows {
            let series: [fn(&Sample) -> f64; 5] = [
                |sample| sample.configured_s,
                |sample| sample.processor_s,
                |sample| sample.empty_s,
                |sample| sample.ready_s,
                |sample| sample.client_s,
            ];
            table += &format!("{:<12} ", row.name);
            for of in series {
                table += &format!("{:<20} ", shown(row.summary(of)));
            }
            let megabytes = |bytes: u64| format!("{:.2} MB", bytes as f64 / 1e6);
            table +=
                &format!("{:>9} {:>9} {:>5} MB\n", megabytes(row.initrd), megabytes(row.share), row.memory_kib / 1024);
        }
        table += "\nThe same kernel, init, runtime and server. Initrd: gzip, kernel modules included. Memory: in use while the client serves,\n\
            kernel and file systems included. dhcpcd: LinuxKit's configuration.\n\n";
        table + &runtimes::table(&self.runtimes)
    }

    /// Whether the goals of the issue are met, one line each.
    pub(super) fn goals(&self) -> String {
        let configured = |row: &Row| row.summary(|sample| sample.configured_s).map(|summary| summary.median);
        let ours = self.rows.iter().find(|row| row.ours);
        let Some(ours) = ours.and_then(configured) else { return String::new() };
        let mut goals = format!("{} ≤ {MAX_CONFIGURED_S} s: {ours:.2} s\n", verdict(ours <= MAX_CONFIGURED_S));
        for rival in self.rows.iter().filter(|row| !row.ours) {
            if let Some(theirs) = configured(rival) {
                let name = rival.name;
                goals += &format!("{} not later than with {name}: {:.2} ×\n", verdict(ours <= theirs), ours / theirs);
            }
        }
        goals += &self.goals_of_containers();
        let bytes = self.initrd_without_modules;
        goals += &format!(
            "{} the demo's initrd without kernel modules ≤ {MAX_INITRD} bytes: {bytes}\n",
            verdict(bytes <= MAX_INITRD)
        );
        goals
    }

    fn goals_of_containers(&self) -> String {
        let of = |name: &str| self.runtimes.iter().find(|row| row.name == name);
        let medians = |name: &str| of(name)?.medians();
        let Some((ours, alone)) = medians(runtimes::OURS) else { return String::new() };
        let (counted, counted_alone) = of(runtimes::OURS).and_then(runtimes::Row::counted).unwrap_or_default();
        let mut goals = format!(
            "{} a container by orlop-init ≤ {MAX_OVERHEAD} × its runtime's own run: {:.2} × ({:.2} × by instructions)\n",
            verdict(ours <= MAX_OVERHEAD * alone),
            ours / alone,
            counted / counted_alone
        );
        if let Some((crun, _)) = medians("crun") {
            goals += &format!(
                "{} a container at most {MAX_LONGER_S} s longer than with crun: {:+.2} s\n",
                verdict(ours <= crun + MAX_LONGER_S),
                ours - crun
            );
        }
        goals
    }

    /// The medians as bars.
    pub(super) fn chart(&self) -> String {
        let bar = |row: &Row| {
            let summary = row.summary(|sample| sample.configured_s)?;
            Some(Bar { label: row.name.to_owned(), summary, ours: row.ours })
        };
        let bars: Vec<Bar> = self.rows.iter().filter_map(bar).collect();
        let subtitle = format!(
            "Median of {} boots in turn (line: the middle half of them), QEMU without acceleration. Shorter is better.",
            self.rounds
        );
        let title = "Machine: from power-on to a configured network";
        chart::svg(Words { title, subtitle: &subtitle, unit: "s", digits: 2 }, &bars)
    }

    /// Everything, raw samples included.
    ///
    /// # Errors
    /// Never in practice: all of it is plain data.
    pub(super) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }
}

const fn verdict(met: bool) -> &'static str {
    if met { "met   " } else { "MISSED" }
}

/// Median, smallest and largest.
pub(super) fn shown(summary: Option<Summary>) -> String {
    summary.map_or_else(|| "–".to_owned(), |s| format!("{:.2} ({:.2}–{:.2})", s.median, s.min, s.max))
}
