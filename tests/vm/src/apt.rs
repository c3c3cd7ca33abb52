//! Debian's archive as apt knows it: with the machine's own package lists, or with private ones, of which the machine's package
//! manager never hears.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

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
