//! Names that the pages mention exist, and the map names every package.

use std::collections::BTreeSet;

use super::Finding;

/// Top folders of the repository: a quoted name that starts with one is a path of ours.
const TOP: &[&str] = &["crates", "tests", "fuzz", "packaging", ".ci", ".cargo"];

/// What a path on a page may be relative to, besides the repository, the page's folder and the package named before it on the
/// same line.
const BASE: &str = "crates";

/// A quoted name on a page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    /// `crates/dhcp/core`, or `src/lib.rs` behind the package it belongs to; `src/lib.rs::a_test` is a function in it.
    Path { path: String, package: Option<String> },
    /// `cargo xtask demo`
    Task(String),
}

/// Every path and task that the page quotes.
pub(crate) fn names(text: &str) -> BTreeSet<Name> {
    let paths = quoted(text).into_iter().flat_map(|line| paths(&line));
    let mut names: BTreeSet<Name> =
        paths.map(|(package, path)| Name::Path { path: path.to_owned(), package }).collect();
    // Tasks count everywhere, also in blocks of commands.
    for after in text.split("cargo xtask ").skip(1) {
        let task: String = after.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
        if !task.is_empty() && !task.starts_with('-') {
            names.insert(Name::Task(task));
        }
    }
    names
}

/// The paths among the quoted words of a line, each with the first path of the line, if it is not that itself.
fn paths<'a>(words: &[&'a str]) -> Vec<(Option<String>, &'a str)> {
    let paths: Vec<&str> = words.iter().copied().filter(|word| is_path(word)).collect();
    let package = paths.first().map(|&first| first.to_owned());
    let relative = |(n, path)| (package.clone().filter(|_| n > 0), path);
    paths.into_iter().enumerate().map(relative).collect()
}

/// The names on page `name` that do not exist. `has` says whether a path is there, and in it a function of that name, if one is asked
/// for.
pub(crate) fn findings(
    name: &str,
    text: &str,
    has: &dyn Fn(&str, Option<&str>) -> bool,
    tasks: &[String],
) -> Vec<Finding> {
    if text.is_empty() {
        return vec![Finding::new(name, "this page is missing or empty")];
    }
    let folder = name.rsplit_once('/').map(|(folder, _)| folder);
    let problem = |wanted| match wanted {
        Name::Path { path, package } => {
            // A line number after the file is fine: `crates/a/src/b.rs:12`.
            let file = path.split(':').next().unwrap_or(&path);
            let function = path.split_once("::").map(|(_, function)| function);
            let mut bases = [BASE].into_iter().chain(package.as_deref()).chain(folder);
            let found = has(file, function) || bases.any(|base| has(&format!("{base}/{file}"), function));
            (!found).then(|| format!("names `{path}`, which does not exist"))
        }
        Name::Task(task) => {
            (!tasks.contains(&task)).then(|| format!("names `cargo xtask {task}`, which does not exist"))
        }
    };
    names(text).into_iter().filter_map(problem).map(|problem| Finding::new(name, problem)).collect()
}

/// The packages that the map does not name, in full (`crates/dhcp/core`) or from `crates/` on (`dhcp/core`).
pub(crate) fn missing_folders(name: &str, text: &str, folders: &[String]) -> Vec<Finding> {
    let named =
        |folder: &str| text.contains(folder) || text.contains(&format!("`{}", folder.trim_start_matches("crates/")));
    let missing = folders.iter().filter(|folder| !named(folder));
    missing.map(|folder| Finding::new(name, format!("does not name the package in {folder}"))).collect()
}

/// What stands between backticks, line by line, outside blocks of code.
fn quoted(text: &str) -> Vec<Vec<&str>> {
    let mut lines = Vec::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            lines.push(line.split('`').skip(1).step_by(2).collect());
        }
    }
    lines
}

/// Whether the word is a path of ours: it starts at the top, or it is a Rust file in a folder.
fn is_path(word: &str) -> bool {
    let first = word.split('/').next().unwrap_or("");
    let capitals = |part: &str| part.len() > 1 && part.chars().all(|c| c.is_ascii_uppercase());
    // `tests/*` and `crates/NAME` stand for several.
    let is_pattern = word.contains(['*', '<', '{', ' ', '…']) || word.split('/').any(capitals);
    word.contains('/') && (TOP.contains(&first) || word.ends_with(".rs")) && !is_pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "Start at `crates/some/core` and `/run/orlop`, then `tests/*`, `crates/NAME/core`.\n\
        ```\ncargo xtask demo\ncrates/made/up\n```\nOr `cargo xtask check --rules-only`, `wire/encode`.\n";

    fn path(path: &str, package: Option<&str>) -> Name {
        Name::Path { path: path.to_owned(), package: package.map(str::to_owned) }
    }

    #[test]
    fn paths_of_ours_and_tasks_are_names_and_nothing_else_is() {
        let want = [path("crates/some/core", None), Name::Task("check".into()), Name::Task("demo".into())];
        assert_eq!(names(PAGE).into_iter().collect::<Vec<_>>(), want);
    }

    #[test]
    fn a_name_that_does_not_exist_is_found() {
        let tasks = ["demo".to_owned()];
        let found = findings("README.md", PAGE, &|path, _| path == "crates/some/core", &tasks);
        assert_eq!(found, [Finding::new("README.md", "names `cargo xtask check`, which does not exist")]);
        let found = findings("README.md", PAGE, &|_, _| false, &["demo".to_owned(), "check".to_owned()]);
        assert_eq!(found, [Finding::new("README.md", "names `crates/some/core`, which does not exist")]);
    }

    #[test]
    fn a_file_may_be_named_from_its_package_on() {
        let row = "| `crates/wire` | encoding | `src/codec.rs`, `src/gone.rs` |";
        let has = |path: &str, _: Option<&str>| ["crates/wire", "crates/wire/src/codec.rs"].contains(&path);
        let found = findings("map", row, &has, &[]);
        assert_eq!(found, [Finding::new("map", "names `src/gone.rs`, which does not exist")]);
    }

    #[test]
    fn a_file_may_be_named_from_the_page_on() {
        let has = |path: &str, _: Option<&str>| path == "crates/sandbox/src/worker.rs";
        let text = "`src/worker.rs` and `src/gone.rs`";
        let found = findings("crates/sandbox/README.md", text, &has, &[]);
        assert_eq!(found, [Finding::new("crates/sandbox/README.md", "names `src/gone.rs`, which does not exist")]);
    }

    #[test]
    fn a_function_that_is_not_in_the_file_it_is_named_with_is_found() {
        let has = |path: &str, function: Option<&str>| {
            path == "tests/some/a.rs" && function.is_none_or(|function| function == "it_works")
        };
        let text = "`tests/some/a.rs`, `tests/some/a.rs:7`, `tests/some/a.rs::it_works`, `tests/some/a.rs::it_worked`";
        let found = findings("tests/README.md", text, &has, &[]);
        assert_eq!(
            found,
            [Finding::new("tests/README.md", "names `tests/some/a.rs::it_worked`, which does not exist")]
        );
    }

    #[test]
    fn an_empty_page_is_found() {
        assert_eq!(findings("README.md", "", &|_, _| true, &[]).len(), 1);
    }

    #[test]
    fn a_package_missing_from_the_map_is_found() {
        let map = "| `crates/wire` | … |\n| `some/core` | … |";
        let folders = ["crates/wire", "crates/some/core", "tests/some"].map(str::to_owned);
        assert_eq!(
            missing_folders("map", map, &folders),
            [Finding::new("map", "does not name the package in tests/some")]
        );
    }
}
