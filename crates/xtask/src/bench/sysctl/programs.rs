//! The programs as data: how each is told to apply the one file there is.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::stage::FILE;
use crate::bench::installed::{debian_version, program};

/// A program that applies settings.
#[derive(Debug, Clone)]
pub(super) struct Program {
    /// As the table calls it.
    pub(super) name: &'static str,
    /// The version of its Debian package; ours has the workspace's.
    pub(super) version: String,
    /// What is started.
    path: PathBuf,
    /// Its arguments.
    arguments: &'static [&'static str],
    /// The files that hold its code, without shared libraries.
    binaries: Vec<PathBuf>,
    /// Whether it is ours.
    pub(super) ours: bool,
}

/// Ours, by its name in the table, of each folder that has it, the first of which must; then the others.
///
/// # Errors
/// When a program is not there.
pub(super) fn all(ours: &[(&'static str, PathBuf)]) -> Result<Vec<Program>> {
    let mut all = Vec::new();
    for (name, folder) in ours {
        let built = ["orlop-sysctl", "orlop-sysctl-worker"].map(|name| folder.join(name));
        if built.iter().all(|path| path.is_file()) {
            all.push(own(name, built));
        } else {
            ensure!(!all.is_empty(), "no {}; help: cargo xtask build", built[0].display());
            println!("  not measured: {name}, which is not in {}", folder.display());
        }
    }
    let systemd = Path::new("/lib/systemd/systemd-sysctl");
    ensure!(systemd.is_file(), "no {}; help: cargo xtask setup --bench", systemd.display());
    all.push(other("systemd-sysctl", "systemd", systemd.to_owned(), &[])?);
    all.push(other("procps sysctl", "procps", program("sysctl")?, &["--quiet", "--system"])?);
    all.push(other("busybox sysctl", "busybox", program("busybox")?, &["sysctl", "-q", "-p", FILE])?);
    Ok(all)
}

fn own(name: &'static str, built: [PathBuf; 2]) -> Program {
    Program {
        name,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        path: built[0].clone(),
        arguments: &[],
        binaries: built.to_vec(),
        ours: true,
    }
}

fn other(name: &'static str, package: &str, path: PathBuf, arguments: &'static [&'static str]) -> Result<Program> {
    let version = debian_version(package)?;
    Ok(Program { name, version, binaries: vec![path.clone()], path, arguments, ours: false })
}

impl Program {
    /// The command, without input and output.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(self.arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Bytes of each file of its code.
    ///
    /// # Errors
    /// When one is not there.
    pub(super) fn sizes(&self) -> Result<Vec<u64>> {
        let size = |path: &PathBuf| Ok(path.metadata().with_context(|| format!("no {}", path.display()))?.len());
        self.binaries.iter().map(size).collect()
    }
}
