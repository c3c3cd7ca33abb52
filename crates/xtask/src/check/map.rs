//! Names that the README and the code map mention exist, and the map names every package.

use std::collections::BTreeSet;

use super::Finding;

/// Top folders and files of the repository: a quoted name that starts with one is a path of ours.
const TOP: &[&str] = &["crates", "tests", "fuzz", "packaging", ".ci", ".cargo"];

/// A quoted name on a page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    /// `crates/dhcp/core`
    Path(String),
    /// `cargo xtask demo`
    Task(String),
}

/// Every path and task that the page quotes.
pub(crate) fn names(text: &str) -> BTreeSet<Name> {
    let mut names: BTreeSet<Name> =
        quoted(text).into_iter().filter(|word| is_path(word)).map(|word| Name::Path(word.to_owned())).collect();
    // Tasks count everywhere, also in blocks of commands.
    for after in text.split("cargo xtask ").skip(1) {
        let task: String = after.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
        if !task.is_empty() && !task.starts_with('-') {
            names.insert(Name::Task(task));
        }
    }
    names
}

/// The names on page `name` that do not exist.
pub(crate) fn findings(name: &str, text: &str, exists: &dyn Fn(&str) -> bool, tasks: &[String]) -> Vec<Finding> {
    if text.is_empty() {
        return vec![Finding::new(name, "this page is missing or empty")];
    }
    let missing = |wanted: &Name| match wanted {
        // A line number or an item after the file is fine: `crates/a/src/b.rs:12`.
        Name::Path(path) => !exists(path.split(':').next().unwrap_or(path)),
        Name::Task(task) => !tasks.contains(task),
    };
    names(text)
        .into_iter()
        .filter(missing)
        .map(|wanted| match wanted {
            Name::Path(path) => Finding::new(name, format!("names `{path}`, which does not exist")),
            Name::Task(task) => Finding::new(name, format!("names `cargo xtask {task}`, which does not exist")),
        })
        .collect()
}

/// The packages that the map does not name, in full (`crates/dhcp/core`) or from `crates/` on (`dhcp/core`).
pub(crate) fn missing_folders(name: &str, text: &str, folders: &[String]) -> Vec<Finding> {
    let named =
        |folder: &str| text.contains(folder) || text.contains(&format!("`{}", folder.trim_start_matches("crates/")));
    let missing = folders.iter().filter(|folder| !named(folder));
    missing.map(|folder| Finding::new(name, format!("does not name the package in {folder}"))).collect()
}

/// What stands between backticks, outside blocks of code.
fn quoted(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            words.extend(line.split('`').skip(1).step_by(2));
        }
    }
    words
}

fn is_path(word: &str) -> bool {
    let first = word.split('/').next().unwrap_or("");
    // `tests/*` and `crates/NAME` stand for several.
    let is_pattern = word.contains(['*', '<', '{', ' ', '…'])
        || word.split('/').any(|part| part.len() > 1 && part.chars().all(|c| c.is_ascii_uppercase()));
    word.contains('/') && TOP.contains(&first) && !is_pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "Start at `crates/dhcp/core` and `/run/orlop`, then `tests/*`, `crates/NAME/core`.\n\
        ```\ncargo xtask demo\ncrates/made/up\n```\nOr `cargo xtask check --rules-only`, `wire/encode`.\n";

    #[test]
    fn paths_of_ours_and_tasks_are_names_and_nothing_else_is() {
        let want = [Name::Path("crates/dhcp/core".into()), Name::Task("check".into()), Name::Task("demo".into())];
        assert_eq!(names(PAGE).into_iter().collect::<Vec<_>>(), want);
    }

    #[test]
    fn a_name_that_does_not_exist_is_found() {
        let tasks = ["demo".to_owned()];
        let found = findings("README.md", PAGE, &|path| path == "crates/dhcp/core", &tasks);
        assert_eq!(found, [Finding::new("README.md", "names `cargo xtask check`, which does not exist")]);
        let found = findings("README.md", PAGE, &|_| false, &["demo".to_owned(), "check".to_owned()]);
        assert_eq!(found, [Finding::new("README.md", "names `crates/dhcp/core`, which does not exist")]);
    }

    #[test]
    fn an_empty_page_is_found() {
        assert_eq!(findings("README.md", "", &|_| true, &[]).len(), 1);
    }

    #[test]
    fn a_package_missing_from_the_map_is_found() {
        let map = "| `crates/wire` | … |\n| `dhcp/core` | … |";
        let folders = ["crates/wire", "crates/dhcp/core", "tests/netns"].map(str::to_owned);
        assert_eq!(
            missing_folders("map", map, &folders),
            [Finding::new("map", "does not name the package in tests/netns")]
        );
    }
}
