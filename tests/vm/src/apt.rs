//! Debian's archive as apt knows it: with the machine's own package lists, or with private ones, of which the machine's package
//! manager never hears.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use orlop_image::platform::Platform;

use crate::build;

/// What apt knows about one architecture.
#[derive(Debug, Clone)]
pub struct Apt {
    /// Empty for the machine's own; else they give apt a state of its own.
    options: Vec<String>,
}

impl Apt {
    /// What this machine's apt knows.
    #[must_use]
    pub const fn native() -> Self {
        Self { options: Vec::new() }
    }

    /// The same sources for an architecture (in Debian's words), with package lists under `folder`: nothing is known until
    /// `apt-get update`, which then needs no root.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn private(architecture: &str, folder: &Path) -> Result<Self> {
        for sub in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(sub)).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let status = folder.join("state/status");
        fs::write(&status, "").with_context(|| format!("cannot write {}", status.display()))?;
        let at = |path: &str| folder.join(path).display().to_string();
        let settings = [
            format!("Dir::State={}", at("state")),
            format!("Dir::State::status={}", status.display()),
            format!("Dir::Cache={}", at("cache")),
            format!("APT::Architecture={architecture}"),
            format!("APT::Architectures={architecture}"),
            "Acquire::Languages=none".to_owned(),
        ];
        Ok(Self { options: settings.into_iter().flat_map(|setting| ["-o".to_owned(), setting]).collect() })
    }

    /// What can be done with what this machine's apt knows, or else with lists of its own for a platform: a fresh machine has none, and
    /// old ones name what the archive does not have any more.
    ///
    /// # Errors
    /// When neither does.
    pub fn either<T>(platform: Platform, attempt: impl Fn(&Self) -> Result<T>) -> Result<T> {
        let with_private = || {
            let architecture = platform.architecture();
            let apt = Self::private(architecture, &build::cache().join("apt").join(architecture))?;
            run(apt.command("apt-get").args(["--quiet", "update"]))?;
            attempt(&apt)
        };
        if platform == Platform::HOST { attempt(&Self::native()).or_else(|_| with_private()) } else { with_private() }
    }

    /// Unpacks these packages, and none that they depend on, into a new folder below `work`.
    ///
    /// # Errors
    /// When one is not known, or cannot be fetched.
    pub fn unpack(&self, work: &Path, packages: &[&str]) -> Result<PathBuf> {
        run(self.command("apt-get").current_dir(work).args(["--quiet", "download"]).args(packages))?;
        let files = fs::read_dir(work)?.flatten().map(|entry| entry.path());
        let archives: Vec<PathBuf> = files.filter(|path| path.extension() == Some("deb".as_ref())).collect();
        ensure!(archives.len() == packages.len(), "apt-get left {} packages of {}", archives.len(), packages.len());
        let folder = work.join("package");
        for archive in archives {
            run(Command::new("dpkg-deb").arg("--extract").arg(archive).arg(&folder))?;
        }
        Ok(folder)
    }

    /// `apt-get` or `apt-cache`, without questions and translations.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C").args(&self.options);
        // As root, apt would take another user, who cannot write where we are, and complain.
        command.args(["-o", "APT::Sandbox::User=root"]);
        command
    }
}

pub(crate) fn run(command: &mut Command) -> Result<()> {
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
    fn private_lists_are_in_a_place_of_their_own() {
        let folder = std::env::temp_dir().join(format!("orlop-vm-apt-{}", std::process::id()));
        let words = |apt: Apt| {
            let command = apt.command("apt-get");
            command.get_args().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        let (own, private) = (words(Apt::native()), words(Apt::private("arm64", &folder).unwrap()));
        assert!(!own.contains("Dir::State"), "{own}");
        for want in [format!("Dir::State={}/state", folder.display()), "APT::Architectures=arm64".to_owned()] {
            assert!(private.contains(&want), "{private}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
