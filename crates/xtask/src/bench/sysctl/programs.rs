//! The programs as data: how each is told to apply the one file there is.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::stage::FILE;
use crate::bench::contest::Program;
use crate::bench::installed::{debian_version, program};

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
        words: vec![built[0].display().to_string()],
        binaries: built.to_vec(),
        success: 0,
        ours: true,
    }
}

fn other(name: &'static str, package: &str, path: PathBuf, arguments: &[&str]) -> Result<Program> {
    let version = debian_version(package)?;
    let words = [path.display().to_string()].into_iter().chain(arguments.iter().map(|&word| word.to_owned())).collect();
    Ok(Program { name, version, words, binaries: vec![path], success: 0, ours: false })
}
