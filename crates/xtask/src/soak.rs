//! `soak`: what takes too long for a test that everybody waits for. It looks for what nobody has thought of yet, so each
//! round begins somewhere else.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};

use crate::build;
use crate::compiler::sysroot::NATIVE_MUSL;
use crate::setup::{self, Need};
use crate::steps::Steps;
use crate::test::{self, ATTACKS, MUTATIONS, SETTINGS};
use crate::workspace::Workspace;

/// The test that compares random trees of settings; `cargo xtask test` runs it with a thousand, always the same.
const TREES: &str = "a_random_tree_comes_to_what_systemd_sysctl_makes_of_it";

/// Of each file system that seed disks have, how many damaged disks are read; the tests read 20,000.
const MEDIA_MUTATIONS: u64 = 1_000_000;

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
    steps.run(&format!("{MEDIA_MUTATIONS} damaged seeds of each file system"), || {
        let mut cargo = workspace.cargo("test");
        let core = format!("{}-core", orlop_fleet::named("metadata").context("no daemon is called metadata")?.program);
        cargo.args(["--release", "--locked", "--package", &core, "--test", "media", "mutations"]);
        // The number is also where chance begins.
        let number = MEDIA_MUTATIONS.saturating_add(first % u64::from(u16::MAX));
        cargo.env("ORLOP_MUTATIONS", number.to_string());
        test::cargo_test(&mut cargo, SETTINGS.threads)
    });
    steps.run("the sandbox with every part removed, with musl", || {
        let mut cargo = test::attacks_command(workspace, NATIVE_MUSL.triple)?;
        cargo.arg(MUTATIONS);
        test::cargo_test(&mut cargo, ATTACKS.threads)
    });
    steps.finish("soak")
}
