//! `mutants`: which mistakes the tests would not notice.
//!
//! cargo-mutants changes one operator, one arm of a match, one function's value at a time and runs the tests of that package, and
//! only those. What survives is a line that is untested or needless, or it is listed with the reason why no test has to notice.

pub(crate) mod accepted;
mod outcome;
pub(crate) mod subjects;
mod verdict;

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::build;
use crate::check::Finding;
use crate::command;
use crate::room::ensure_room;
use crate::setup::{self, Need};
use crate::workspace::Workspace;
use subjects::Subject;
use verdict::Verdict;

/// What one copy of the tree takes, with all that is built in it.
const COPY: u64 = 4_000_000_000;

/// The tests of a package take a few seconds. Where many packages are tried, or the machine is slow, cargo-mutants waits longer.
const SECONDS_FOR_TESTS: &str = "30";

/// The largest package compiles in a minute. What takes this long is a compiler that a mutant sent into a loop.
const SECONDS_FOR_BUILD: &str = "600";

/// What is left out: flags are joined with `|`, have no bit in common, and so are the same joined with `^`. Where bits are not
/// flags, `&` in place of `|` still has to be noticed.
const FLAGS: &str = r"replace \|=? with \^=? ";

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Only these, as `orlop-wire`; without any, those that a change touches
    packages: Vec<String>,
    /// Changed since this branch left the branch or commit REF
    #[arg(long, value_name = "REF", default_value = "main", conflicts_with = "packages")]
    since: String,
    /// Every package that is mutated (an hour and more)
    #[arg(long, conflicts_with_all = ["packages", "since"])]
    all: bool,
    /// How many mutants are tried at once, each in a copy of the tree of its own
    #[arg(long, value_name = "N", default_value = "1")]
    jobs: NonZeroUsize,
}

/// Tries the mutants of the chosen packages.
///
/// # Errors
/// When a package's tests notice too few of them, when one survives that is not listed, or one is listed that does not survive.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let Options { packages, since, all, jobs } = options;
    let metadata = workspace.metadata(build::HOST)?;
    let every = subjects::all(&workspace.root, &metadata)?;
    let chosen = match packages.as_slice() {
        [] if *all => every,
        [] => {
            let changed = changed(&workspace.root, since)?;
            subjects::touched(every, &changed.split_terminator('\0').collect::<Vec<_>>())
        }
        names => subjects::named(every, names)?,
    };
    if chosen.is_empty() {
        println!("mutants: nothing that is mutated has changed since {since}");
        return Ok(());
    }
    setup::ensure(Need::Mutants)?;
    let folder = metadata.target_directory.join("mutants");
    let report = tried(workspace, &folder, &chosen, *jobs)?;
    let source = |file: &str| {
        fs::read_to_string(workspace.root.join(file)).with_context(|| format!("{file} is gone since it was mutated"))
    };
    let of = |package: &str| chosen.iter().find(|subject| subject.package == package).map(|it| it.folder.clone());
    let verdict = Verdict::of(&chosen, &outcome::read(&report, &source, &of)?)?;
    print!("{verdict}");
    let problems = verdict.problems().len();
    if problems > 0 {
        bail!(
            "mutants: {problems} problems, see above; the tests' words are in {}",
            folder.join("mutants.out/log").display()
        );
    }
    println!("mutants: {} packages are tested well enough", chosen.len());
    Ok(())
}

/// The files that differ from where this branch left `since`, committed or not, each ended by a zero.
fn changed(root: &Path, since: &str) -> Result<String> {
    let git = |arguments: &[&str]| command::captured(Command::new("git").current_dir(root).args(arguments));
    let committed = git(&["diff", "--name-only", "-z", "--merge-base", since]).with_context(|| {
        format!("nothing to compare with: `{since}`; help: --since REF, or name packages, or --all")
    })?;
    Ok(committed + &git(&["ls-files", "-z", "--others", "--exclude-standard"])?)
}

/// Runs cargo-mutants, and returns its report.
fn tried(workspace: &Workspace, folder: &Path, chosen: &[Subject], jobs: NonZeroUsize) -> Result<String> {
    let (copies, output) = (folder.join("copies"), folder.join("mutants.out"));
    fs::create_dir_all(&copies).with_context(|| format!("cannot make {}", copies.display()))?;
    ensure_room(folder, COPY.saturating_mul(jobs.get() as u64))?;
    // A report of an earlier run must not be taken for this one's.
    if output.exists() {
        fs::remove_dir_all(&output).with_context(|| format!("cannot remove {}", output.display()))?;
    }
    let mut cargo = workspace.cargo("mutants");
    cargo.args(["--no-config", "--cargo-arg=--locked", "--exclude-re", FLAGS]);
    cargo.arg(format!("--jobs={jobs}")).arg("--output").arg(folder);
    cargo.args(["--minimum-test-timeout", SECONDS_FOR_TESTS, "--build-timeout", SECONDS_FOR_BUILD]);
    for subject in chosen {
        cargo.args(["--package", &subject.package]);
        cargo.args(subject.globs().iter().flat_map(|glob| ["--file", glob]));
    }
    // Copies lie on the disk of the target folder, and each builds into its own. Nobody reads a backtrace of theirs.
    cargo.env("TMPDIR", &copies).env_remove("CARGO_TARGET_DIR");
    // Of tests that change bytes at random: what a mutant breaks, a few of them show.
    cargo.env("ORLOP_MUTATIONS", "500");
    // What broke under one mutant would be tried again first under each one after it.
    cargo.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true");
    cargo.env("CARGO_PROFILE_DEV_DEBUG", "false").env("RUST_BACKTRACE", "0");
    let words = command::shown(&cargo);
    let status = command::ended(&words, &mut cargo);
    // It removes them itself, but not when it is killed.
    fs::remove_dir_all(&copies).with_context(|| format!("cannot remove {}", copies.display()))?;
    match status?.code() {
        // All noticed; some missed; some came to no end. Which ones is in the report.
        Some(0 | 2 | 3) => {}
        Some(4) => bail!("the tests fail without any mutation; help: cargo test --package NAME"),
        _ => bail!("cargo-mutants could not do its work, see above"),
    }
    let report = output.join("outcomes.json");
    fs::read_to_string(&report)
        .with_context(|| format!("cargo-mutants found nothing to mutate: no {}", report.display()))
}

/// What is wrong with the lists of survivors, and how many packages may have one. For `check`.
///
/// # Errors
/// When a list cannot be read, or is in a package that is not mutated.
pub(crate) fn list_findings(workspace: &Workspace, target: &str) -> Result<(usize, Vec<Finding>)> {
    let subjects = subjects::all(&workspace.root, &workspace.metadata(target)?)?;
    let of = |Subject { folder, accepted, .. }: &Subject| {
        let source = |file: &str| fs::read_to_string(workspace.root.join(folder).join(file)).ok();
        accepted.findings(&format!("{folder}/{}", accepted::FILE), &source)
    };
    Ok((subjects.len(), subjects.iter().flat_map(of).collect()))
}
