//! Binaries of another architecture, started under an emulator of one process.
//!
//! It translates system calls and has no seccomp, so a daemon's sandbox cannot be taken up there: what is seen is that
//! the binaries load, understand their command line and read a configuration. The rest needs such a machine.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::build;
use crate::check::role::Role;
use crate::workspace::Workspace;

/// What is asked of each broker, the exit code, and a part of its answer.
const QUESTIONS: &[(&[&str], i32, &str)] = &[
    (&["--help"], 0, "Usage:"),
    (&["--example"], 0, "deadline"),
    (&["--check"], 0, ""),
    (&["--no-such-option"], 64, "help:"),
];

/// A worker that no supervisor started says so.
const WORKER: (&[&str], i32, &str) = (&[], 64, "a supervisor starts this program");

/// The machine's own programs are understood too.
const MACHINE: &[(&[&str], i32, &str)] = &[(&["--help"], 0, "Usage:"), (&["--no-such-option"], 64, "help:")];

/// Starts every release binary of `target`, and returns how many answers were right.
///
/// # Errors
/// When one cannot be started or answers otherwise.
pub(crate) fn run(workspace: &Workspace, target: &str) -> Result<String> {
    let architecture = target.split('-').next().unwrap_or_default();
    let emulator = format!("qemu-{architecture}-static");
    let mut answers = 0;
    for binary in build::binaries(workspace, target)? {
        let questions = if matches!(binary.role, Role::Worker(_)) {
            &[WORKER]
        } else if matches!(binary.role, Role::Machine(_)) {
            MACHINE
        } else {
            QUESTIONS
        };
        for question in questions {
            ask(&emulator, &binary.path, question)?;
            answers += 1;
        }
    }
    ensure!(answers > 0, "no binaries: the step is checking nothing");
    Ok(format!("{answers} answers; {emulator} has no seccomp, so no daemon was run"))
}

fn ask(emulator: &str, binary: &Path, (arguments, code, part): &(&[&str], i32, &str)) -> Result<()> {
    let output = Command::new(emulator).arg(binary).args(*arguments).output();
    let output = output.with_context(|| format!("cannot start {emulator}; help: cargo xtask setup --aarch64"))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    if output.status.code() != Some(*code) || !said.contains(part) {
        bail!("`{emulator} {} {}` ended with {}: {said}", binary.display(), arguments.join(" "), output.status);
    }
    Ok(())
}
