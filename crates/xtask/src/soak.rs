//! `soak`: what takes too long for a test that everybody waits for. It looks for what nobody has thought of yet, so each
//! round begins somewhere else.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::build;
use crate::compiler::sysroot::NATIVE_MUSL;
use crate::setup::{self, Need};
use crate::steps::Steps;
use crate::test::{self, ATTACKS, MACHINES, MUTATIONS, SETTINGS};
use crate::workspace::Workspace;

/// The test that compares random trees of settings; `cargo xtask test` runs it with a thousand, always the same.
const TREES: &str = "a_random_tree_comes_to_what_systemd_sysctl_makes_of_it";

/// The test of a machine with many services; `cargo xtask test` runs it with two hundred.
const SERVICES: &str = "many::hundreds_of_services_all_come_up_at_the_first_try";

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// How many random trees of settings are compared with what systemd makes of them (a thousand take about a minute)
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    trees: u64,
    /// The number of the first of them; without it, one that goes by the clock
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// Runs all of it, goes on after a failure, and ends with a summary.
///
/// # Errors
/// When any step failed or could not be run.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let first = options.seed.unwrap_or(clock);
    let mut steps = Steps::new(5);
    steps.run("set-up", || setup::ensure_targets(workspace, &[Need::Tests, Need::Musl]).map(|()| String::new()));
    let built = steps
        .run("release build", || Ok(format!("{} binaries", build::run(workspace, &build::Options::default())?.len())));
    let trees = format!("{} random trees of settings from {first}", options.trees);
    if built {
        steps.run(&trees, || {
            let mut cargo = test::root_tests_command(workspace, &SETTINGS, build::HOST)?;
            cargo.args(["--exact", TREES]);
            cargo.env("ORLOP_SYSCTL_CASES", options.trees.to_string()).env("ORLOP_SYSCTL_SEED", first.to_string());
            test::cargo_test(&mut cargo, SETTINGS.threads)
        });
    } else {
        steps.not_run(&trees, "no release build");
    }
    steps.run("a machine with five hundred services", || {
        build::run(workspace, &build::Options::of(NATIVE_MUSL.triple))?;
        let mut cargo = test::root_tests_command(workspace, &MACHINES, NATIVE_MUSL.triple)?;
        cargo.args(["--exact", SERVICES]).env("ORLOP_SERVICES", "500");
        test::cargo_test(&mut cargo, MACHINES.threads)
    });
    steps.run("the sandbox with every part removed, with musl", || {
        let mut cargo = test::attacks_command(workspace, NATIVE_MUSL.triple)?;
        cargo.arg(MUTATIONS);
        test::cargo_test(&mut cargo, ATTACKS.threads)
    });
    steps.finish("soak")
}
