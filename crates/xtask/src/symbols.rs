//! `symbols`: what the rule about dependencies promises, seen in the binaries themselves.
//!
//! Release binaries are stripped, but a crate leaves the paths of its files behind wherever it can panic
//! (`…/smoltcp-0.14.0/src/wire/ipv4.rs`). A core that cannot panic leaves none, so the same programs are built for development as
//! well, and searched for its name among their symbols. No broker may hold such a trace of a parser; its worker must, or the search
//! sees nothing.

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
    let binaries = build::binaries(workspace, &options.target)?;
    let unstripped = unstripped(workspace, &binaries)?;
    for binary in &binaries {
        let mut bytes =
            fs::read(&binary.path).with_context(|| format!("no {}; help: cargo xtask build", binary.path.display()))?;
        bytes.extend(fs::read(unstripped.join(binary.name()))?);
        let found = traces(&bytes, &needles(&binary.role));
        println!("  {}: {}", binary.name(), if found.is_empty() { "no parser".to_owned() } else { found.join(", ") });
        brokers += usize::from(matches!(binary.role, Role::Broker(_)));
        findings.extend(verdict(&binary.name(), &binary.role, &found));
    }
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
        // A package is called as its program is.
        cargo.args(["--package", &binary.name()]);
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

fn verdict(name: &str, role: &Role, found: &[String]) -> Option<Finding> {
    match (role, found.is_empty()) {
        (Role::Broker(_), false) => {
            Some(Finding::new(name, format!("a broker holds code of a parser: {}", found.join(", "))))
        }
        (Role::Worker(_), true) => Some(Finding::new(name, "control failed: no parser found in a worker either")),
        _ => None,
    }
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
    fn a_broker_must_hold_none_and_a_worker_some() {
        let (broker, worker) = (Role::Broker("some".into()), Role::Worker("some".into()));
        let some = ["/smoltcp-".to_owned()];
        for (what, role, found, fails) in [
            ("clean broker", &broker, &some[..0], false),
            ("broker with a parser", &broker, &some[..], true),
            ("worker with a parser", &worker, &some[..], false),
            ("blind search", &worker, &some[..0], true),
        ] {
            assert_eq!(verdict("name", role, found).is_some(), fails, "{what}");
        }
    }
}
