//! `test`: everything a change must pass, in one command.

use std::iter::once;
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
/// Random questions beside unbound, among others.
pub(crate) const NAMES: RootTests = RootTests { package: "orlop-test-resolver", threads: 2 };
/// Machines under QEMU.
pub(crate) const MACHINES: RootTests = RootTests { package: "orlop-test-vm", threads: 2 };

/// With the binaries for this machine's own C library: the sandbox, whose tables of system calls are about what a library does,
/// and what every daemon has of the frame.
const WITH_HOSTS: &[RootTests] = &[
    RootTests { package: "orlop-testbed", threads: 1 },
    ATTACKS,
    RootTests { package: "orlop-test-frame", threads: 2 },
];

/// The images, made of musl's binaries; the specs are locked to them.
const IMAGES: RootTests = RootTests { package: "orlop-test-images", threads: 1 };

/// Each daemon whole, and the machine, with the binaries that images are made of. [`soak`](crate::soak) tries them with the others.
pub(crate) const WHOLE: &[RootTests] = &[
    RootTests { package: "orlop-test-dhcp", threads: 2 },
    RootTests { package: "orlop-test-metadata", threads: 2 },
    RootTests { package: "orlop-test-ntp", threads: 2 },
    NAMES,
    SETTINGS,
    MACHINES,
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
    ("demo of resolver, to its end: nothing is left", "resolver", Ending::Complete),
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

/// The targets of another architecture, and what they need.
const FOREIGN: &[(&str, Need)] = &[(AARCH64_GNU.triple, Need::Aarch64), (AARCH64_MUSL.triple, Need::Aarch64Musl)];

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
    for name in all_root_tests().map(|tests| tests.package).chain(others) {
        steps.left_out_by(name, "--quick");
    }
    steps.finish("test --quick")
}

fn full(workspace: &Workspace, aarch64: bool) -> Result<()> {
    room::ensure_room(&workspace.metadata(build::HOST)?.target_directory, MIN_FREE + fresh::MIN_FREE)?;
    let foreign = if aarch64 { 3 * FOREIGN.len() } else { FOREIGN.len() };
    let mut steps = Steps::new(15 + WITH_HOSTS.len() + WHOLE.len() + foreign + DEMOS.len());
    steps.run("set-up", || setup::ensure_all(SET_UP).map(|()| String::new()));
    // Packages bring files of their own; from here on nothing is installed.
    let start = Seen::now();
    let host = builds(workspace, &mut steps, build::HOST, None);
    after(host, &mut steps, "no parser in a broker binary", || {
        symbols::run(workspace, &build::Options::default()).map(|()| String::new())
    });
    let musl = builds(workspace, &mut steps, NATIVE_MUSL.triple, Some(Need::Musl));
    steps.run("checks", || check::run(workspace, &check::Options::default()).map(|()| String::new()));
    // Some of them look at this machine's kernel as root: here none may skip itself.
    steps.run("unit tests", || cargo_test(unit_tests(workspace).env("SYSTEM_TESTS", "require"), default_threads()));
    steps.run("programs for a machine of 64-bit ARM", || {
        setup::ensure_targets(workspace, &[Need::Aarch64Musl])?;
        build::run(workspace, &build::Options::of(AARCH64_MUSL.triple))?;
        build::guest(workspace, AARCH64_MUSL.triple)?;
        Ok(format!("{} boots it", MACHINES.package))
    });
    for tests in WITH_HOSTS {
        after(host, &mut steps, tests.package, || root_tests(workspace, tests, build::HOST));
    }
    for tests in once(&IMAGES).chain(WHOLE) {
        after(musl, &mut steps, tests.package, || root_tests(workspace, tests, NATIVE_MUSL.triple));
    }
    after(musl, &mut steps, "the sandbox under attack, with musl", || attacks(workspace, NATIVE_MUSL.triple));
    for (triple, need) in FOREIGN {
        let at_work = format!("the binaries for {triple} at work");
        if aarch64 {
            let built = builds(workspace, &mut steps, triple, Some(*need));
            after(built, &mut steps, &at_work, || emulate::run(workspace, triple));
        } else {
            steps.left_out_by(&at_work, "without --aarch64");
        }
    }
    after(host, &mut steps, MACHINE_DEMO, || demo::machine::run(workspace, true).map(|()| String::new()));
    for (name, daemon, ending) in DEMOS {
        after(host, &mut steps, name, || leftovers::none_after(daemon, *ending));
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

/// Builds the release binaries of a target and looks into them: two steps. Says whether they are there.
fn builds(workspace: &Workspace, steps: &mut Steps, triple: &str, need: Option<Need>) -> bool {
    let built = steps.run(&format!("release build for {triple}"), || {
        setup::ensure_targets(workspace, need.as_slice())?;
        Ok(format!("{} binaries", build::run(workspace, &build::Options::of(triple))?.len()))
    });
    after(built, steps, &format!("hardening for {triple}"), || {
        harden::run(workspace, &build::Options::of(triple)).map(|()| String::new())
    });
    built
}

/// A step that needs the binaries.
fn after(built: bool, steps: &mut Steps, name: &str, step: impl FnOnce() -> Result<String>) {
    if built {
        steps.run(name, step);
    } else {
        steps.not_run(name, "no release build");
    }
}

/// The default members: no root needed, under a minute; the fuzz seeds are replayed here too.
fn unit_tests(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo("test");
    cargo.args(["--locked", "--no-fail-fast"]);
    cargo
}

fn all_root_tests() -> impl Iterator<Item = &'static RootTests> {
    WITH_HOSTS.iter().chain(once(&IMAGES)).chain(WHOLE)
}

pub(crate) fn root_tests(workspace: &Workspace, tests: &RootTests, triple: &str) -> Result<String> {
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
        let mut named: Vec<_> = all_root_tests().map(|tests| tests.package).collect();
        let mut present: Vec<_> = folders.iter().map(|package| package.name.as_str()).collect();
        named.sort_unstable();
        named.dedup();
        present.sort_unstable();
        assert_eq!(named, present);
    }
}
