//! `fuzz`: every target in turn, from the committed seeds, with debug assertions.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::build;
use crate::command;
use crate::setup::{self, Need};
use crate::steps::Steps;
use crate::workspace::{Package, Workspace};

/// Longer inputs only slow the search down, but where a seed is longer: a disk is, the frames of all targets are not.
const MAX_INPUT: u64 = 4096;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Only this target (default: each of them in turn)
    target: Option<String>,
    /// Only compile them, with the Rust that is installed; needs no nightly and no C++ compiler
    #[arg(long, conflicts_with_all = ["target", "seconds"])]
    compile: bool,
    /// How long each target runs
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,
}

/// Fuzzes the chosen targets.
///
/// # Errors
/// When a target crashed (the error says how to keep the input as a seed), or could not be run.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if options.compile {
        println!("fuzz: {}", compile(workspace)?);
        return Ok(());
    }
    let all = targets(workspace)?;
    let chosen = chosen(&all, options.target.as_deref())?;
    setup::ensure(Need::Fuzz)?;
    let mut steps = Steps::new(1 + chosen.len());
    let built = steps.run("build", || {
        let mut cargo = workspace.nightly_cargo();
        cargo.args(["fuzz", "build", "--fuzz-dir", "fuzz", "--debug-assertions"]);
        command::run(cargo.args(&options.target)).map(|()| String::new())
    });
    for target in chosen {
        if built {
            steps.run(target, || fuzz(&workspace.root, workspace, target, options.seconds));
        } else {
            steps.not_run(target, "the targets do not build");
        }
    }
    steps.finish("fuzz")
}

/// Compiles every target, without linking: what a change breaks is seen where no nightly Rust is. The seeds are replayed by the
/// unit tests of the packages that the targets belong to.
///
/// # Errors
/// When one does not compile.
pub(crate) fn compile(workspace: &Workspace) -> Result<String> {
    let count = targets(workspace)?.len();
    let folder = workspace.metadata(build::HOST)?.target_directory.join("fuzz");
    let mut cargo = workspace.cargo("check");
    cargo.args(["--locked", "--bins", "--manifest-path", "fuzz/Cargo.toml", "--target-dir"]).arg(&folder);
    // As cargo-fuzz does it; and libFuzzer itself, which is C++, is only named: nothing is linked.
    cargo.env("RUSTFLAGS", "--cfg fuzzing").env("CUSTOM_LIBFUZZER_PATH", folder.join("libfuzzer.a"));
    command::run(&mut cargo)?;
    Ok(format!("{count} targets"))
}

fn fuzz(root: &Path, workspace: &Workspace, target: &str, seconds: u32) -> Result<String> {
    let folder = root.join("fuzz");
    let (corpus, seeds) = (folder.join("corpus").join(target), folder.join("seeds").join(target));
    let dictionary = folder.join("dict").join(format!("{target}.dict"));
    let artifacts = folder.join("artifacts").join(target);
    let seed_files = files(&seeds);
    let seed_count = seed_files.len();
    let longest = seed_files.iter().filter_map(|seed| Some(fs::metadata(seed).ok()?.len())).fold(MAX_INPUT, u64::max);
    ensure!(
        seed_count > 0,
        "no seeds in {}; help: commit at least one valid input, named for what it is",
        seeds.display()
    );
    fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
    let before = files(&artifacts);
    let mut cargo = workspace.nightly_cargo();
    cargo.args(["fuzz", "run", "--fuzz-dir", "fuzz", "--debug-assertions", target]).arg(&corpus).arg(&seeds).arg("--");
    cargo.args([
        format!("-max_total_time={seconds}"),
        format!("-max_len={longest}"),
        "-print_final_stats=1".to_owned(),
    ]);
    if dictionary.is_file() {
        cargo.arg(format!("-dict={}", dictionary.display()));
    }
    let result = command::run(&mut cargo);
    let crashes: Vec<PathBuf> = files(&artifacts).difference(&before).cloned().collect();
    match (crashes.first(), result) {
        (Some(crash), _) => bail!("{}", how_to_keep(root, target, crash)),
        (None, Err(error)) => Err(error),
        (None, Ok(())) => Ok(format!("{seconds} s from {seed_count} seeds, no crash")),
    }
}

fn how_to_keep(root: &Path, target: &str, crash: &Path) -> String {
    let shown = crash.strip_prefix(root).unwrap_or(crash).display();
    format!(
        "{target} crashed on {shown}\n  again: cargo +nightly fuzz run {target} {shown}\n  \
         when fixed, keep it as a seed named for its cause: mv {shown} fuzz/seeds/{target}/WHAT-WAS-WRONG"
    )
}

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    // A folder that is not there yet holds nothing.
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file())
        .collect()
}

fn chosen<'a>(all: &'a [String], target: Option<&str>) -> Result<Vec<&'a String>> {
    let Some(wanted) = target else { return Ok(all.iter().collect()) };
    let found: Vec<_> = all.iter().filter(|name| *name == wanted).collect();
    ensure!(!found.is_empty(), "no fuzz target `{wanted}`; help: one of {}", all.join(", "));
    Ok(found)
}

#[derive(Deserialize)]
struct FuzzMetadata {
    packages: Vec<Package>,
}

/// The binaries of `fuzz/Cargo.toml`.
///
/// # Errors
/// When the file is not there, cargo cannot read it, or it names none.
pub(crate) fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    ensure!(workspace.root.join("fuzz/Cargo.toml").is_file(), "no fuzz/Cargo.toml in this checkout");
    let mut cargo = workspace.cargo("metadata");
    let json =
        command::captured(cargo.args(["--format-version=1", "--no-deps", "--manifest-path", "fuzz/Cargo.toml"]))?;
    let metadata: FuzzMetadata = serde_json::from_str(&json).context("cannot read the answer of cargo metadata")?;
    let names: Vec<_> =
        metadata.packages.iter().flat_map(Package::binaries).map(|binary| binary.name.clone()).collect();
    ensure!(!names.is_empty(), "fuzz/Cargo.toml names no target");
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_targets_or_the_named_one_and_an_unknown_one_is_refused() {
        let all = ["frame".to_owned(), "lease".to_owned()];
        assert_eq!(chosen(&all, None).unwrap().len(), 2);
        assert_eq!(chosen(&all, Some("lease")).unwrap(), ["lease"]);
        assert!(chosen(&all, Some("leese")).is_err_and(|error| error.to_string().contains("frame, lease")));
    }

    #[test]
    fn a_crash_says_how_to_repeat_and_how_to_keep_it() {
        let told = how_to_keep(Path::new("/r"), "frame", Path::new("/r/fuzz/artifacts/frame/crash-1"));
        assert!(told.contains("cargo +nightly fuzz run frame fuzz/artifacts/frame/crash-1"), "{told}");
        assert!(told.contains("mv fuzz/artifacts/frame/crash-1 fuzz/seeds/frame/"), "{told}");
    }
}
