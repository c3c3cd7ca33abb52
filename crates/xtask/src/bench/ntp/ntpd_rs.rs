//! ntpd-rs, which Debian 12 does not have: built by cargo, once, into a folder below the target folder.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::build;
use crate::command;
use crate::workspace::Workspace;

/// The version that everybody is compared with.
pub(super) const VERSION: &str = "1.9.0";

/// Its daemon; built now if it is not there yet, which takes minutes.
///
/// # Errors
/// When cargo cannot have it, or cannot build it.
pub(super) fn program(workspace: &Workspace) -> Result<PathBuf> {
    let root = workspace.metadata(build::HOST)?.target_directory.join("rivals");
    let program = root.join("bin/ntp-daemon");
    if !program.is_file() {
        let mut cargo = workspace.cargo("install");
        // Not in this workspace, whose settings would change it.
        cargo.current_dir(std::env::temp_dir());
        cargo.args(["ntpd", "--version", &format!("={VERSION}"), "--locked", "--root"]).arg(&root);
        command::run(&mut cargo).context("ntpd")?;
    }
    Ok(program)
}
