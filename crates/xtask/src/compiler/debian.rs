//! Debian's archive: which packages make a compiler and a C library for a target, which libraries a program needs, and
//! unpacking them without installing them.
//!
//! Versions move with Debian's security updates, so names and versions are asked for at run time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use orlop_test_vm::Apt;

use crate::command;

/// The architecture this program runs on, in Debian's words.
#[cfg(target_arch = "aarch64")]
pub(crate) const NATIVE: &str = "arm64";
/// The architecture this program runs on, in Debian's words.
#[cfg(not(target_arch = "aarch64"))]
pub(crate) const NATIVE: &str = "amd64";

/// A package of one architecture in the version that is to be had now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
}

/// What apt knows about one architecture, and how its packages are got.
#[derive(Debug)]
pub(crate) struct Archive {
    apt: Apt,
}

impl Archive {
    /// What this machine's apt knows.
    pub(crate) fn native() -> Self {
        Self { apt: Apt::native() }
    }

    /// The same sources for `architecture`, with package lists under `folder`, fetched now.
    ///
    /// # Errors
    /// When the lists cannot be fetched.
    pub(crate) fn foreign(architecture: &str, folder: &Path) -> Result<Self> {
        let apt = Apt::private(architecture, folder)?;
        command::run(apt.command("apt-get").args(["--quiet", "update"]))?;
        Ok(Self { apt })
    }

    /// What there is under this name.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn package(&self, name: &str) -> Result<Package> {
        Ok(Package { version: field(&self.record(name)?, "Version")?.to_owned(), name: name.to_owned() })
    }

    fn record(&self, name: &str) -> Result<String> {
        let help =
            || format!("Debian has no {name}; help: apt-get update, on Debian 12 or later with security updates");
        command::captured(self.apt.command("apt-cache").args(["show", "--no-all-versions", name])).with_context(help)
    }

    /// The package among the dependencies of `name` whose own name starts like this.
    fn dependency(&self, name: &str, prefix: &str) -> Result<Package> {
        let record = self.record(name)?;
        let found = dependencies(field(&record, "Depends")?).find(|other| other.starts_with(prefix));
        self.package(found.with_context(|| format!("{name} depends on no {prefix}…"))?)
    }

    /// The compiler, its own libraries and the sources of the standard library.
    ///
    /// # Errors
    /// When Debian does not have them.
    pub(crate) fn compiler(&self) -> Result<Vec<Package>> {
        let runtime = self.dependency("libstd-rust-web-dev", "libstd-rust-web-")?;
        let llvm = self.dependency(&runtime.name, "libllvm")?;
        let named = ["rustc-web", "rust-web-src", "libstd-rust-web-dev"].map(|name| self.package(name));
        named.into_iter().chain([Ok(runtime), Ok(llvm)]).collect()
    }

    /// The C library musl, and an unwinder that does not need another C library.
    ///
    /// # Errors
    /// When Debian does not have them.
    pub(crate) fn musl(&self) -> Result<Vec<Package>> {
        let search = ["search", "--names-only", "^libunwind-[0-9]+-dev$"];
        let listing = command::captured(self.apt.command("apt-cache").args(search))?;
        let unwinder = newest(&listing).context("Debian has no libunwind-NN-dev; help: apt-get update")?;
        Ok(vec![self.package("musl-dev")?, self.package(&unwinder)?])
    }

    /// The standard library as Debian built it, for the GNU C library.
    ///
    /// # Errors
    /// When Debian does not have it.
    pub(crate) fn gnu_library(&self) -> Result<Vec<Package>> {
        Ok(vec![self.package("libstd-rust-web-dev")?])
    }

    /// These packages and all libraries that they need, but those that every Debian has.
    ///
    /// # Errors
    /// When Debian does not have one of the packages.
    pub(crate) fn with_libraries(&self, names: &[&str]) -> Result<Vec<Package>> {
        let mut wanted: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut packages = Vec::new();
        let mut at = 0;
        while let Some(name) = wanted.get(at).cloned() {
            at += 1;
            // Of what is only one of several possibilities, or the name of a capability, there may be no record.
            let record = self.record(&name);
            let record = if names.contains(&name.as_str()) { record? } else { record.unwrap_or_default() };
            let Ok(version) = field(&record, "Version") else { continue };
            packages.push(Package { version: version.to_owned(), name });
            for other in dependencies(field(&record, "Depends").unwrap_or_default()).filter(|name| is_own_library(name))
            {
                if !wanted.iter().any(|name| name == other) {
                    wanted.push(other.to_owned());
                }
            }
        }
        Ok(packages)
    }

    /// Fetches `packages` and unpacks them all below `root`. Nothing is installed.
    ///
    /// # Errors
    /// When one cannot be fetched or unpacked.
    pub(crate) fn unpack(&self, packages: &[Package], root: &Path) -> Result<()> {
        let debs = beside(root, "debs");
        fs::create_dir_all(&debs).with_context(|| format!("cannot make {}", debs.display()))?;
        fs::create_dir_all(root).with_context(|| format!("cannot make {}", root.display()))?;
        let wanted = packages.iter().map(|Package { name, version }| format!("{name}={version}"));
        command::run(self.apt.command("apt-get").args(["--quiet", "download"]).args(wanted).current_dir(&debs))?;
        for entry in fs::read_dir(&debs)? {
            command::run(Command::new("dpkg-deb").arg("--extract").args([&entry?.path(), &PathBuf::from(root)]))?;
        }
        fs::remove_dir_all(&debs).with_context(|| format!("cannot remove {}", debs.display()))
    }
}

/// Whether a package is a library that not every Debian has.
fn is_own_library(name: &str) -> bool {
    name.starts_with("lib") && !["libc6", "libgcc-s1", "libstdc++6"].contains(&name)
}

/// The path with `-suffix` at its end: versions have dots, so nothing here has an extension.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().display();
    path.with_file_name(format!("{name}-{suffix}"))
}

fn field<'a>(record: &'a str, name: &str) -> Result<&'a str> {
    let value = record.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    match value {
        Some(value) => Ok(value.trim()),
        None => bail!("no {name} in what apt-cache says:\n{record}"),
    }
}

/// `a (= 1), b | c` → `a`, `b`, `c`.
fn dependencies(field: &str) -> impl Iterator<Item = &str> {
    field.split([',', '|']).filter_map(|one| one.split_whitespace().next())
}

/// The one with the highest number among `libunwind-19-dev - LLVM unwinder` and its like.
fn newest(listing: &str) -> Option<String> {
    let number = |name: &str| name.strip_prefix("libunwind-")?.strip_suffix("-dev")?.parse::<u32>().ok();
    let names = listing.lines().filter_map(|line| line.split_whitespace().next());
    let highest = names.filter_map(|name| Some((number(name)?, name))).max();
    highest.map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = "Package: libstd-rust-web-1.96\nVersion: 1.96.0+dfsg1-1~deb12u2\n\
                          Depends: libc6 (>= 2.34), libllvm22, libstdc++6 (>= 11) | other\n";

    #[test]
    fn a_record_is_read_by_field() {
        assert_eq!(field(RECORD, "Version").unwrap(), "1.96.0+dfsg1-1~deb12u2");
        assert!(field(RECORD, "Size").unwrap_err().to_string().contains("no Size"));
        let names: Vec<_> = dependencies(field(RECORD, "Depends").unwrap()).collect();
        assert_eq!(names, ["libc6", "libllvm22", "libstdc++6", "other"]);
    }

    #[test]
    fn libraries_that_every_debian_has_are_not_fetched() {
        let names: Vec<_> =
            dependencies(field(RECORD, "Depends").unwrap()).filter(|name| is_own_library(name)).collect();
        assert_eq!(names, ["libllvm22"]);
    }

    #[test]
    fn the_newest_unwinder_is_the_one_with_the_highest_number() {
        let listing = "libunwind-9-dev - a\nlibunwind-19-dev - b\nlibunwind-16-dev - c\nlibunwind-dev - d\n";
        assert_eq!(newest(listing).as_deref(), Some("libunwind-19-dev"));
        assert_eq!(newest("libunwind-dev - d\n"), None);
    }
}
