//! The metadata fetcher: how long it takes to know that nobody is to be asked, to ask a cloud, to read a disk; beside the script by
//! which cloud-init knows a cloud, and beside curl with the same questions, which is the floor.

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

use programs::Task;
use report::{Report, Row};
use stage::Stage;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Runs of each program with each task
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(3..=1000))]
    rounds: u32,
    /// Measure the release binaries that are there, without building them first
    #[arg(long)]
    no_build: bool,
    /// Also measure the binaries of another tree, in this folder: what a change has cost
    #[arg(long, value_name = "FOLDER")]
    before: Option<PathBuf>,
}

/// Runs to look at memory: it hardly varies.
const MEMORY_ROUNDS: u32 = 3;

/// None of them needs a second; one that needs this long hangs.
const DEADLINE: Duration = Duration::from_secs(30);

/// Runs the benchmark; the musl binaries take part if they are built.
///
/// # Errors
/// When a program cannot be run, or does not do its task.
pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    setup::ensure(Need::Bench)?;
    if !options.no_build {
        build::run(workspace, &build::Options::default())?;
    }
    let mut folders = vec![
        ("orlop-metadata", build::release_folder(workspace, build::HOST)?),
        ("orlop-metadata (musl)", build::release_folder(workspace, NATIVE_MUSL.triple)?),
    ];
    folders.extend(options.before.iter().map(|folder| ("before", folder.clone())));
    let stage = Stage::new()?;
    let mut rows: Vec<Row> = Vec::new();
    for task in Task::ALL {
        for program in programs::all(&folders, task, &stage)? {
            rows.push(Row::new(task, program)?);
        }
    }
    // One run each that does not count: files into the page cache.
    for row in &rows {
        once(&stage, row).with_context(|| format!("{} (trying it out)", row.program.name))?;
    }
    for round in 0..options.rounds {
        println!("  round {}/{}", round + 1, options.rounds);
        let count = rows.len();
        // Each round starts with another one: nobody is always first after the pause.
        for turn in 0..count {
            let row = &mut rows[(turn + round as usize) % count];
            let took = once(&stage, row)?;
            row.wall.push(took);
        }
    }
    for _ in 0..MEMORY_ROUNDS {
        for row in &mut rows {
            let peak = stage.round(row.task, &row.program, |command| peak::peak(command, &row.program.success))?;
            row.memory.push(peak);
        }
    }
    let report = Report::new(rows, options.rounds);
    println!("\n{}", report.table());
    println!("{}", report.goals());
    // What has another tree in it does not replace the result that the page shows.
    let name = if options.before.is_none() { "metadata" } else { "metadata-partial" };
    super::keep(workspace, name, &report.json()?, &[(name, report.chart())])
}

/// Milliseconds of one run, its start included.
fn once(stage: &Stage, row: &Row) -> Result<f64> {
    stage.round(row.task, &row.program, |command| {
        let run = stopwatch::run(command, DEADLINE)?;
        let code = run.status.code().unwrap_or(-1);
        ensure!(row.program.success.contains(&code), "{} ended with {}", row.program.name, run.status);
        Ok(millis(run.ended - run.began))
    })
}
