//! The minimal Debian that a stranger's machine begins with, made once by debootstrap and kept as an archive.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::system::contained;
use crate::command;
use crate::compiler::debian::NATIVE;

/// Debian 12.
pub(super) const SUITE: &str = "bookworm";

/// What the README asks for besides rustup: a linker, the C library's files for it, and the certificates that rustup needs.
const INCLUDED: &str = "--include=gcc,libc6-dev,ca-certificates";

/// The archive below `folder`, made now if it is not there.
///
/// # Errors
/// When debootstrap fails, or this machine's package manager does not know Debian 12.
pub(super) fn ensure_archive(folder: &Path) -> Result<PathBuf> {
    let archive = folder.join(format!("{SUITE}-{NATIVE}.tar"));
    if archive.is_file() {
        return Ok(archive);
    }
    println!("  a minimal Debian of its own: about a minute, once");
    // What was interrupted must not be taken for an archive, nor for a system.
    let (root, partial) = (folder.join("debootstrap"), folder.join("partial.tar"));
    remove_folder(&root)?;
    fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
    let mut debootstrap = contained("debootstrap");
    debootstrap.args(["--variant=minbase", INCLUDED, SUITE]).arg(&root).arg(mirror()?);
    for (variable, setting) in [("http_proxy", "Acquire::http::Proxy"), ("https_proxy", "Acquire::https::Proxy")] {
        let proxy = command::captured(Command::new("apt-config").args(["dump", "--format", "%v%n", setting]))?;
        if !proxy.trim().is_empty() {
            debootstrap.env(variable, proxy.trim());
        }
    }
    command::run(&mut debootstrap)?;
    // A new machine has neither packages that were fetched before, nor lists of what there is.
    for emptied in ["var/cache/apt/archives", "var/lib/apt/lists"] {
        remove_folder(&root.join(emptied))?;
        fs::create_dir_all(root.join(emptied).join("partial"))?;
    }
    let mut tar = Command::new("tar");
    tar.args(["--create", "--numeric-owner", "--file"]).arg(&partial).arg("--directory").arg(&root).arg(".");
    command::run(&mut tar)?;
    remove_folder(&root)?;
    fs::rename(&partial, &archive).with_context(|| format!("cannot make {}", archive.display()))?;
    Ok(archive)
}

/// Where this machine gets Debian 12 from.
fn mirror() -> Result<String> {
    let mut query = Command::new("apt-get");
    query.args(["indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"]);
    let known = command::captured(&mut query)?;
    mirror_in(&known).with_context(|| format!("the sources of apt have no {SUITE}: this machine is no Debian 12"))
}

/// The first `bookworm main URI`.
fn mirror_in(known: &str) -> Option<String> {
    let wanted = format!("{SUITE} main ");
    known.lines().find_map(|line| line.strip_prefix(&wanted)).map(str::to_owned)
}

/// Removes the folder if it is there.
///
/// # Errors
/// When something is mounted in it, or it cannot be removed.
pub(super) fn remove_folder(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let mounts = mounts_below(folder, &fs::read_to_string("/proc/self/mountinfo")?);
    ensure!(mounts.is_empty(), "not removed, because something is mounted there: {}", mounts.join(", "));
    fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))
}

/// The mount points of a `mountinfo` that are `folder` or below it.
pub(super) fn mounts_below(folder: &Path, mountinfo: &str) -> Vec<String> {
    let points = mountinfo.lines().filter_map(|line| line.split(' ').nth(4));
    points.filter(|point| Path::new(point).starts_with(folder)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_one_of_this_release_and_of_no_update_of_it() {
        let known = "bookworm-updates main http://a.invalid/debian/\nbookworm contrib http://b.invalid/debian/\n\
            bookworm main http://c.invalid/debian/\nbookworm main http://d.invalid/debian/\n";
        assert_eq!(mirror_in(known).as_deref(), Some("http://c.invalid/debian/"));
        assert_eq!(mirror_in("trixie main http://a.invalid/debian/\n"), None);
    }

    #[test]
    fn a_mount_below_a_folder_is_seen_and_one_beside_it_is_not() {
        let mountinfo = "22 27 0:21 / /proc rw - proc proc rw\n23 27 0:22 / /t/fresh/root/proc rw - proc proc rw\n\
            24 27 0:22 / /t/fresh/rootless rw - proc proc rw\n";
        assert_eq!(mounts_below(Path::new("/t/fresh/root"), mountinfo), ["/t/fresh/root/proc"]);
    }
}
