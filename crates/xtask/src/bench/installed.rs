//! The rivals that this machine has: where a program is, and which version Debian gives it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;

/// Where a program is.
///
/// # Errors
/// When it is in none of the usual folders.
pub(super) fn program(name: &str) -> Result<PathBuf> {
    let folders = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];
    let found = folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists());
    found.with_context(|| format!("no {name} in {}; help: cargo xtask setup --bench", folders.join(", ")))
}

/// The version of a Debian package that is installed.
///
/// # Errors
/// When it is not.
pub(super) fn debian_version(package: &str) -> Result<String> {
    let mut query = Command::new("dpkg-query");
    command::captured(query.args(["--show", "--showformat=${Version}", package]))
}
