//! Programs that do something and end, run in turn: what was measured of each, as a table, as bars and as raw data.

use core::fmt::Display;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::chart::Bar;
use super::peak::{self, Peak};
use super::{Summary, millis, stopwatch};

/// Runs to look at memory: it hardly varies.
const MEMORY_ROUNDS: u32 = 3;

/// None of them needs a second; one that needs this long hangs.
const DEADLINE: Duration = Duration::from_secs(30);

/// A program.
#[derive(Debug, Clone)]
pub(super) struct Program {
    /// As the table calls it.
    pub(super) name: &'static str,
    /// The version of its Debian package; ours has the workspace's.
    pub(super) version: String,
    /// What is started, with its arguments.
    pub(super) words: Vec<String>,
    /// The files that hold its code, without shared libraries.
    pub(super) binaries: Vec<PathBuf>,
    /// How it ends when it has done what it should.
    pub(super) success: i32,
    /// Whether it is ours.
    pub(super) ours: bool,
}

impl Program {
    /// The command, without input and output.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(self.words.first().map_or("", String::as_str));
        command.args(self.words.iter().skip(1)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Milliseconds of one run, its start included.
    ///
    /// # Errors
    /// When it cannot be run, or does not end as it should.
    pub(super) fn timed(&self, command: &mut Command) -> Result<f64> {
        let run = stopwatch::run(command, DEADLINE)?;
        ensure!(run.status.code() == Some(self.success), "{} ended with {}", self.name, run.status);
        Ok(millis(run.ended - run.began))
    }

    /// The memory of one run.
    ///
    /// # Errors
    /// As [`Self::timed`].
    pub(super) fn peak(&self, command: &Command) -> Result<Peak> {
        peak::peak(command, self.success)
    }

    /// Bytes of each file of its code.
    fn sizes(&self) -> Result<Vec<u64>> {
        let size = |path: &PathBuf| Ok(path.metadata().with_context(|| format!("no {}", path.display()))?.len());
        self.binaries.iter().map(size).collect()
    }
}

/// A program with something to do, which is `of`, and everything measured.
#[derive(Debug)]
pub(super) struct Row<T> {
    of: T,
    program: Program,
    sizes: Vec<u64>,
    /// Milliseconds.
    wall: Vec<f64>,
    memory: Vec<Peak>,
}

impl<T: Copy> Row<T> {
    /// Nothing measured yet but the files.
    ///
    /// # Errors
    /// When a binary is gone.
    pub(super) fn new(of: T, program: Program) -> Result<Self> {
        Ok(Self { of, sizes: program.sizes()?, program, wall: Vec::new(), memory: Vec::new() })
    }
}

/// Runs all rows in turn, once without counting and then `rounds` times: `time` gives the milliseconds of a run, `peak` its memory.
///
/// # Errors
/// When a program cannot be run, or does not do what it should.
pub(super) fn measure<T: Copy>(
    rows: &mut [Row<T>],
    rounds: u32,
    what: &str,
    time: impl Fn(T, &Program) -> Result<f64>,
    peak: impl Fn(T, &Program) -> Result<Peak>,
) -> Result<()> {
    // One run each that does not count: files into the page cache.
    for row in rows.iter() {
        time(row.of, &row.program).with_context(|| format!("{} (trying it out)", row.program.name))?;
    }
    for round in 0..rounds {
        println!("  {what}round {}/{rounds}", round + 1);
        let count = rows.len();
        // Each round starts with another one: nobody is always first after the pause.
        for turn in 0..count {
            let row = &mut rows[(turn + round as usize) % count];
            row.wall.push(time(row.of, &row.program)?);
        }
    }
    for _ in 0..MEMORY_ROUNDS {
        for row in rows.iter_mut() {
            row.memory.push(peak(row.of, &row.program)?);
        }
    }
    Ok(())
}

/// What the bench found.
#[derive(Debug, Serialize)]
pub(super) struct Report<T> {
    rounds: u32,
    kernel: String,
    pub(super) lines: Vec<Line<T>>,
}

/// One program with one thing to do.
#[derive(Debug, Serialize)]
pub(super) struct Line<T> {
    #[serde(flatten)]
    pub(super) of: T,
    pub(super) name: &'static str,
    version: String,
    pub(super) ours: bool,
    pub(super) wall: Option<Summary>,
    /// The run whose processes together had most.
    pub(super) memory: Option<Peak>,
    pub(super) sizes: Vec<u64>,
    wall_raw: Vec<f64>,
}

impl<T: Copy + PartialEq + Display + Serialize> Report<T> {
    /// Summarises the rows.
    pub(super) fn new(rows: Vec<Row<T>>, rounds: u32) -> Self {
        let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
        let line = |row: Row<T>| Line {
            of: row.of,
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

    /// For a terminal: each line beside that of `ours` with the same to do, whose kind is `what`.
    pub(super) fn table(&self, what: &str, ours: &str) -> String {
        let mut table = format!(
            "start → exit, milliseconds, median (min–max) of {} runs; kernel {}\n\n{what:<8} {:<22} {:<24} {:>6} {:>10} {:>10} {:>6}  {}\n",
            self.rounds, self.kernel, "", "→ exit", "÷ ours", "largest", "all", "procs", "size of the binaries"
        );
        for line in &self.lines {
            let ours = self.wall(line.of, ours);
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
                "{:8} {:<22} {wall:<24} {ratio:>6} {:>10} {:>10} {:>6}  {sizes}\n",
                line.of, line.name, memory.0, memory.1, memory.2
            );
        }
        table
    }

    /// The median of one program.
    pub(super) fn wall(&self, of: T, name: &str) -> Option<f64> {
        let line = self.lines.iter().find(|line| line.of == of && line.name == name)?;
        line.wall.map(|wall| wall.median)
    }

    /// The medians as bars, each with its label, and how they came about.
    pub(super) fn bars(&self, label: impl Fn(&Line<T>) -> String) -> (Vec<Bar>, String) {
        let bar = |line: &Line<T>| line.wall.map(|summary| Bar { label: label(line), summary, ours: line.ours });
        let how = format!(
            "Median of {} runs in turn (line: the middle half of them), kernel {}. Shorter is better",
            self.rounds, self.kernel
        );
        (self.lines.iter().filter_map(bar).collect(), how)
    }

    /// Everything, raw samples included.
    ///
    /// # Errors
    /// Never in practice: all of it is plain data.
    pub(super) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }
}

/// In front of a goal.
pub(super) const fn verdict(met: bool) -> &'static str {
    if met { "met   " } else { "MISSED" }
}

/// Bytes for a person.
pub(super) fn mb(bytes: u64, digits: usize) -> String {
    format!("{:.digits$} MB", bytes as f64 / 1_000_000.0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A report of lines, each `of` something, with a name, a median, the memory of its first process and the size of its first file.
    pub(in crate::bench) fn report<T>(lines: impl IntoIterator<Item = (T, &'static str, f64, u64, u64)>) -> Report<T> {
        let line = |(of, name, median, rss_kib, size): (T, &'static str, f64, u64, u64)| Line {
            of,
            name,
            version: "1".into(),
            ours: name.starts_with("orlop"),
            wall: Some(Summary { min: median, median, max: median, lower: median, upper: median }),
            memory: Some(Peak { rss_kib: vec![rss_kib, 100] }),
            sizes: vec![size, 1],
            wall_raw: vec![],
        };
        Report { rounds: 3, kernel: "6".into(), lines: lines.into_iter().map(line).collect() }
    }
}
