//! Binaries of another architecture, started under an emulator of one process.
//!
//! It translates system calls and has no seccomp, so a daemon's sandbox cannot be taken up there: what is seen is that
//! the binaries load, understand their command line and read a configuration. The rest needs such a machine.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::build;
use crate::check::role::Role;
use crate::workspace::Workspace;

/// What is asked, the exit code, and a part of the answer.
type Question<'q> = (&'q [&'q str], i32, &'q str);

/// What is asked of each broker.
const BROKER: &[Question] = &[
    (&["--help"], 0, "Usage:"),
    (&["--version"], 0, env!("CARGO_PKG_VERSION")),
    (&["--no-such-option"], 64, "help:"),
    // Where there is no filter of system calls, no process of a daemon goes on.
    (&["--posture"], 77, "cannot install the system call filter"),
];

/// The option of brokers that read a configuration before they confine themselves: it prints one with every key.
const EXAMPLE: &str = "--example";

/// A worker that no supervisor started says so.
const WORKER: Question = (&[], 64, "a supervisor starts this program");

/// The machine's own programs are understood too.
const MACHINE: &[Question] = &[(&["--help"], 0, "Usage:"), (&["--no-such-option"], 64, "help:")];

/// Starts every release binary of `target`, and returns how many answers were right.
///
/// # Errors
/// When one cannot be started or answers otherwise.
pub(crate) fn run(workspace: &Workspace, target: &str) -> Result<String> {
    let architecture = target.split('-').next().unwrap_or_default();
    let emulator = format!("qemu-{architecture}-static");
    let (mut answers, mut examples) = (0, 0);
    for binary in build::binaries(workspace, target)? {
        let questions = if matches!(binary.role, Role::Worker(_)) {
            &[WORKER]
        } else if matches!(binary.role, Role::Machine(_)) {
            MACHINE
        } else {
            BROKER
        };
        for question in questions {
            let said = ask(&emulator, &binary.path, question)?;
            answers += 1;
            if matches!(binary.role, Role::Broker(_)) && said.contains(EXAMPLE) {
                answers += configuration(&emulator, &binary.path)?;
                examples += 1;
            }
        }
    }
    ensure!(answers > 0, "no binaries: the step is checking nothing");
    ensure!(examples > 0, "no broker has {EXAMPLE}: no configuration was read");
    Ok(format!("{answers} answers; {emulator} has no seccomp, so no daemon was run"))
}

/// Has a broker judge no configuration, and its own example. Returns how many answers were right.
fn configuration(emulator: &str, broker: &Path) -> Result<usize> {
    ask(emulator, broker, &(&["--check"], 0, ""))?;
    let example = ask(emulator, broker, &(&[EXAMPLE], 0, " = "))?;
    let path = broker.with_extension("example");
    fs::write(&path, example).with_context(|| format!("cannot write {}", path.display()))?;
    let shown = path.to_str().context("the target folder's name is not UTF-8")?;
    let judged = ask(emulator, broker, &(&["--check", "--config", shown], 0, ""));
    fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    judged.map(|_| 3)
}

/// Returns what it said.
fn ask(emulator: &str, binary: &Path, (arguments, code, part): &Question) -> Result<String> {
    let output = Command::new(emulator).arg(binary).args(*arguments).output();
    let output = output.with_context(|| format!("cannot start {emulator}; help: cargo xtask setup --aarch64"))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.code() != Some(*code) || !said.contains(part) {
        bail!("`{emulator} {} {}` ended with {}: {said}", binary.display(), arguments.join(" "), output.status);
    }
    Ok(said)
}
