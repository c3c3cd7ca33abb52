//! Debian's kernel for virtual machines, taken out of its package once: it is not installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, anyhow, bail};

use crate::build;

/// Packages that name the newest kernel of a line, the better first: what the newer has, tests can see.
const LINES: [&str; 2] = ["linux-image-6.12-cloud-amd64", "linux-image-cloud-amd64"];

/// The file of a kernel in its package, without its version.
const IMAGE: &str = "vmlinuz-";

/// The emulator.
const EMULATOR: &str = "qemu-system-x86_64";

/// A kernel that can be booted here.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// Its image.
    pub(crate) path: PathBuf,
}

impl Kernel {
    /// The kernel, from the cache below `target/vm` or from Debian's archive.
    ///
    /// # Errors
    /// Why machines cannot be booted here, as one line: another architecture, no emulator, no kernel.
    pub fn available() -> Result<Self, String> {
        if !cfg!(target_arch = "x86_64") {
            return Err("needs x86-64: the machine runs the programs of this one".to_owned());
        }
        if Command::new(EMULATOR).arg("--version").output().is_err() {
            return Err(format!("needs the program `{EMULATOR}` (cargo xtask setup)"));
        }
        // Once per process: every test asks.
        static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        let find = || obtain().map_err(|error| format!("needs a kernel to boot: {error:#}"));
        FOUND.get_or_init(find).clone().map(|path| Self { path })
    }

    /// QEMU with the flags that every machine has.
    pub(crate) fn emulator(&self) -> Command {
        let mut qemu = Command::new(EMULATOR);
        qemu.args(["-accel", "tcg", "-cpu", "max", "-machine", "q35", "-smp", "1", "-m", "512"]);
        qemu.args(["-nodefaults", "-display", "none", "-no-reboot", "-kernel"]).arg(&self.path);
        qemu
    }
}

fn obtain() -> Result<PathBuf> {
    let cache = build::cache().join("kernel");
    if let Some(known) = image_in(&cache) {
        return Ok(known);
    }
    let package = match newest() {
        Ok(package) => package,
        // A fresh machine or container has no package lists yet.
        Err(_) => {
            run(Command::new("apt-get").args(["--quiet", "update"]))?;
            newest()?
        }
    };
    // Elsewhere first: what is interrupted must not be taken for a kernel.
    let work = cache.join(format!("work-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    let unpacked = unpack(&work, &package, &cache);
    fs::remove_dir_all(&work)?;
    unpacked
}

fn unpack(work: &Path, package: &str, cache: &Path) -> Result<PathBuf> {
    run(Command::new("apt-get").current_dir(work).args(["--quiet", "download", package]))?;
    let archive =
        fs::read_dir(work)?.flatten().map(|entry| entry.path()).find(|path| path.extension() == Some("deb".as_ref()));
    let archive = archive.context("apt-get left no package")?;
    run(Command::new("dpkg-deb").arg("--extract").arg(archive).arg(work.join("package")))?;
    let image = image_in(&work.join("package/boot")).with_context(|| format!("{package} has no kernel in it"))?;
    let kept = cache.join(image.file_name().context("a kernel has a name")?);
    fs::rename(image, &kept)?;
    Ok(kept)
}

fn image_in(folder: &Path) -> Option<PathBuf> {
    let images = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    images.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(IMAGE))).max()
}

/// The package of the newest kernel.
fn newest() -> Result<String> {
    let named = LINES.iter().find_map(|line| {
        let output = Command::new("apt-cache").args(["depends", line]).output().ok()?;
        depended(&String::from_utf8_lossy(&output.stdout))
    });
    named.ok_or_else(|| anyhow!("apt-cache knows none of {}", LINES.join(", ")))
}

/// The kernel that a package of a line depends on.
fn depended(answer: &str) -> Option<String> {
    let names = answer.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    names.into_iter().find(|name| name.starts_with("linux-image-")).map(str::to_owned)
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_what_the_line_depends_on() {
        let answer =
            "linux-image-6.12-cloud-amd64\n  Depends: linux-image-6.12.117+deb12-cloud-amd64\n  Conflicts: x\n";
        assert_eq!(depended(answer).as_deref(), Some("linux-image-6.12.117+deb12-cloud-amd64"));
        assert_eq!(depended("N: Unable to locate package\n"), None);
    }
}
