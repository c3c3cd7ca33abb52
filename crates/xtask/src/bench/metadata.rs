//! The metadata fetcher: how long it takes to know that nobody is to be asked, to ask a cloud, to read a disk; beside the script by
//! which cloud-init knows a cloud, and beside curl with the same questions, which is the floor.

mod programs;
mod report;
mod stage;

use std::path::PathBuf;

use anyhow::Result;

use super::contest::{self, Program, Report, Row};
use crate::build;
use crate::compiler::sysroot::NATIVE_MUSL;
use crate::setup::{self, Need};
use crate::workspace::Workspace;

use programs::Task;
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
    let mut rows = Vec::new();
    for task in Task::ALL {
        for program in programs::all(&folders, task, &stage)? {
            rows.push(Row::new(task, program)?);
        }
    }
    let time = |task, program: &Program| stage.round(task, program, |command| program.timed(command));
    let peak = |task, program: &Program| stage.round(task, program, |command| program.peak(command));
    contest::measure(&mut rows, options.rounds, "", time, peak)?;
    let report = Report::new(rows, options.rounds);
    println!("\n{}", report::table(&report));
    println!("{}", report::goals(&report));
    // What has another tree in it does not replace the result that the page shows.
    let name = if options.before.is_none() { "metadata" } else { "metadata-partial" };
    super::keep(workspace, name, &report.json()?, &[(name, report::chart(&report))])
}
