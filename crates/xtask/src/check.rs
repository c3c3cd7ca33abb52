//! `check`: formatting, clippy, and the rules that this repository holds itself to.
//!
//! Each rule is a pure function from what was read to [`Finding`]s, with a test that shows it failing.

pub(crate) mod advisories;
pub(crate) mod directions;
mod files;
mod fuzz_targets;
mod links;
mod map;
mod places;
pub(crate) mod role;
mod unsafe_code;
mod weight;

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use crate::command;
use crate::mutants;
use crate::setup::{self, Need};
use crate::steps::Steps;
use crate::workspace::Workspace;

/// Where brokers run first; the rules about the graph are checked for this target.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The map of the code, which names every package.
const MAP: &str = "crates/README.md";
const CHANGELOG: &str = "CHANGELOG.md";
/// Pages that must be there.
const EXPECTED: &[&str] = &["README.md", MAP, "CONTRIBUTING.md", "SECURITY.md", "packaging/README.md"];

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What breaks it: a file, a package, a line.
    pub(crate) place: String,
    /// The rule, and how it is broken.
    pub(crate) problem: String,
}

impl Finding {
    /// A finding at `place`.
    pub(crate) fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }
}

#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Options {
    /// Only the rules that read files and metadata: seconds, builds nothing, needs no cargo-deny
    #[arg(long)]
    rules_only: bool,
}

/// Runs every check.
///
/// # Errors
/// When any of them fails; all of them have run by then.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let rules = rules();
    let Options { rules_only } = *options;
    let mut steps = Steps::new(rules.len() + if rules_only { 0 } else { 4 });
    for (name, rule) in rules {
        steps.run(name, || judged(&rule(workspace)?));
    }
    if !rules_only {
        steps.run("cargo fmt", || quiet(command::run(workspace.cargo("fmt").args(["--all", "--", "--check"]))));
        steps.run("set-up for clippy and cargo deny", || quiet(setup::ensure(Need::Tests)));
        steps.run("cargo clippy", || {
            let arguments = ["--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"];
            quiet(command::run(workspace.cargo("clippy").args(arguments)))
        });
        steps.run("cargo deny: licences, bans, sources", || {
            // Nothing here asks the network: what is locked and fetched is what is judged.
            quiet(command::run(workspace.cargo("deny").args(["--locked", "check", "licenses", "bans", "sources"])))
        });
    }
    steps.finish("check")
}

/// A named rule; what it returns is empty when the repository keeps it.
type Rule = (&'static str, fn(&Workspace) -> Result<Judgement>);

/// What a rule looked at and what it found.
pub(crate) struct Judgement {
    /// What was looked at, for the summary; a rule that saw nothing is a failure.
    seen: usize,
    what: &'static str,
    findings: Vec<Finding>,
}

fn rules() -> Vec<Rule> {
    vec![
        ("dependency directions", |workspace| {
            let metadata = workspace.metadata(TARGET)?;
            let findings = directions::findings(&workspace.root, &metadata);
            Ok(Judgement { seen: metadata.members().count(), what: "packages", findings })
        }),
        ("third-party crates in a broker", |workspace| {
            let trees = weight::broker_trees(workspace, TARGET)?;
            let findings = trees.iter().flat_map(|(package, tree)| weight::findings(package, tree)).collect();
            Ok(Judgement { seen: trees.len(), what: "brokers", findings })
        }),
        ("file wall and names", |workspace| {
            let sources = files::sources(&workspace.root)?;
            let findings = sources.iter().flat_map(|(path, text)| files::findings(path, text)).collect();
            Ok(Judgement { seen: sources.len(), what: "files", findings })
        }),
        ("unsafe code and strict lints", |workspace| {
            let roots = unsafe_code::crate_roots(workspace, TARGET)?;
            let findings = roots.iter().flat_map(unsafe_code::findings).collect();
            Ok(Judgement { seen: roots.len(), what: "crate roots", findings })
        }),
        ("fuzz targets and their seeds", |workspace| {
            let fuzzing = fuzz_targets::Fuzzing::read(workspace, TARGET)?;
            Ok(Judgement { seen: fuzzing.targets.len(), what: "targets", findings: fuzzing.findings() })
        }),
        ("mutants that are known to survive", |workspace| {
            let (seen, findings) = mutants::list_findings(workspace, TARGET)?;
            Ok(Judgement { seen, what: "packages that are mutated", findings })
        }),
        ("daemons named in their own places only", |workspace| {
            let daemons: Vec<_> = orlop_fleet::ALL.iter().map(|daemon| daemon.name).collect();
            let files = files::effective(&workspace.root)?;
            let places::Survey { named, findings } = places::survey(&files, &daemons, places::EXCEPTIONS);
            Ok(Judgement { seen: named, what: "lines that name a daemon", findings })
        }),
        ("names on the pages", |workspace| {
            let has = |path: &str, function: Option<&str>| {
                let path = workspace.root.join(path);
                function.map_or_else(
                    || path.exists(),
                    |function| fs::read_to_string(&path).is_ok_and(|text| text.contains(&format!("fn {function}("))),
                )
            };
            let mut pages = files::pages(&workspace.root)?;
            // The changelog tells of what is gone, too.
            pages.retain(|(path, _)| path != CHANGELOG);
            let missing: Vec<_> = EXPECTED.iter().filter(|name| !pages.iter().any(|(path, _)| path == *name)).collect();
            pages.extend(missing.into_iter().map(|&name| (name.to_owned(), String::new())));
            let mut findings: Vec<_> =
                pages.iter().flat_map(|(name, text)| map::findings(name, text, &has, &workspace.tasks)).collect();
            let metadata = workspace.metadata(TARGET)?;
            let folders: Vec<_> = metadata.members().map(|package| package.folder(&workspace.root)).collect();
            let map = pages.iter().find(|(path, _)| path == MAP).map_or("", |(_, text)| text);
            findings.extend(map::missing_folders(MAP, map, &folders));
            let seen = pages.iter().map(|(_, text)| map::names(text).len()).sum();
            Ok(Judgement { seen, what: "names", findings })
        }),
        ("links of the pages, and README.md's length", |workspace| {
            let pages = files::pages(&workspace.root)?;
            let exists = |path: &str| workspace.root.join(path).exists();
            let text = |wanted: &str| pages.iter().find(|(path, _)| path == wanted).map(|(_, text)| text.clone());
            let of = |(path, page): &(String, String)| {
                links::findings(path, page, &exists, &text).into_iter().chain(links::too_long(path, page))
            };
            let findings = pages.iter().flat_map(of).collect();
            let seen = pages.iter().map(|(_, text)| links::links(text).len()).sum();
            Ok(Judgement { seen, what: "links", findings })
        }),
    ]
}

fn judged(judgement: &Judgement) -> Result<String> {
    let Judgement { seen, what, findings } = judgement;
    for Finding { place, problem } in findings {
        println!("  {place}: {problem}");
    }
    if !findings.is_empty() {
        bail!("{} findings in {seen} {what}", findings.len());
    }
    if *seen == 0 {
        bail!("saw no {what}: the rule is checking nothing");
    }
    Ok(format!("{seen} {what}"))
}

fn quiet(result: Result<()>) -> Result<String> {
    result.map(|()| String::new())
}

/// `path` below `root`, with forward slashes.
fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_saw_nothing_fails() {
        assert!(judged(&Judgement { seen: 0, what: "files", findings: Vec::new() }).is_err());
    }

    #[test]
    fn a_rule_with_findings_fails_and_one_without_passes() {
        let findings = vec![Finding::new("crates/a/src/mod.rs", "no mod.rs")];
        assert!(judged(&Judgement { seen: 2, what: "files", findings }).is_err());
        assert_eq!(judged(&Judgement { seen: 2, what: "files", findings: Vec::new() }).unwrap(), "2 files");
    }
}
