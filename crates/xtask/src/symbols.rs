//! `symbols`: what the rule about dependencies promises, seen in the binaries themselves.
//!
//! Release binaries are stripped, but a crate leaves the paths of its files behind wherever it can panic
//! (`…/smoltcp-0.14.0/src/wire/ipv4.rs`). A core that cannot panic leaves none, so the same programs are built for development as
//! well, and searched for its name among their symbols. No broker may hold such a trace of a parser; its worker must, or the search
//! sees nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::build::{self, Binary, Options};
use crate::check::Finding;
use crate::check::directions::PARSERS;
use crate::check::role::Role;
use crate::command;
use crate::workspace::Workspace;

/// Searches the release binaries of the target, and the same programs with their symbols.
///
/// # Errors
/// When a binary is missing, a broker holds a parser, or a worker seems to hold none.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut findings = Vec::new();
    let mut brokers = 0;
    let mut parsers = BTreeMap::new();
    let binaries = build::binaries(workspace, &options.target)?;
    let unstripped = unstripped(workspace, &binaries)?;
    for binary in &binaries {
        let mut bytes =
            fs::read(&binary.path).with_context(|| format!("no {}; help: cargo xtask build", binary.path.display()))?;
        bytes.extend(fs::read(unstripped.join(binary.name()))?);
        let found = traces(&bytes, &needles(&binary.role));
        println!("  {}: {}", binary.name(), if found.is_empty() { "no parser".to_owned() } else { found.join(", ") });
        if matches!(binary.role, Role::Broker(_)) {
            brokers += 1;
            findings.extend(of_broker(&binary.name(), &found));
        } else if matches!(binary.role, Role::Worker(_)) {
            *parsers.entry(&binary.package).or_insert(0) += found.len();
        }
    }
    findings.extend(parsers.into_iter().filter_map(|(package, parsers)| of_workers(package, parsers)));
    for Finding { place, problem } in &findings {
        println!("  {place}: {problem}");
    }
    if !findings.is_empty() || brokers == 0 {
        bail!("the wall between broker and parser: {} findings in {brokers} brokers", findings.len());
    }
    Ok(())
}

/// Builds the programs with their symbols, and gives the folder in which they are.
fn unstripped(workspace: &Workspace, binaries: &[Binary]) -> Result<PathBuf> {
    let mut cargo = workspace.cargo("build");
    cargo.arg("--locked");
    for binary in binaries {
        cargo.args(["--package", &binary.package]);
    }
    command::run(&mut cargo)?;
    Ok(workspace.metadata(build::HOST)?.target_directory.join("debug"))
}

/// What a parser's code leaves in a binary: its folder in the registry, its folder among ours, its crate's name.
fn needles(role: &Role) -> Vec<String> {
    let third_party = PARSERS.iter().map(|parser| format!("/{}-", parser.trim_end_matches('-')));
    let ours = role.daemon().map(|daemon| [format!("crates/{daemon}/core/src"), format!("orlop_{daemon}_core")]);
    third_party.chain(ours.into_iter().flatten()).collect()
}

fn traces(bytes: &[u8], needles: &[String]) -> Vec<String> {
    let holds = |needle: &&String| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
    needles.iter().filter(holds).cloned().collect()
}

fn of_broker(name: &str, found: &[String]) -> Option<Finding> {
    (!found.is_empty()).then(|| Finding::new(name, format!("a broker holds code of a parser: {}", found.join(", "))))
}

/// The control: a daemon may have a worker that parses nothing, but one of its workers does.
fn of_workers(package: &str, parsers: usize) -> Option<Finding> {
    (parsers == 0).then(|| Finding::new(package, "control failed: no parser found in a worker either"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parsers_path_is_found_among_other_bytes() {
        let role = Role::Worker("some".into());
        let bytes =
            b"\x7fELF\0/root/.cargo/registry/src/x/smoltcp-0.14.0/src/wire/ipv4.rs\0crates/some/core/src/frame.rs\xff";
        assert_eq!(traces(bytes, &needles(&role)), ["/smoltcp-", "crates/some/core/src"]);
        assert_eq!(traces(b"_ZN17orlop_some_core6client", &needles(&role)), ["orlop_some_core"]);
        assert_eq!(traces(b"\x7fELF\0/x/rtnetlink-0.24.0/src/lib.rs", &needles(&role)), Vec::<String>::new());
    }

    #[test]
    fn a_broker_must_hold_none_and_of_the_workers_one() {
        let some = ["/smoltcp-".to_owned()];
        for (what, finding, fails) in [
            ("clean broker", of_broker("name", &[]), false),
            ("broker with a parser", of_broker("name", &some), true),
            ("workers with a parser", of_workers("name", 1), false),
            ("blind search", of_workers("name", 0), true),
        ] {
            assert_eq!(finding.is_some(), fails, "{what}");
        }
    }
}
