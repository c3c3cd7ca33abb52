//! What was measured, as a table, as charts, as goals and as raw data.

use anyhow::Result;
use serde::Serialize;

use super::load::Class;
use super::resolvers::{Kind, Resolver};
use crate::bench::Summary;
use crate::bench::chart::{self, Bar, Words};
use crate::bench::contest::verdict;
use crate::bench::processes::Footprint;

/// One run.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Sample {
    /// Microseconds of a processor for an answer, of all its processes: what they did themselves.
    pub(super) user: f64,
    /// With what the kernel did for them.
    pub(super) total: f64,
    /// Answers in a second.
    pub(super) per_second: f64,
    /// Microseconds until an answer, with a hundred questions under way.
    pub(super) median: f64,
    pub(super) p99: f64,
    /// The same with one at a time.
    pub(super) alone: f64,
    pub(super) alone_p99: f64,
    /// Questions that were asked again.
    pub(super) lost: u64,
}

/// A resolver and everything measured.
pub(super) struct Row {
    pub(super) resolver: Resolver,
    binaries: u64,
    pub(super) samples: Vec<(Class, Sample)>,
    pub(super) memory: Vec<Footprint>,
}

impl Row {
    /// Nothing measured yet, but the memory without a name.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn new(resolver: Resolver) -> Result<Self> {
        let pids = resolver.processes()?;
        let size = |pid: &u32| std::fs::metadata(format!("/proc/{pid}/exe")).map(|file| (file.len(), *pid));
        let mut sizes = pids.iter().map(size).collect::<Result<Vec<_>, _>>()?;
        sizes.dedup_by_key(|(size, _)| *size);
        let memory = vec![Footprint::of(pids)?];
        Ok(Self { resolver, binaries: sizes.iter().map(|(size, _)| size).sum(), samples: Vec::new(), memory })
    }
}

/// What the bench found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    rounds: u32,
    questions: u64,
    kernel: String,
    lines: Vec<Line>,
    /// Those that could not be run, and why.
    missing: Vec<(&'static str, String)>,
}

#[derive(Debug, Serialize)]
struct Line {
    name: &'static str,
    version: String,
    ours: bool,
    binaries: u64,
    samples: Vec<(Class, Sample)>,
    /// Without a name, with ten thousand, with a hundred thousand.
    memory: Vec<Footprint>,
}

impl Line {
    fn summary(&self, class: Class, of: impl Fn(&Sample) -> f64) -> Option<Summary> {
        Summary::of(self.samples.iter().filter(|(known, _)| *known == class).map(|(_, sample)| of(sample)))
    }

    fn median(&self, class: Class, of: impl Fn(&Sample) -> f64) -> f64 {
        self.summary(class, of).map_or(f64::NAN, |summary| summary.median)
    }
}

impl Report {
    pub(super) fn new(rows: &[Row], missing: Vec<(&'static str, String)>, rounds: u32, questions: u64) -> Self {
        let line = |row: &Row| Line {
            name: row.resolver.kind.name(),
            version: row.resolver.version.clone(),
            ours: row.resolver.kind == Kind::Orlop,
            binaries: row.binaries,
            samples: row.samples.clone(),
            memory: row.memory.clone(),
        };
        let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
        Self { rounds, questions, kernel, lines: rows.iter().map(line).collect(), missing }
    }

    fn line(&self, kind: Kind) -> Option<&Line> {
        self.lines.iter().find(|line| line.name == kind.name())
    }

    /// How the median of ours stands to that of unbound.
    fn ratio(&self, class: Class, of: fn(&Sample) -> f64) -> Option<f64> {
        Some(self.line(Kind::Orlop)?.median(class, of) / self.line(Kind::Unbound)?.median(class, of))
    }

    /// For a terminal.
    pub(super) fn table(&self) -> String {
        let mut table = format!(
            "medians of {} runs of {} questions (misses: a tenth), kernel {}; µs of a processor for an answer, all processes counted;\n\
             latency in µs with a hundred questions under way, and with one\n\n\
             {:<9} {:<17} {:>7} {:>7} {:>9} {:>9} {:>7} {:>8} {:>8} {:>6} {:>6} {:>5}\n",
            self.rounds,
            self.questions,
            self.kernel,
            "",
            "",
            "CPU µs",
            "user",
            "÷ unbound",
            "÷ (user)",
            "1/s",
            "p50",
            "p99",
            "one",
            "p99",
            "lost"
        );
        for class in Class::ALL {
            let unbound = self.line(Kind::Unbound);
            for line in &self.lines {
                let of = |field: fn(&Sample) -> f64| line.median(class, field);
                let beside =
                    |field: fn(&Sample) -> f64| of(field) / unbound.map_or(f64::NAN, |line| line.median(class, field));
                table += &format!(
                    "{:<9} {:<17} {:>7.2} {:>7.2} {:>9.2} {:>9.2} {:>7.0} {:>8.0} {:>8.0} {:>6.0} {:>6.0} {:>5.0}\n",
                    class.name(),
                    line.name,
                    of(|sample| sample.total),
                    of(|sample| sample.user),
                    beside(|sample| sample.total),
                    beside(|sample| sample.user),
                    of(|sample| sample.per_second),
                    of(|sample| sample.median),
                    of(|sample| sample.p99),
                    of(|sample| sample.alone),
                    of(|sample| sample.alone_p99),
                    of(|sample| sample.lost as f64),
                );
            }
        }
        table += &format!(
            "\nmemory in kB: the largest process (resident), and all of them (proportional)\n\n{:<17} {:<28} {:>16} {:>16} {:>16}\n",
            "", "version", "no name", "10,000", "100,000"
        );
        for line in &self.lines {
            let kb = |seen: &Footprint| format!("{:>7} {:>8}", seen.largest_rss_kib, seen.pss_kib);
            let memory: Vec<String> = line.memory.iter().map(kb).collect();
            table += &format!("{:<17} {:<28} {}\n", line.name, line.version, memory.join(" "));
        }
        for (name, why) in &self.missing {
            table += &format!("without {name}: {why}\n");
        }
        table
    }

    /// What is to be reached, and whether it was.
    pub(super) fn goals(&self) -> String {
        let mut goals = String::new();
        let mut goal = |what: &str, seen: Option<f64>, most: f64, unit: &str| {
            if let Some(seen) = seen {
                goals += &format!("{} {what}: {seen:.2}{unit}, at most {most}{unit}\n", verdict(seen <= most));
            }
        };
        goal("a hit, CPU in all, beside unbound", self.ratio(Class::Hit, |sample| sample.total), 0.95, "");
        goal("a hit, user land, beside unbound", self.ratio(Class::Hit, |sample| sample.user), 0.6, "");
        goal("a miss, CPU in all, beside unbound", self.ratio(Class::Miss, |sample| sample.total), 1.25, "");
        let memory = self.line(Kind::Orlop).map(|line| &line.memory[..]);
        if let Some([_, some, many]) = memory {
            let mb = some.largest_rss_kib as f64 * 1024.0 / 1e6;
            goal("the worker with 10,000 names", Some(mb), 8.0, " MB");
            let each = many.largest_rss_kib.saturating_sub(some.largest_rss_kib) as f64 * 1024.0 / 90_000.0;
            goal("a name", Some(each), 400.0, " bytes");
        }
        goals
    }

    /// What an answer costs that is known, and one that is not.
    pub(super) fn charts(&self) -> Vec<(&'static str, String)> {
        let how = format!(
            "Median of {} runs in turn (line: the middle half of them), kernel {}. Shorter is better",
            self.rounds, self.kernel
        );
        let chart = |title: &str, class: Class| {
            let bar = |line: &Line| {
                let summary = line.summary(class, |sample| sample.total)?;
                Some(Bar { label: line.name.to_owned(), summary, ours: line.ours })
            };
            let bars: Vec<Bar> = self.lines.iter().filter_map(bar).collect();
            chart::svg(Words { title, subtitle: &how, unit: "µs", digits: 1 }, &bars)
        };
        vec![
            ("resolver", chart("An answer out of the cache: processor time, all processes", Class::Hit)),
            ("resolver-miss", chart("A name that nobody has asked for: processor time, all processes", Class::Miss)),
        ]
    }

    /// Everything, raw samples included.
    ///
    /// # Errors
    /// Never in practice: all of it is plain data.
    pub(super) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }
}
