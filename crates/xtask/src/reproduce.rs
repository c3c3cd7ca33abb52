//! `reproduce`: the release binaries built twice, in folders whose names differ in length, and compared byte by byte.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::build::{self, Options};
use crate::workspace::Workspace;

/// Where the two builds take place, below the target folder.
const FOLDERS: [&str; 2] = ["reproduce/a", "reproduce/another-folder-with-a-longer-name"];

/// Builds twice and compares.
///
/// # Errors
/// When a build fails or a binary differs.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let parent = workspace.metadata(build::HOST)?.target_directory;
    let files = sources(&workspace.root)?;
    let copies = FOLDERS.map(|folder| Workspace { root: parent.join(folder).join("orlop"), ..workspace.clone() });
    // Both before either build: who works here meanwhile must not change one of them.
    for copy in &copies {
        copy_files(&workspace.root, &files, &copy.root)?;
    }
    let mut builds = Vec::new();
    for copy in &copies {
        let output = copy.root.with_file_name("target");
        build::compile(copy, &options.target, || {
            let mut cargo = copy.cargo("build");
            cargo.env("CARGO_TARGET_DIR", &output);
            cargo
        })?;
        builds.push(digests(workspace, &options.target, &output.join(&options.target).join("release"))?);
    }
    let (first, second) = (&builds[0], &builds[1]);
    for (name, digest) in first {
        println!("  {digest}  {name} ({})", options.target);
    }
    let differing = differing(first, second);
    let folder = parent.join("reproduce");
    if !differing.is_empty() {
        bail!("built twice, and not the same: {}; both are left in {}", differing.join(", "), folder.display());
    }
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    println!("reproduce: {} binaries are the same, built in two folders", first.len());
    Ok(())
}

/// Name and SHA-256 of each binary.
type Digests = Vec<(String, String)>;

fn digests(workspace: &Workspace, target: &str, release: &Path) -> Result<Digests> {
    let binaries = build::binaries(workspace, target)?;
    ensure!(!binaries.is_empty(), "no binaries: the step is comparing nothing");
    let digest = |name: String| {
        let path = release.join(&name);
        let bytes = fs::read(&path).with_context(|| format!("no {}", path.display()))?;
        let hex = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((name, hex))
    };
    binaries.iter().map(|binary| digest(binary.name())).collect()
}

fn differing(first: &Digests, second: &Digests) -> Vec<String> {
    let same =
        |(name, digest): &&(String, String)| !second.iter().any(|other| other == &(name.clone(), digest.clone()));
    first.iter().filter(same).map(|(name, _)| name.clone()).collect()
}

/// Of the checkout, what is no source: see `.gitignore`. Git itself is not asked, because a new machine need not have it.
const NO_SOURCES: &[&str] = &[".git", "target", "fuzz/target", "fuzz/corpus", "fuzz/artifacts"];

/// The files of the checkout, changes included, relative to it.
fn sources(root: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
            let relative = path.strip_prefix(root).context("an entry is in its folder")?.to_owned();
            if NO_SOURCES.iter().any(|other| relative == Path::new(other)) {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else {
                files.push(relative);
            }
        }
    }
    Ok(files)
}

fn copy_files(from: &Path, files: &[PathBuf], to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("cannot remove {}", to.display()))?;
    }
    for file in files {
        let (source, copy) = (from.join(file), to.join(file));
        let parent = copy.parent().with_context(|| format!("{} has no folder", copy.display()))?;
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        fs::copy(&source, &copy).with_context(|| format!("cannot copy {}", source.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_that_differs_or_is_missing_is_named() {
        let digests = |list: &[(&str, &str)]| list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let first: Digests = digests(&[("broker", "00"), ("worker", "01")]);
        assert_eq!(differing(&first, &first), Vec::<String>::new());
        assert_eq!(differing(&first, &digests(&[("broker", "00"), ("worker", "02")])), ["worker"]);
        assert_eq!(differing(&first, &digests(&[("worker", "01")])), ["broker"]);
    }

    #[test]
    fn the_sources_are_copied_with_their_lock_file_and_without_what_was_built() {
        let root = Workspace::find().unwrap().root;
        let files = sources(&root).unwrap();
        for file in ["Cargo.lock", ".cargo/config.toml", "crates/xtask/src/reproduce.rs"].map(PathBuf::from) {
            assert!(files.contains(&file), "{}", file.display());
        }
        for other in ["target", ".git", "fuzz/target"] {
            assert!(!files.iter().any(|file| file.starts_with(other)), "{other}");
        }
    }

    #[test]
    fn what_git_does_not_look_at_is_no_source() {
        let ignored = fs::read_to_string(Workspace::find().unwrap().root.join(".gitignore")).unwrap();
        for folder in ignored.lines().filter_map(|line| line.strip_prefix('/')) {
            assert!(NO_SOURCES.contains(&folder), "{folder}");
        }
    }
}
