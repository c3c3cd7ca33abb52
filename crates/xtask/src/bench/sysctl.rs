//! The sysctl applier beside systemd-sysctl, procps and busybox: the same settings, each of which must be written.

mod programs;
mod report;
mod stage;

use core::fmt;
use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use super::contest::{self, Program, Report, Row};
use crate::build;
use crate::compiler::sysroot::NATIVE_MUSL;
use crate::setup::{self, Need};
use crate::workspace::Workspace;

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
const COUNTS: [Count; 2] = [Count { settings: 150 }, Count { settings: 1500 }];

/// So many settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Count {
    settings: usize,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

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
    let mut all = Vec::new();
    for count in COUNTS {
        let mut rows = programs.iter().cloned().map(|program| Row::new(count, program)).collect::<Result<Vec<_>>>()?;
        let time =
            |count: Count, program: &Program| stage.round(count.settings, || program.timed(&mut program.command()));
        let peak = |count: Count, program: &Program| stage.round(count.settings, || program.peak(&program.command()));
        contest::measure(&mut rows, options.rounds, &format!("{count} settings, "), time, peak)?;
        all.extend(rows);
    }
    let report = Report::new(all, options.rounds);
    println!("\n{}", report::table(&report));
    println!("{}", report::goals(&report));
    // What has another tree in it does not replace the result that the page shows.
    let name = if options.before.is_none() { "sysctl" } else { "sysctl-partial" };
    super::keep(workspace, name, &report.json()?, &[(name, report::chart(&report))])
}
