//! The sysctl applier beside systemd-sysctl, procps and busybox: the same settings, each of which must be written.

mod programs;
mod report;
mod stage;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::peak::{self, Peak};
use super::{Summary, millis, stopwatch};
use crate::build;
use crate::compiler::sysroot::NATIVE_MUSL;
use crate::setup::{self, Need};
use crate::workspace::Workspace;

use programs::Program;
use report::{Report, Row, Series};
use stage::Stage;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Runs of each program with each number of settings
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(3..=1000))]
    rounds: u32,
    /// Measure the release binaries that are there, without building them first
    #[arg(long)]
    no_build: bool,
    /// Also measure the binaries of another tree, in this folder: what a change has cost
    #[arg(long, value_name = "FOLDER")]
    before: Option<PathBuf>,
}

/// How many settings are written: a hardened machine's, and ten times as many.
const COUNTS: [usize; 2] = [150, 1500];

/// Runs to look at memory: it hardly varies.
const MEMORY_ROUNDS: u32 = 3;

/// None of them needs a second; one that needs this long hangs.
const DEADLINE: Duration = Duration::from_secs(30);

/// Runs the benchmark; the musl binaries take part if they are built.
///
/// # Errors
/// When a program cannot be run, or does not write every setting.
pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    setup::ensure(Need::Bench)?;
    if !options.no_build {
        build::run(workspace, &build::Options::default())?;
    }
    let mut folders = vec![
        ("orlop-sysctl", build::release_folder(workspace, build::HOST)?),
        ("orlop-sysctl (musl)", build::release_folder(workspace, NATIVE_MUSL.triple)?),
    ];
    folders.extend(options.before.iter().map(|folder| ("before", folder.clone())));
    let programs = programs::all(&folders)?;
    let stage = Stage::new()?;
    let series =
        COUNTS.iter().map(|count| measured(&stage, &programs, *count, options.rounds)).collect::<Result<_>>()?;
    let report = Report::new(series, options.rounds);
    println!("\n{}", report.table());
    println!("{}", report.goals());
    // What has another tree in it does not replace the result that the page shows.
    let name = if options.before.is_none() { "sysctl" } else { "sysctl-partial" };
    super::keep(workspace, name, &report.json()?, &[(name, report.chart())])
}

fn measured(stage: &Stage, programs: &[Program], settings: usize, rounds: u32) -> Result<Series> {
    let mut rows: Vec<Row> = programs.iter().cloned().map(Row::new).collect::<Result<_>>()?;
    // One run each that does not count: files into the page cache.
    for row in &rows {
        once(stage, &row.program, settings).with_context(|| format!("{} (trying it out)", row.program.name))?;
    }
    for round in 0..rounds {
        println!("  {settings} settings, round {}/{rounds}", round + 1);
        let count = rows.len();
        // Each round starts with another one: nobody is always first after the pause.
        for turn in 0..count {
            let row = &mut rows[(turn + round as usize) % count];
            row.wall.push(once(stage, &row.program, settings)?);
        }
    }
    for _ in 0..MEMORY_ROUNDS {
        for row in &mut rows {
            row.memory.push(stage.round(settings, || peak::peak(&row.program.command(), &[0]))?);
        }
    }
    Ok(Series { settings, rows })
}

/// Milliseconds of one run, its start included.
fn once(stage: &Stage, program: &Program, settings: usize) -> Result<f64> {
    stage.round(settings, || {
        let run = stopwatch::run(&mut program.command(), DEADLINE)?;
        ensure!(run.status.success(), "{} ended with {}", program.name, run.status);
        Ok(millis(run.ended - run.began))
    })
}
