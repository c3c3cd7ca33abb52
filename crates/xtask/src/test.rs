//! `test`: everything a change must pass, in one command.

use std::num::NonZeroUsize;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, anyhow, bail};

use crate::build;
use crate::check;
use crate::command;
use crate::compiler::sysroot::{AARCH64_GNU, AARCH64_MUSL, NATIVE_MUSL};
use crate::demo;
use crate::demo::leftovers::{self, Ending};
use crate::emulate;
use crate::fresh;
use crate::fuzz;
use crate::harden;
use crate::room;
use crate::same_machine::Seen;
use crate::second_try::Failures;
use crate::setup::{self, Need};
use crate::slowest::Durations;
use crate::steps::Steps;
use crate::symbols;
use crate::workspace::Workspace;

/// A package of tests that need root, namespaces and the release binaries.
pub(crate) struct RootTests {
    package: &'static str,
    /// Tests of one binary at a time: more than the machine has cores only makes deadlines lie.
    pub(crate) threads: usize,
}

/// Each of its tests attacks in namespaces of its own.
pub(crate) const ATTACKS: RootTests = RootTests { package: "orlop-test-sandbox", threads: 2 };
/// Random trees of settings beside systemd's program, among others.
pub(crate) const SETTINGS: RootTests = RootTests { package: "orlop-test-sysctl", threads: 2 };
/// Machines under QEMU.
pub(crate) const MACHINES: RootTests = RootTests { package: "orlop-test-vm", threads: 2 };

const ROOT_TESTS: &[RootTests] = &[
    RootTests { package: "orlop-testbed", threads: 1 },
    ATTACKS,
    RootTests { package: "orlop-test-frame", threads: 2 },
    RootTests { package: "orlop-test-dhcp", threads: 2 },
    RootTests { package: "orlop-test-metadata", threads: 2 },
    RootTests { package: "orlop-test-ntp", threads: 2 },
    RootTests { package: "orlop-test-resolver", threads: 2 },
    MACHINES,
    SETTINGS,
];

/// Bytes that the target folder has after all tests, and half as much again, without those of [`fresh`]. A disk that fills up in the middle makes tests fail
/// with reasons that lead nowhere.
const MIN_FREE: u64 = 9_000_000_000;

/// The demo of a machine, run as a test.
const MACHINE_DEMO: &str = "demo: a machine boots";

/// What the README promises, on a machine that has nothing.
const FRESH: &str = "a stranger's machine";

/// Demos in namespaces, run as tests: of which daemon, and how they end.
const DEMOS: &[(&str, &str, Ending)] = &[
    ("demo of dhcp, to its end: nothing is left", "dhcp", Ending::Complete),
    ("demo of dhcp, interrupted: nothing is left", "dhcp", Ending::Interrupted),
    ("demo of metadata, to its end: nothing is left", "metadata", Ending::Complete),
    ("demo of ntp, to its end: nothing is left", "ntp", Ending::Complete),
];

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Only what needs neither root nor a release build: checks and the default members' tests
    #[arg(long)]
    quick: bool,
    /// Also build for 64-bit ARM, look into the binaries, and start them under an emulator
    #[arg(long, conflicts_with = "quick")]
    aarch64: bool,
}

/// What all steps need, installed before the first of them.
const SET_UP: &[Need] = &[Need::Tests, Need::Musl, Need::Images, Need::Aarch64Musl, Need::Fresh];

/// The tests of the whole daemon, run once more with the binaries of another C library, and those of the images.
const WITH_MUSL: &[RootTests] = &[
    RootTests { package: "orlop-test-dhcp", threads: 2 },
    RootTests { package: "orlop-test-metadata", threads: 2 },
    RootTests { package: "orlop-test-ntp", threads: 2 },
    RootTests { package: "orlop-test-resolver", threads: 2 },
    SETTINGS,
    // Images are made of these binaries, and the specs are locked to such images.
    RootTests { package: "orlop-test-images", threads: 1 },
];

/// The targets of another architecture, and what they need.
const FOREIGN: &[(&str, Need)] = &[(AARCH64_GNU.triple, Need::Aarch64), (AARCH64_MUSL.triple, Need::Aarch64Musl)];

/// Steps of one target beside the host's: build, look into the binaries, run them.
const STEPS_PER_TARGET: usize = 3;

/// Runs all tests, goes on after a failure, and ends with a summary.
///
/// # Errors
/// When any step failed or could not be run.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if options.quick { quick(workspace) } else { full(workspace, options.aarch64) }
}

fn quick(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::new(2);
    steps.run("checks", || check::run(workspace, &check::Options::default()).map(|()| String::new()));
    steps.run("unit tests", || cargo_test(&mut unit_tests(workspace), default_threads()));
    let others = ["release build", "symbols", "hardening", "musl", "images", "demo", "fuzz targets", FRESH];
    for name in ROOT_TESTS.iter().map(|tests| tests.package).chain(others) {
        steps.left_out_by(name, "--quick");
    }
    steps.finish("test --quick")
}

fn full(workspace: &Workspace, aarch64: bool) -> Result<()> {
    room::ensure_room(&workspace.metadata(build::HOST)?.target_directory, MIN_FREE + fresh::MIN_FREE)?;
    let foreign = if aarch64 { FOREIGN } else { &[] };
    let targets = STEPS_PER_TARGET * (1 + foreign.len());
    let left_out = if aarch64 { 0 } else { FOREIGN.len() };
    let mut steps = Steps::new(9 + ROOT_TESTS.len() + DEMOS.len() + 2 + targets + left_out);
    steps.run("set-up", || setup::ensure_all(SET_UP).map(|()| String::new()));
    // Packages bring files of their own; from here on nothing is installed.
    let start = Seen::now();
    let built = steps.run("release build", || {
        let binaries = build::run(workspace, &build::Options::default())?;
        Ok(format!("{} binaries", binaries.len()))
    });
    if built {
        steps.run("no parser in a broker binary", || {
            symbols::run(workspace, &build::Options::default()).map(|()| String::new())
        });
    } else {
        steps.not_run("no parser in a broker binary", "no release build");
    }
    if built {
        steps.run("hardening of the release binaries", || hardening(workspace, build::HOST));
    } else {
        steps.not_run("hardening of the release binaries", "no release build");
    }
    steps.run("checks", || check::run(workspace, &check::Options::default()).map(|()| String::new()));
    // Some of them look at this machine's kernel as root: here none may skip itself.
    steps.run("unit tests", || cargo_test(unit_tests(workspace).env("SYSTEM_TESTS", "require"), default_threads()));
    steps.run("programs for a machine of 64-bit ARM", || {
        setup::ensure_targets(workspace, &[Need::Aarch64Musl])?;
        build::run(workspace, &build::Options::of(AARCH64_MUSL.triple))?;
        build::guest(workspace, AARCH64_MUSL.triple)?;
        Ok(format!("{} boots it", MACHINES.package))
    });
    for tests in ROOT_TESTS {
        if built {
            steps.run(tests.package, || root_tests(workspace, tests, build::HOST));
        } else {
            steps.not_run(tests.package, "no release build");
        }
    }
    target(workspace, &mut steps, NATIVE_MUSL.triple, Need::Musl, |triple| {
        let mut ran: Vec<_> = WITH_MUSL.iter().map(|tests| root_tests(workspace, tests, triple)).collect();
        ran.push(attacks(workspace, triple));
        Ok(ran.into_iter().collect::<Result<Vec<_>>>()?.join("; "))
    });
    for (triple, need) in foreign {
        target(workspace, &mut steps, triple, *need, |triple| emulate::run(workspace, triple));
    }
    if !aarch64 {
        for (triple, _) in FOREIGN {
            steps.left_out_by(&format!("the binaries for {triple}"), "without --aarch64");
        }
    }
    if built {
        steps.run(MACHINE_DEMO, || demo::machine::run(workspace, true).map(|()| String::new()));
    } else {
        steps.not_run(MACHINE_DEMO, "no release build");
    }
    for (name, daemon, ending) in DEMOS {
        if built {
            steps.run(name, || leftovers::none_after(daemon, *ending));
        } else {
            steps.not_run(name, "no release build");
        }
    }
    steps.run("fuzz targets compile", || fuzz::compile(workspace));
    if let Some(why) = fresh::why_not() {
        steps.left_out(FRESH, why);
    } else {
        steps.run(FRESH, || fresh::run(workspace).map(|()| String::new()));
    }
    steps.run("this machine is as it was", || {
        start.as_ref().map_err(|error| anyhow!("{error:#}"))?.unchanged(&Seen::now()?)
    });
    steps.finish("test")
}

/// Builds for one more target, looks into its binaries, and tries them.
fn target(
    workspace: &Workspace,
    steps: &mut Steps,
    triple: &str,
    need: Need,
    tried: impl FnOnce(&str) -> Result<String>,
) {
    let built = steps.run(&format!("release build for {triple}"), || {
        setup::ensure_targets(workspace, &[need])?;
        Ok(format!("{} binaries", build::run(workspace, &build::Options::of(triple))?.len()))
    });
    let (hardened, run) = (format!("hardening for {triple}"), format!("the binaries for {triple} at work"));
    if built {
        steps.run(&hardened, || hardening(workspace, triple));
        steps.run(&run, || tried(triple));
    } else {
        steps.not_run(&hardened, "no release build");
        steps.not_run(&run, "no release build");
    }
}

fn hardening(workspace: &Workspace, triple: &str) -> Result<String> {
    harden::run(workspace, &build::Options::of(triple)).map(|()| String::new())
}

/// The default members: no root needed, under a minute; the fuzz seeds are replayed here too.
fn unit_tests(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo("test");
    cargo.args(["--locked", "--no-fail-fast"]);
    cargo
}

fn root_tests(workspace: &Workspace, tests: &RootTests, triple: &str) -> Result<String> {
    cargo_test(&mut root_tests_command(workspace, tests, triple)?, tests.threads)
}

pub(crate) fn root_tests_command(workspace: &Workspace, tests: &RootTests, triple: &str) -> Result<Command> {
    if !rustix::process::geteuid().is_root() {
        bail!(
            "{} needs root: it builds network namespaces; help: run this as root, or `cargo xtask test --quick`",
            tests.package
        );
    }
    let mut cargo = workspace.cargo("test");
    cargo.args(["--locked", "--no-fail-fast", "--package", tests.package, "--", "--test-threads"]);
    cargo.arg(tests.threads.to_string());
    cargo.env("SYSTEM_TESTS", "require").env("ORLOP_BIN_DIR", build::release_folder(workspace, triple)?);
    Ok(cargo)
}

/// The sandbox under attack with another C library: its tables of system calls are about what that library does. Not once
/// more with every part removed, because what then comes through is the kernel's affair.
fn attacks(workspace: &Workspace, triple: &str) -> Result<String> {
    let mut cargo = attacks_command(workspace, triple)?;
    cargo.args(["--skip", MUTATIONS]);
    cargo_test(&mut cargo, ATTACKS.threads)
}

/// Part of the name of each test that takes a part of the sandbox away.
pub(crate) const MUTATIONS: &str = "that_is_removed";

/// The sandbox under attack, with an attacker that is built for `triple`.
pub(crate) fn attacks_command(workspace: &Workspace, triple: &str) -> Result<Command> {
    build::compile_packages(workspace, triple, &mut workspace.cargo("build"), [ATTACKS.package].into_iter())?;
    let mut cargo = root_tests_command(workspace, &ATTACKS, triple)?;
    cargo.env("ORLOP_ATTACK", build::release_folder(workspace, triple)?.join("orlop-attack"));
    Ok(cargo)
}

/// Runs `cargo test` with its output visible, `threads` tests at once; counts what it ran, and names what took long. A few tests
/// that fail get a [second try](crate::second_try), and are named as flaky when they pass it.
pub(crate) fn cargo_test(cargo: &mut Command, threads: usize) -> Result<String> {
    let mut failures = Failures::default();
    let result = ran(cargo, threads, |line| failures.add(line));
    let (Err(error), Some(names)) = (&result, failures.few()) else { return result };
    let listed = names.join(", ");
    println!("\nonce more, alone: {listed} ({error:#})");
    if !cargo.get_args().any(|argument| argument == "--") {
        cargo.arg("--");
    }
    let second = ran(cargo.arg("--exact").args(&names), threads, |_| {})?;
    Ok(format!("FLAKY, failed once and passed alone: {listed} ({error:#}; then {second})"))
}

/// Runs `cargo test` once; `observe` sees each line of its output.
fn ran(cargo: &mut Command, threads: usize, mut observe: impl FnMut(&str)) -> Result<String> {
    let mut tally = Tally::default();
    let mut durations = Durations::new(threads, Instant::now());
    let result = command::observed(cargo, |line| {
        tally.add(line);
        durations.add(line, Instant::now());
        observe(line);
    });
    match result {
        Ok(()) => Ok(tally.judged()? + &durations.shown()),
        Err(error) => Err(error.context(tally.shown())),
    }
}

/// What `cargo test` does without being told.
fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Sums over the summary lines of `cargo test`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: u64,
    pub(crate) failed: u64,
    ignored: u64,
}

impl Tally {
    /// `test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s`
    pub(crate) fn add(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else { return };
        for count in counts.1.split("; ") {
            let Some((number, what)) = count.split_once(' ') else { continue };
            let number: u64 = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }

    fn shown(&self) -> String {
        let ignored = if self.ignored > 0 { format!(", {} ignored", self.ignored) } else { String::new() };
        format!("{} passed, {} failed{ignored}", self.passed, self.failed)
    }

    fn judged(&self) -> Result<String> {
        if self.passed == 0 {
            bail!("no test ran: the step is checking nothing");
        }
        Ok(self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &str = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s";

    #[test]
    fn summaries_of_all_test_binaries_are_added_up() {
        let mut tally = Tally::default();
        for line in ["running 13 tests", OK, OK, "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured"] {
            tally.add(line);
        }
        assert_eq!(tally.shown(), "25 passed, 2 failed, 2 ignored");
    }

    /// A `cargo test` with these arguments whose test `a` fails, and which ends with `second` when it runs that alone.
    fn of_one_failure(arguments: &[&str], second: &str) -> Command {
        let result = |passed, failed| format!("test result: it. {passed} passed; {failed} failed; 0 ignored");
        let separator = if arguments.contains(&"--") { "" } else { "-- " };
        let again = format!("{} {separator}--exact a", arguments.join(" "));
        let (one, none) = (result(1, 1), result(1, 0));
        let script = format!(
            "if [ \"$*\" = '{again}' ]; then {second}; fi\nprintf 'running 2 tests\nfailures:\n    a\n{one}\n'; exit 101"
        );
        let mut cargo = Command::new("sh");
        cargo.args(["-c", &script.replace("PASSED", &format!("printf 'running 1 test\n{none}\n'; exit 0")), "sh"]);
        cargo.args(arguments);
        cargo
    }

    #[test]
    fn a_test_that_passes_the_second_time_is_named_and_one_that_does_not_fails_the_step() {
        for arguments in [&["test", "--locked"][..], &["test", "--package", "p", "--", "--test-threads", "2"]] {
            let of = |second| of_one_failure(arguments, second);
            let note = cargo_test(&mut of("PASSED"), 1).unwrap();
            assert!(note.starts_with("FLAKY, failed once and passed alone: a (1 passed, 1 failed"), "{note}");
            let error = cargo_test(&mut of(":"), 1).unwrap_err();
            assert!(format!("{error:#}").starts_with("1 passed, 1 failed"), "{error:#}");
            assert!(cargo_test(&mut of("exit 0"), 1).is_err(), "nothing ran");
        }
    }

    #[test]
    fn a_step_in_which_no_test_ran_fails() {
        assert!(Tally::default().judged().is_err());
    }

    #[test]
    fn each_package_of_root_tests_is_in_the_workspace_and_not_a_default_member() {
        let workspace = Workspace::find().unwrap();
        let metadata = workspace.metadata(build::HOST).unwrap();
        let folders: Vec<_> = metadata.members().filter(|p| p.folder(&workspace.root).starts_with("tests/")).collect();
        let mut named: Vec<_> = ROOT_TESTS.iter().chain(WITH_MUSL).map(|tests| tests.package).collect();
        let mut present: Vec<_> = folders.iter().map(|package| package.name.as_str()).collect();
        named.sort_unstable();
        named.dedup();
        present.sort_unstable();
        assert_eq!(named, present);
    }
}
