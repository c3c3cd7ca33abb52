//! A file is one idea: at most 400 lines before its tests, and a name that says which.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{Finding, relative};

/// Lines before `#[cfg(test)]` (STYLE 27).
const WALL: usize = 400;

/// Names that say nothing (STYLE 28).
const EMPTY_NAMES: &[&str] = &["mod", "utils", "util", "common", "helpers", "helper", "misc", "types"];

/// Every Rust file below `crates`, `tests` and `fuzz`, with its path in the repository.
///
/// # Errors
/// When a folder or file cannot be read.
pub(crate) fn sources(root: &Path) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for folder in ["crates", "tests", "fuzz"].map(|name| root.join(name)) {
        if folder.is_dir() {
            collect(root, &folder, &|path| has_extension(path, &["rs"]), &mut files)?;
        }
    }
    files.sort();
    Ok(files)
}

/// Every Markdown page of the repository, with its path in it.
///
/// # Errors
/// When a folder or file cannot be read.
pub(crate) fn pages(root: &Path) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    collect(root, root, &|path| has_extension(path, &["md"]), &mut files)?;
    files.sort();
    Ok(files)
}

/// Every file of the repository that is compiled, executed or configures something, with its path in it.
///
/// # Errors
/// When a folder or file cannot be read.
pub(crate) fn effective(root: &Path) -> Result<Vec<(String, String)>> {
    let wanted = |path: &Path| has_extension(path, &["rs", "sh", "toml", "yml"]) || path.ends_with("Dockerfile");
    let mut files = Vec::new();
    collect(root, root, &wanted, &mut files)?;
    files.sort();
    Ok(files)
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|found| extensions.iter().any(|extension| found == *extension))
}

/// Adds the wanted files, but for those in hidden folders and in what cargo builds.
fn collect(
    root: &Path,
    folder: &Path,
    wanted: &dyn Fn(&Path) -> bool,
    files: &mut Vec<(String, String)>,
) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            // `fuzz` is a workspace of its own and builds into its own folder.
            let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if !is_hidden && !path.ends_with("target") {
                collect(root, &path, wanted, files)?;
            }
        } else if kind.is_file() && wanted(&path) {
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.push((relative(root, &path), text));
        }
    }
    Ok(())
}

/// What is wrong with the length or the name of the file at `path`.
pub(crate) fn findings(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let length = lines_before_tests(text);
    if length > WALL && !is_test(path) {
        findings.push(Finding::new(
            path,
            format!("{length} lines before the tests, more than {WALL}: split it by meaning"),
        ));
    }
    for part in path.split('/') {
        let name = part.strip_suffix(".rs").unwrap_or(part);
        if EMPTY_NAMES.contains(&name) {
            findings.push(Finding::new(
                path,
                format!("`{part}` names no idea: no mod.rs, utils, common, helpers, misc, types"),
            ));
        }
    }
    findings
}

fn lines_before_tests(text: &str) -> usize {
    text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count()
}

/// Test code has no wall: tables and traces may be long.
fn is_test(path: &str) -> bool {
    let in_tests_folder =
        path.starts_with("crates/") && path.contains("/tests/") || path.matches("/tests/").count() > 0;
    path.ends_with("/tests.rs") || in_tests_folder
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> String {
        "x\n".repeat(count)
    }

    #[test]
    fn the_wall_counts_lines_before_the_tests() {
        for (what, path, text, want) in [
            ("at the wall", "crates/a/src/b.rs", lines(WALL), 0),
            ("one over", "crates/a/src/b.rs", lines(WALL + 1), 1),
            ("long tests below", "crates/a/src/b.rs", format!("{}#[cfg(test)]\n{}", lines(WALL), lines(900)), 0),
            ("a file of tests", "crates/a/src/b/tests.rs", lines(900), 0),
            ("an integration test", "tests/dhcp/tests/lease.rs", lines(900), 0),
            ("a test library", "tests/testbed/src/relay.rs", lines(WALL + 1), 1),
        ] {
            assert_eq!(findings(path, &text).len(), want, "{what}");
        }
    }

    #[test]
    fn names_that_say_nothing_are_found() {
        for (path, want) in [
            ("crates/a/src/mod.rs", 1),
            ("crates/a/src/utils.rs", 1),
            ("tests/dhcp/tests/common/lease.rs", 1),
            ("crates/a/src/helpers/misc.rs", 2),
            ("crates/a/src/commonplace.rs", 0),
        ] {
            assert_eq!(findings(path, "").len(), want, "{path}");
        }
    }
}
