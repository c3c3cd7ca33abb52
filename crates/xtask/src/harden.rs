//! `harden`: how each release binary was linked, read from the binary itself.
//!
//! A flag in a build script is a wish; this is what came of it. Each property has a control that fails: a program
//! linked without it (see the tests).

mod elf;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use object::elf::{EM_AARCH64, EM_X86_64, Machine};

use crate::build::{self, Options};
use crate::check::Finding;
use crate::compiler;
use crate::workspace::Workspace;

use elf::Elf;

/// Reads the release binaries of the target.
///
/// # Errors
/// When one is missing, cannot be read, or lacks a property.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let machine = machine(&options.target)?;
    let folders = folders(workspace)?;
    let mut findings = Vec::new();
    let binaries = build::binaries(workspace, &options.target)?;
    for binary in &binaries {
        let bytes = fs::read(&binary.path).with_context(|| {
            format!("no {}; help: cargo xtask build --target {}", binary.path.display(), options.target)
        })?;
        let elf = Elf::read(&bytes).with_context(|| format!("cannot read {}", binary.path.display()))?;
        let problems = [problems(&elf, machine), unwinding(&elf, &options.target), traces(&bytes, &folders)].concat();
        println!("  {} ({}): {}", binary.name(), options.target, verdict(&problems, &options.target));
        findings.extend(problems.into_iter().map(|problem| Finding::new(binary.name(), problem)));
    }
    ensure!(!binaries.is_empty(), "no binaries: the step is checking nothing");
    if !findings.is_empty() {
        bail!("{} properties are missing in the binaries of {}", findings.len(), options.target);
    }
    Ok(())
}

fn verdict(problems: &[String], target: &str) -> String {
    if !problems.is_empty() {
        return problems.join("; ");
    }
    let unwinding = if has_no_unwinding(target) { ", no tables for unwinding" } else { "" };
    format!(
        "position-independent, static, RELRO in full, stack not executable, no segment writable and executable, \
         stripped{unwinding}, no path of this machine"
    )
}

fn machine(target: &str) -> Result<Machine> {
    match target.split('-').next() {
        Some("x86_64") => Ok(EM_X86_64),
        Some("aarch64") => Ok(EM_AARCH64),
        other => bail!("no machine number for {other:?}"),
    }
}

/// What a hardened daemon's binary is not. Empty when it is hardened.
fn problems(elf: &Elf, machine: Machine) -> Vec<String> {
    let Elf {
        machine: found,
        position_independent,
        stack,
        relocated_read_only,
        bound_at_start,
        relocates_code,
        writable_and_executable,
        interpreter,
        libraries,
        symbols,
        unwinding: _,
    } = elf;
    let all = [
        (*found != machine, format!("for machine {} instead of {}", found.0, machine.0)),
        (!position_independent, "at a fixed address (not ET_DYN): there is no address space randomisation".to_owned()),
        (*stack != elf::Stack::NotExecutable, format!("the stack is {stack}")),
        (!relocated_read_only, "no RELRO: tables of functions stay writable".to_owned()),
        (!bound_at_start, "bound lazily: the jump table stays writable".to_owned()),
        (*relocates_code, "relocations in code: it has to be writable for a while".to_owned()),
        (*writable_and_executable > 0, format!("{writable_and_executable} segments are writable and executable")),
        (*interpreter, "it needs a dynamic loader (PT_INTERP)".to_owned()),
        (*libraries > 0, format!("it needs {libraries} shared libraries")),
        (*symbols > 0, format!("not stripped: {symbols} sections of symbols or debug information")),
    ];
    all.into_iter().filter_map(|(is, what)| is.then_some(what)).collect()
}

/// Whether a program for the target has no tables for unwinding at all: the GNU C library brings its own, which stay.
fn has_no_unwinding(target: &str) -> bool {
    target.ends_with("musl")
}

/// Tables for unwinding where there are to be none.
fn unwinding(elf: &Elf, target: &str) -> Vec<String> {
    let is = has_no_unwinding(target) && elf.unwinding > 0;
    is.then(|| format!("{} bytes of tables for unwinding: a panic aborts, and nothing reads them", elf.unwinding))
        .into_iter()
        .collect()
}

/// Folders of this machine that no binary may name: with one of them in it, it could not be built elsewhere.
fn folders(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let home = std::env::home_dir().filter(|home| home.components().count() > 1);
    Ok([workspace.root.clone(), compiler::cargo_home()?].into_iter().chain(home).collect())
}

fn traces(bytes: &[u8], folders: &[PathBuf]) -> Vec<String> {
    let holds = |folder: &&PathBuf| {
        let needle = [folder.as_os_str().as_encoded_bytes(), b"/"].concat();
        bytes.windows(needle.len()).any(|window| window == needle)
    };
    let name =
        |folder: &PathBuf| format!("it names the folder {} of the machine that built it", Path::new(folder).display());
    folders.iter().filter(holds).map(name).collect()
}

#[cfg(test)]
mod tests;
