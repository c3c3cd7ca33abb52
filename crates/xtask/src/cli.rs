//! The command line: one subcommand per task.

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};

use crate::workspace::Workspace;
use crate::{
    bench, build, check, demo, emulate, fresh, fuzz, harden, mutants, remains, reproduce, setup, soak, symbols, test,
    vm,
};

const AFTER_HELP: &str = "\
Start here:
  cargo xtask demo        build a machine and watch it boot: time line, processes, sizes
  cargo xtask demo dhcp   build, then watch a lease being taken and three attacks failing
  cargo xtask demo sysctl build, then watch settings being refused and silently changed
  cargo xtask test        everything a change must pass; what continuous integration runs

Both install what they need (root, Debian). `cargo xtask TASK --help` tells more about one task.";

/// The tasks of the Orlop repository
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build a machine, boot it, and show its time line, its processes and its size; or a daemon at work in namespaces
    Demo(demo::Options),
    /// Assemble a machine from LinuxKit specs, boot it under QEMU, and judge it by what it says
    Vm(vm::Options),
    /// Run every test: set-up, release build, checks, unit tests, and the tests that need root
    Test(test::Options),
    /// What the README promises, tried on a minimal Debian with nothing but what the README asks for (root)
    Fresh,
    /// What takes too long for a test: more random settings beside systemd, the sandbox without each of its parts with musl
    Soak(soak::Options),
    /// Formatting, clippy, and the rules of this repository (dependency directions, file wall, licences, …)
    Check(check::Options),
    /// Compare a daemon with its rivals: time, memory, size; a table, a chart and raw data
    Bench(bench::Options),
    /// Fuzz every target in turn from the committed seeds (nightly Rust)
    Fuzz(fuzz::Options),
    /// Change the code, one operator or value at a time, and see whether the tests of that package notice
    Mutants(mutants::Options),
    /// Build the static release binaries and print their sizes
    Build(build::Task),
    /// Search the release binaries: no parser of network bytes in a broker, and (control) one in each worker
    Symbols(build::Options),
    /// Look into the release binaries: position-independent, static, stripped, nothing writable and executable, …
    Harden(build::Options),
    /// Start the release binaries of another architecture under qemu's user emulation (no sandbox there: no daemon runs)
    Emulate(build::Options),
    /// Build the release binaries in two folders of other names, and compare them byte by byte
    Reproduce(build::Options),
    /// Build the release binaries once more, with a map, and tell how much of each is not Rust (minutes)
    Remains(remains::Options),
    /// Compare the dependencies with the database of known vulnerabilities (needs the internet)
    Advisories,
    /// Install the Debian packages and cargo tools that a task needs, where missing (root)
    Setup(setup::Options),
}

impl Cli {
    /// Runs the chosen task.
    ///
    /// # Errors
    /// Whatever made the task fail, outermost first.
    pub(crate) fn run(self) -> Result<()> {
        let workspace = Workspace { tasks: Self::task_names(), ..Workspace::find()? };
        match self.task {
            Task::Demo(options) => demo::run(&workspace, &options),
            Task::Vm(options) => vm::run(&workspace, &options),
            Task::Test(options) => test::run(&workspace, &options),
            Task::Fresh => fresh::run(&workspace),
            Task::Soak(options) => soak::run(&workspace, &options),
            Task::Check(options) => check::run(&workspace, &options),
            Task::Bench(options) => bench::run(&workspace, &options),
            Task::Fuzz(options) => fuzz::run(&workspace, &options),
            Task::Mutants(options) => mutants::run(&workspace, &options),
            Task::Build(task) => build::task(&workspace, &task),
            Task::Symbols(options) => symbols::run(&workspace, &options),
            Task::Harden(options) => harden::run(&workspace, &options),
            Task::Emulate(options) => {
                emulate::run(&workspace, &options.target).map(|answers| println!("emulate: {answers}"))
            }
            Task::Reproduce(options) => reproduce::run(&workspace, &options),
            Task::Remains(options) => remains::run(&workspace, &options),
            Task::Advisories => check::advisories::run(&workspace),
            Task::Setup(options) => setup::run(&workspace, &options),
        }
    }

    /// The names of all tasks, as typed.
    fn task_names() -> Vec<String> {
        Self::command().get_subcommands().map(|task| task.get_name().to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_task_has_a_help_line() {
        for task in Cli::command().get_subcommands() {
            assert!(task.get_about().is_some(), "{}", task.get_name());
        }
    }
}
