//! Debian's kernels for virtual machines, taken out of their packages once: they are not installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, anyhow};
use orlop_image::platform::Platform;

use crate::apt::Apt;
use crate::emulator;
use crate::{build, pvh};

/// A line of kernels in Debian 12.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// 6.12: Landlock with network rules and scopes; what machines have unless another is asked for.
    V6_12,
    /// 6.1: Landlock with files only; virtio is in modules.
    V6_1,
}

impl Line {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V6_12, Self::V6_1];

    /// As a person writes it, and as the tag of its image.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V6_12 => "6.12",
            Self::V6_1 => "6.1",
        }
    }

    /// The package that names the newest kernel of the line.
    fn package(self, platform: Platform) -> String {
        let middle = match self {
            Self::V6_12 => "6.12-",
            Self::V6_1 => "",
        };
        format!("linux-image-{middle}cloud-{}", platform.architecture())
    }
}

/// The file of a kernel in its package, without its version.
const IMAGE: &str = "vmlinuz-";
/// The same, unpacked.
const UNPACKED: &str = "vmlinux";

/// Modules that a machine needs for its network, its disks, containers that are not read-only, and its power button; what is built
/// in is named all the same.
pub(crate) const MODULES: &str = "virtio_pci,virtio_net,virtio_blk,overlay,button,evdev";

/// A kernel that can be booted here.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// Which.
    pub line: Line,
    /// For which processor.
    pub platform: Platform,
    /// Its package, unpacked.
    pub(crate) package: PathBuf,
    /// What the emulator starts.
    pub(crate) path: PathBuf,
}

impl Kernel {
    /// The best kernel for tests: what the newer has, they can see.
    ///
    /// # Errors
    /// Why machines cannot be booted here, as one line: another architecture, no emulator, no kernel.
    pub fn available() -> Result<Self, String> {
        Self::of(Line::V6_12).or_else(|why| Self::of(Line::V6_1).map_err(|_| why))
    }

    /// The newest kernel of a line, from the cache below `target/vm` or from Debian's archive.
    ///
    /// # Errors
    /// As [`Self::available`].
    pub fn of(line: Line) -> Result<Self, String> {
        if Platform::HOST != Platform::Amd64 {
            return Err("needs x86-64: the machine runs the programs of this one".to_owned());
        }
        Self::for_platform(line, Platform::Amd64)
    }

    /// The same for any processor, which runs programs that were built for it.
    ///
    /// # Errors
    /// As [`Self::available`].
    pub fn for_platform(line: Line, platform: Platform) -> Result<Self, String> {
        emulator::available(platform)?;
        // Every test asks, and all at once.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |error| format!("needs a kernel to boot: {error:#}");
        let package = obtain(line, platform).map_err(failed)?;
        let path = startable(&package, platform).map_err(failed)?;
        Ok(Self { line, platform, package, path })
    }

    /// As it lies in its package, and in the image that is made of that.
    pub(crate) fn image(&self) -> Result<PathBuf> {
        image_in(&self.package).context("the package has no kernel in it")
    }

    /// What the emulator starts.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// On x86 the kernel is unpacked here and not in the machine, once. Debian's for 64-bit ARM are not packed.
fn startable(package: &Path, platform: Platform) -> Result<PathBuf> {
    let image = image_in(package).context("the package has no kernel in it")?;
    if platform == Platform::Arm64 {
        return Ok(image);
    }
    let unpacked = package.join(UNPACKED);
    if !unpacked.is_file() {
        let partial = package.join(format!("{UNPACKED}-{}", std::process::id()));
        pvh::unpack(&image, &partial)?;
        fs::rename(partial, &unpacked)?;
    }
    Ok(unpacked)
}

fn obtain(line: Line, platform: Platform) -> Result<PathBuf> {
    let cache = build::cache().join("kernel");
    let known = cache.join(format!("{}-{}", line.name(), platform.architecture()));
    if image_in(&known).is_some() {
        return Ok(known);
    }
    // Elsewhere first: what is interrupted must not be taken for a kernel.
    let work = cache.join(format!("work-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    let unpacked = Apt::either(platform, |apt| unpack(apt, &work, &newest(apt, line, platform)?, &known));
    fs::remove_dir_all(&work)?;
    unpacked.map(|()| known)
}

fn unpack(apt: &Apt, work: &Path, package: &str, known: &Path) -> Result<()> {
    let folder = apt.unpack(work, &[package])?;
    image_in(&folder).with_context(|| format!("{package} has no kernel in it"))?;
    // Another process may have been faster.
    Ok(fs::rename(folder, known).or_else(|error| image_in(known).map(drop).ok_or(error))?)
}

fn image_in(package: &Path) -> Option<PathBuf> {
    let images = fs::read_dir(package.join("boot")).ok()?.flatten().map(|entry| entry.path());
    images.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(IMAGE))).max()
}

/// The package of the newest kernel.
fn newest(apt: &Apt, line: Line, platform: Platform) -> Result<String> {
    let package = line.package(platform);
    let output = apt.command("apt-cache").args(["depends", &package]).output().context("cannot start apt-cache")?;
    depended(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| anyhow!("apt-cache does not know {package}"))
}

/// The kernel that a package of a line depends on.
fn depended(answer: &str) -> Option<String> {
    let names = answer.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    names.into_iter().find(|name| name.starts_with("linux-image-")).map(str::to_owned)
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
