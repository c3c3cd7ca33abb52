//! The mutants that are known to survive, in `mutants.toml` of the package they are of; and, for a broker, which of its modules
//! are mutated at all.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::subjects;
use crate::check::Finding;

/// The file's name in a package's folder.
pub(crate) const FILE: &str = "mutants.toml";

/// What the file says. A package without one has no survivor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accepted {
    /// A broker's pure modules, relative to the package: only these are mutated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) modules: Vec<String>,
    /// One table for each mutant that no test has to notice.
    #[serde(default, rename = "survivor")]
    pub(crate) survivors: Vec<Survivor>,
}

/// A mutant that no test notices, and why that is right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Survivor {
    /// The source file, relative to the package.
    pub(crate) file: String,
    /// The function, as cargo-mutants writes it: `Policy::permit`. Empty for a constant.
    pub(crate) function: String,
    /// The line that is mutated, without its indentation: numbers of lines change, and a function may have the same operator twice.
    pub(crate) line: String,
    /// What is done to it, in the words of cargo-mutants.
    pub(crate) mutation: String,
    /// Why no test has to notice.
    #[serde(default)]
    pub(crate) reason: String,
}

impl Survivor {
    /// Whether both are the same mutant.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let Self { file, function, line, mutation, reason: _ } = self;
        (file, function, line, mutation) == (&other.file, &other.function, &other.line, &other.mutation)
    }
}

impl Accepted {
    /// Reads the list of the package in `folder`; one that is not there is empty.
    ///
    /// # Errors
    /// When it cannot be read or understood.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).with_context(|| format!("cannot understand {}", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// What is wrong with the list at `place`. `source` gives the text of a file of the package, `None` when it is not there.
    pub(crate) fn findings(&self, place: &str, source: &dyn Fn(&str) -> Option<String>) -> Vec<Finding> {
        let Self { modules, survivors } = self;
        let mut findings = Vec::new();
        let mut found = |problem: String| findings.push(Finding::new(place, problem));
        for module in modules {
            match source(module).map(|text| subjects::effect(&text)) {
                None => found(format!("the module {module} is not there any more")),
                Some(Some(effect)) => found(format!("the module {module} is not pure: it names `{effect}`")),
                Some(None) => {}
            }
        }
        for (n, survivor) in survivors.iter().enumerate() {
            let Survivor { file, function, line, mutation, reason } = survivor;
            if reason.trim().is_empty() {
                found(format!("no reason for `{mutation}`, a mutant that survives: say why no test has to notice it"));
            }
            if survivors.iter().take(n).any(|earlier| earlier.is(survivor)) {
                found(format!("`{mutation}` is listed twice"));
            }
            if !modules.is_empty() && !modules.contains(file) {
                found(format!("{file} is not among the modules that are mutated"));
            }
            match source(file) {
                None => found(format!("{file} is not there any more")),
                Some(text) if !has_function(&text, function) => {
                    found(format!("{file} has no `{function}` any more"));
                }
                Some(text) if !text.lines().any(|there| there.trim() == line) => {
                    found(format!("{file} has no line `{line}` any more"));
                }
                Some(_) => {}
            }
        }
        findings
    }
}

/// Whether a function of this name is there. What it is a function of is not looked for: `<impl Display for Key>::fmt`.
fn has_function(text: &str, function: &str) -> bool {
    let name = function.rsplit("::").next().unwrap_or(function);
    let is_it = |rest: &str| rest.strip_prefix(name).is_some_and(|after| after.starts_with(['(', '<']));
    name.is_empty() || text.match_indices("fn ").any(|(at, word)| is_it(&text[at + word.len()..]))
}

#[cfg(test)]
mod tests {
    use orlop_testbed::Folder;

    use super::*;

    const SOURCE: &str = "impl Key {\n    fn new(a: u8) -> bool {\n        a > 3\n    }\n}\n";

    fn survivor() -> Survivor {
        Survivor {
            file: "src/key.rs".to_owned(),
            function: "Key::new".to_owned(),
            line: "a > 3".to_owned(),
            mutation: "replace > with >= in Key::new".to_owned(),
            reason: "three never comes".to_owned(),
        }
    }

    fn problems(accepted: &Accepted) -> Vec<String> {
        let source = |file: &str| match file {
            "src/key.rs" => Some(SOURCE.to_owned()),
            "src/disk.rs" => Some("use std::fs::File;\n".to_owned()),
            _ => None,
        };
        accepted.findings("crates/a/mutants.toml", &source).into_iter().map(|finding| finding.problem).collect()
    }

    #[test]
    fn a_survivor_has_a_reason_and_is_where_the_list_says() {
        let listed = |survivor: Survivor| Accepted { survivors: vec![survivor], ..Accepted::default() };
        assert_eq!(problems(&listed(survivor())), [""; 0]);
        assert_eq!(problems(&listed(Survivor { function: String::new(), ..survivor() })), [""; 0], "a constant");
        for (what, broken, want) in [
            (
                "no reason",
                Survivor { reason: " ".into(), ..survivor() },
                "no reason for `replace > with >= in Key::new`",
            ),
            ("another file", Survivor { file: "src/old.rs".into(), ..survivor() }, "src/old.rs is not there any more"),
            ("another function", Survivor { function: "Key::ne".into(), ..survivor() }, "has no `Key::ne` any more"),
            ("another line", Survivor { line: "a > 4".into(), ..survivor() }, "has no line `a > 4` any more"),
        ] {
            let problems = problems(&listed(broken));
            assert!(matches!(problems.as_slice(), [one] if one.contains(want)), "{what}: {problems:?}");
        }
    }

    #[test]
    fn the_same_mutant_is_listed_once() {
        let twice = Accepted { survivors: vec![survivor(), survivor()], ..Accepted::default() };
        assert_eq!(problems(&twice), ["`replace > with >= in Key::new` is listed twice"]);
    }

    #[test]
    fn the_modules_of_a_broker_are_there_and_pure_and_its_survivors_are_in_them() {
        let of = |modules: &[&str]| Accepted {
            modules: modules.iter().map(|&module| module.to_owned()).collect(),
            survivors: vec![survivor()],
        };
        for (what, modules, want) in [
            ("it is one", &["src/key.rs"][..], &[][..]),
            ("none is there", &["src/key.rs", "src/old.rs"], &["the module src/old.rs is not there any more"]),
            ("not pure", &["src/key.rs", "src/disk.rs"], &["the module src/disk.rs is not pure: it names `std::fs`"]),
            (
                "elsewhere",
                &["src/disk.rs"],
                &[
                    "the module src/disk.rs is not pure: it names `std::fs`",
                    "src/key.rs is not among the modules that are mutated",
                ],
            ),
        ] {
            assert_eq!(problems(&of(modules)), want, "{what}");
        }
    }

    #[test]
    fn the_list_is_read_and_an_unknown_key_is_an_error_and_no_list_is_an_empty_one() {
        let folder = Folder::new("mutants-list");
        assert_eq!(Accepted::read(&folder.0).unwrap(), Accepted::default());
        let list = Accepted { modules: vec!["src/key.rs".to_owned()], survivors: vec![survivor()] };
        fs::write(folder.0.join(FILE), toml::to_string(&list).unwrap()).unwrap();
        assert_eq!(Accepted::read(&folder.0).unwrap(), list);
        fs::write(folder.0.join(FILE), "survivors = []").unwrap();
        assert!(Accepted::read(&folder.0).is_err());
    }
}
