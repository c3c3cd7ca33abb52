//! `soak`: what takes too long for a test that everybody waits for. It looks for what nobody has thought of yet, so each
//! round begins somewhere else.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};

use crate::build;
use crate::compiler::sysroot::NATIVE_MUSL;
use crate::setup::{self, Need};
use crate::steps::Steps;
use crate::test::{self, ATTACKS, MACHINES, MUTATIONS, NAMES, SETTINGS, WHOLE};
use crate::workspace::Workspace;

/// The test that compares random trees of settings; `cargo xtask test` runs it with a thousand, always the same.
const TREES: &str = "a_random_tree_comes_to_what_systemd_sysctl_makes_of_it";

/// The test that compares answers to random questions; `cargo xtask test` runs it with ten thousand, always the same.
const QUESTIONS: &str = "a_random_question_is_answered_as_unbound_answers_it";

/// The test of a machine with many services; `cargo xtask test` runs it with two hundred.
const SERVICES: &str = "many::hundreds_of_services_all_come_up_at_the_first_try";

/// Of each file system that seed disks have, how many damaged disks are read; the tests read 20,000.
const MEDIA_MUTATIONS: u64 = 1_000_000;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// How many random trees of settings are compared with what systemd makes of them (a thousand take about a minute)
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    trees: u64,
    /// How many random questions are answered beside unbound (ten thousand take about a quarter of a minute)
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    questions: u64,
    /// The number of the first of each; without it, one that goes by the clock
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
    let mut steps = Steps::new(8);
    steps.run("set-up", || setup::ensure_targets(workspace, &[Need::Tests, Need::Musl]).map(|()| String::new()));
    let built = steps
        .run("release build", || Ok(format!("{} binaries", build::run(workspace, &build::Options::default())?.len())));
    let random = [
        (
            format!("{} random trees of settings from {first}", options.trees),
            &SETTINGS,
            TREES,
            "ORLOP_SYSCTL",
            options.trees,
        ),
        (
            format!("{} random questions from {first}", options.questions),
            &NAMES,
            QUESTIONS,
            "ORLOP_RESOLVER",
            options.questions,
        ),
    ];
    for (name, tests, test, variables, count) in random {
        if built {
            steps.run(&name, || {
                let mut cargo = test::root_tests_command(workspace, tests, build::HOST)?;
                cargo.args(["--exact", test]);
                cargo
                    .env(format!("{variables}_CASES"), count.to_string())
                    .env(format!("{variables}_SEED"), first.to_string());
                test::cargo_test(&mut cargo, tests.threads)
            });
        } else {
            steps.not_run(&name, "no release build");
        }
    }
    // `test` has them with the binaries of the images.
    steps.run("the daemons and the machine, with this machine's C library", || {
        let ran: Vec<_> = WHOLE.iter().map(|tests| test::root_tests(workspace, tests, build::HOST)).collect();
        Ok(ran.into_iter().collect::<Result<Vec<_>>>()?.join("; "))
    });
    steps.run(&format!("{MEDIA_MUTATIONS} damaged seeds of each file system"), || {
        let mut cargo = workspace.cargo("test");
        let core = format!("{}-core", orlop_fleet::named("metadata").context("no daemon is called metadata")?.program);
        cargo.args(["--release", "--locked", "--package", &core, "--test", "media", "mutations"]);
        // The number is also where chance begins.
        let number = MEDIA_MUTATIONS.saturating_add(first % u64::from(u16::MAX));
        cargo.env("ORLOP_MUTATIONS", number.to_string());
        test::cargo_test(&mut cargo, SETTINGS.threads)
    });
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
