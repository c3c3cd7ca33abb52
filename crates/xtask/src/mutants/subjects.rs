//! Which packages are mutated, and which of their files.

use std::path::Path;

use anyhow::{Result, ensure};

use super::accepted::Accepted;
use crate::check::role::Role;
use crate::workspace::Metadata;

/// What a module of a broker does not name when it is pure. Paths and errors are values, so `std::path` and `std::io::Error` may
/// be named, as may what `orlop_sandbox` has as data.
const EFFECTS: &[&str] = &[
    "std::fs",
    "std::os::fd",
    "std::env",
    "std::process",
    "std::thread",
    "io::stdin",
    "io::stdout",
    "SystemTime",
    "Instant::now",
    "clock::",
    "tokio::",
    "rustix::",
    "netlink_sys::",
    "orlop_sandbox::broker",
    "orlop_sandbox::supervisor",
    "orlop_sandbox::channel",
];

/// The first effect that a module names before its tests.
pub(crate) fn effect(text: &str) -> Option<&'static str> {
    let code = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    let code: String = code.filter(|line| !line.trim_start().starts_with("//")).collect();
    EFFECTS.iter().copied().find(|effect| code.contains(effect))
}

/// A package whose mutants its own tests have to notice.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// Its name.
    pub(crate) package: String,
    /// Its folder in the repository.
    pub(crate) folder: String,
    /// What its list says.
    pub(crate) accepted: Accepted,
}

impl Subject {
    /// What of it is mutated, as cargo-mutants is told it.
    pub(crate) fn globs(&self) -> Vec<String> {
        let Self { folder, accepted, .. } = self;
        match accepted.modules.as_slice() {
            [] => vec![format!("{folder}/src/**/*.rs")],
            modules => modules.iter().map(|module| format!("{folder}/{module}")).collect(),
        }
    }
}

/// Every package that is mutated: the pure ones, configuration, and brokers as far as they list pure modules.
///
/// # Errors
/// When a list cannot be read, or is in a package that is not mutated.
pub(crate) fn all(root: &Path, metadata: &Metadata) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for package in metadata.members() {
        let folder = package.folder(root);
        let accepted = Accepted::read(&root.join(&folder))?;
        match Role::of_folder(&folder).as_ref().map_or(Extent::Nothing, extent) {
            Extent::Everything => {
                ensure!(accepted.modules.is_empty(), "{folder} is mutated as a whole; help: list no modules of it");
            }
            Extent::Modules if !accepted.modules.is_empty() => {}
            Extent::Modules | Extent::Nothing => {
                ensure!(accepted == Accepted::default(), "nothing of {folder} is mutated; help: remove its list");
                continue;
            }
        }
        subjects.push(Subject { package: package.name.clone(), folder, accepted });
    }
    Ok(subjects)
}

/// How much of a package is mutated.
enum Extent {
    Everything,
    /// Those that its list names.
    Modules,
    Nothing,
}

fn extent(role: &Role) -> Extent {
    let is_config = matches!(role, Role::ForBrokers(name) if name == "config");
    if role.is_pure() || is_config {
        Extent::Everything
    } else if matches!(role, Role::ForBrokers(_) | Role::Broker(_)) {
        Extent::Modules
    } else {
        Extent::Nothing
    }
}

/// Those with one of these names; all names have to be known.
///
/// # Errors
/// When one is not.
pub(crate) fn named(all: Vec<Subject>, names: &[String]) -> Result<Vec<Subject>> {
    let known = |name: &String| all.iter().any(|subject| subject.package == *name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        let names = all.iter().map(|subject| subject.package.as_str()).collect::<Vec<_>>().join(", ");
        anyhow::bail!("nothing of a package `{unknown}` is mutated; help: one of {names}");
    }
    Ok(all.into_iter().filter(|subject| names.contains(&subject.package)).collect())
}

/// Those with one of these files, which are relative to the repository, in their folder.
pub(crate) fn touched(all: Vec<Subject>, files: &[&str]) -> Vec<Subject> {
    let has = |folder: &str, file: &str| file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    all.into_iter().filter(|subject| files.iter().any(|file| has(&subject.folder, file))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(package: &str, folder: &str, modules: &[&str]) -> Subject {
        let modules = modules.iter().map(|&module| module.to_owned()).collect();
        let accepted = Accepted { modules, ..Accepted::default() };
        Subject { package: package.to_owned(), folder: folder.to_owned(), accepted }
    }

    fn some() -> Vec<Subject> {
        vec![
            subject("orlop-wire", "crates/wire", &[]),
            subject("orlop-some", "crates/some/broker", &["src/words.rs", "src/report/count.rs"]),
        ]
    }

    fn names(subjects: &[Subject]) -> Vec<&str> {
        subjects.iter().map(|subject| subject.package.as_str()).collect()
    }

    #[test]
    fn the_folder_says_how_much_of_a_package_is_mutated() {
        for (folder, want) in [
            ("crates/some/contract", "everything"),
            ("crates/some/core", "everything"),
            ("crates/machine", "everything"),
            ("crates/netfacts", "everything"),
            ("crates/config", "everything"),
            ("crates/broker", "modules"),
            ("crates/some/broker", "modules"),
            ("crates/some/worker", "nothing"),
            ("crates/some/profiles", "nothing"),
            ("crates/sandbox", "nothing"),
            ("crates/xtask", "nothing"),
            ("tests/some", "nothing"),
        ] {
            let word = match extent(&Role::of_folder(folder).unwrap()) {
                Extent::Everything => "everything",
                Extent::Modules => "modules",
                Extent::Nothing => "nothing",
            };
            assert_eq!(word, want, "{folder}");
        }
    }

    #[test]
    fn a_pure_package_is_mutated_whole_and_a_broker_in_its_pure_modules() {
        let globs: Vec<_> = some().iter().flat_map(Subject::globs).collect();
        assert_eq!(
            globs,
            ["crates/wire/src/**/*.rs", "crates/some/broker/src/words.rs", "crates/some/broker/src/report/count.rs"]
        );
    }

    #[test]
    fn packages_are_chosen_by_name_and_an_unknown_name_is_refused() {
        let chosen = named(some(), &["orlop-some".to_owned()]).unwrap();
        assert_eq!(names(&chosen), ["orlop-some"]);
        let error = named(some(), &["orlop-some".to_owned(), "wire".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`wire`") && error.contains("one of orlop-wire, orlop-some"), "{error}");
    }

    #[test]
    fn a_change_touches_the_package_in_whose_folder_it_is() {
        for (what, files, want) in [
            ("a source file", &["crates/wire/src/codec.rs"][..], &["orlop-wire"][..]),
            ("a test", &["crates/some/broker/tests/a.rs", "README.md"], &["orlop-some"]),
            ("a longer name", &["crates/wired/src/lib.rs"], &[]),
            ("the folder above", &["crates/some/README.md"], &[]),
            ("nothing", &[], &[]),
        ] {
            assert_eq!(names(&touched(some(), files)), want, "{what}");
        }
    }

    #[test]
    fn an_effect_is_found_in_code_and_not_in_comments_or_tests() {
        for (what, text, want) in [
            ("imported", "use std::fs::File;\n", Some("std::fs")),
            ("called", "fn a() { let b = clock::now(); }\n", Some("clock::")),
            ("a value of the sandbox", "use orlop_sandbox::fatal::Fatal;\nuse std::path::Path;\n", None),
            ("a comment", "//! As `std::fs` does.\nfn a() {}\n", None),
            ("a test", "fn a() {}\n#[cfg(test)]\nmod tests {\n use std::fs;\n}\n", None),
        ] {
            assert_eq!(effect(text), want, "{what}");
        }
    }
}
