//! `unsafe` lives in the sandbox library and in its attackers, nowhere else; hostile bytes meet the strict lints.

use std::fs;

use anyhow::{Context, Result};

use super::role::Role;
use super::{Finding, relative};
use crate::workspace::Workspace;

/// Folders whose crates may hold `unsafe`, and why.
const UNSAFE_ALLOWED: &[(&str, &str)] =
    &[("crates/sandbox", "the safe wrappers of system calls"), ("tests/sandbox", "attacks make raw system calls")];

/// The lints that core and contract packages switch on (STYLE, house rules).
const STRICT_LINTS: &[&str] = &["clippy::indexing_slicing", "clippy::arithmetic_side_effects", "clippy::unwrap_used"];

/// The root file of a library or binary.
#[derive(Debug, Clone)]
pub(crate) struct CrateRoot {
    /// The folder of its package.
    folder: String,
    /// Its file.
    path: String,
    text: String,
}

/// The root of every library and binary of ours.
///
/// # Errors
/// When cargo fails or a root cannot be read.
pub(crate) fn crate_roots(workspace: &Workspace, target: &str) -> Result<Vec<CrateRoot>> {
    let metadata = workspace.metadata(target)?;
    let mut roots = Vec::new();
    for package in metadata.members() {
        let shipped =
            package.targets.iter().filter(|target| target.kind.iter().any(|kind| kind == "lib" || kind == "bin"));
        for target in shipped {
            let text = fs::read_to_string(&target.src_path)
                .with_context(|| format!("cannot read {}", target.src_path.display()))?;
            roots.push(CrateRoot {
                folder: package.folder(&workspace.root),
                path: relative(&workspace.root, &target.src_path),
                text,
            });
        }
    }
    Ok(roots)
}

/// The attributes that the crate lacks.
pub(crate) fn findings(root: &CrateRoot) -> Vec<Finding> {
    let CrateRoot { folder, path, text } = root;
    let mut findings = Vec::new();
    let allowed = UNSAFE_ALLOWED.iter().any(|(allowed, _)| allowed == folder);
    if !allowed && !attributes(text).any(|line| line == "#![forbid(unsafe_code)]") {
        findings.push(Finding::new(path, "lacks #![forbid(unsafe_code)]"));
    }
    if Role::of_folder(folder).is_some_and(|role| role.meets_hostile_input()) {
        for lint in STRICT_LINTS {
            if !text.contains(lint) {
                findings
                    .push(Finding::new(path, format!("lacks #![warn({lint})], due wherever hostile input is read")));
            }
        }
    }
    findings
}

fn attributes(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| line.starts_with("#!["))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(folder: &str, text: &str) -> CrateRoot {
        CrateRoot { folder: folder.into(), path: format!("{folder}/src/lib.rs"), text: text.into() }
    }

    #[test]
    fn a_crate_without_the_attribute_is_found() {
        for (what, folder, text, want) in [
            ("with it", "crates/wire", "#![forbid(unsafe_code)]\n", 0),
            ("without", "crates/wire", "//! Wire.\n", 1),
            ("only in a comment", "crates/wire", "// #![forbid(unsafe_code)]\n", 1),
            ("where it is allowed", "crates/sandbox", "//! Sandbox.\n", 0),
        ] {
            assert_eq!(findings(&root(folder, text)).len(), want, "{what}");
        }
    }

    #[test]
    fn a_core_without_the_strict_lints_is_found() {
        let lax = root("crates/some/core", "#![forbid(unsafe_code)]\n");
        assert_eq!(findings(&lax).len(), STRICT_LINTS.len());
        let strict = format!("#![forbid(unsafe_code)]\n#![warn({})]\n", STRICT_LINTS.join(", "));
        assert_eq!(findings(&root("crates/some/core", &strict)), []);
    }
}
