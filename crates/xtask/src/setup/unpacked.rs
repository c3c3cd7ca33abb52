//! Debian packages that a task needs and that must not be installed: they conflict with what a user may have. They are
//! unpacked below the target folder, each with the libraries that it needs, and started from there.

use std::fs;

use anyhow::{Context, Result};
use orlop_testbed::unpacked;

use super::{Need, apt};
use crate::compiler::debian::{Archive, NATIVE, Package, beside};

/// A package that is unpacked.
struct UnpackedPackage {
    name: &'static str,
    why: &'static str,
    needs: &'static [Need],
}

/// Everything that asks real time servers.
const SERVERS: &[Need] = &[Need::Demo, Need::Tests, Need::Bench];

const PACKAGES: &[UnpackedPackage] = &[
    UnpackedPackage {
        name: "chrony",
        why: "real time servers, and a rival; installed, it would remove systemd-timesyncd",
        needs: SERVERS,
    },
    UnpackedPackage { name: "libfaketime", why: "time servers that are years off", needs: SERVERS },
    UnpackedPackage {
        name: "cloud-init",
        why: "rival: its ds-identify; installed, it would take over this machine's boot",
        needs: &[Need::Bench],
    },
    UnpackedPackage {
        name: "openntpd",
        why: "rival: what LinuxKit ships today; installed, it would keep this machine's clock",
        needs: &[Need::Bench],
    },
    UnpackedPackage {
        name: "unbound",
        why: "what the resolver's answers are compared with, and a rival; installed, it would answer at port 53 of this machine",
        needs: &[Need::Tests, Need::Bench],
    },
    UnpackedPackage {
        name: "knot-resolver",
        why: "rival: kresd; installed, it would answer at port 53 of this machine",
        needs: &[Need::Bench],
    },
    UnpackedPackage {
        name: "dns-root-data",
        why: "without the root's key kresd does not start",
        needs: &[Need::Bench],
    },
    UnpackedPackage {
        name: "systemd-resolved",
        why: "rival; installed, it would take over this machine's resolv.conf",
        needs: &[Need::Bench],
    },
    UnpackedPackage {
        name: "systemd-timesyncd",
        why: "rival; installed, it would keep this machine's clock",
        needs: &[Need::Bench],
    },
];

/// The names of the packages that were unpacked, and their versions.
const STAMP: &str = ".packages";

/// Unpacks what is needed and not there yet. Needs no root.
///
/// # Errors
/// When a package cannot be had.
pub(super) fn ensure(needs: &[Need]) -> Result<()> {
    let is_wanted = |package: &&UnpackedPackage| package.needs.iter().any(|need| needs.contains(need));
    let wanted: Vec<&UnpackedPackage> = PACKAGES.iter().filter(is_wanted).collect();
    let there = fs::read_to_string(unpacked::folder().join(STAMP)).unwrap_or_default();
    let missing: Vec<&&UnpackedPackage> = wanted.iter().filter(|package| !is_stamped(&there, package.name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for UnpackedPackage { name, why, .. } in missing {
        println!("  missing: {name} ({why}); unpacked, not installed");
    }
    if !apt::is_there() {
        // Where nothing can be installed either, what needs them says so when it is started.
        println!("  left out: only Debian's packages can be unpacked");
        return Ok(());
    }
    // What is there once more, too: a folder that is made whole is never half of one.
    let needed = |package: &&UnpackedPackage| is_wanted(package) || is_stamped(&there, package.name);
    let names: Vec<&str> = PACKAGES.iter().filter(needed).map(|package| package.name).collect();
    // A machine without package lists, or with old ones, gets some of our own; they need no root.
    unpack(&Archive::native(), &names).or_else(|error| {
        println!("  once more, with package lists of our own: {error:#}");
        let lists = beside(&unpacked::folder(), "apt");
        let unpacked = Archive::foreign(NATIVE, &lists).and_then(|archive| unpack(&archive, &names));
        fs::remove_dir_all(&lists).with_context(|| format!("cannot remove {}", lists.display()))?;
        unpacked
    })
}

fn unpack(archive: &Archive, names: &[&str]) -> Result<()> {
    let packages = archive.with_libraries(names)?;
    let root = unpacked::folder();
    let partial = beside(&root, "partial");
    for folder in [&partial, &root] {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
    }
    archive.unpack(&packages, &partial)?;
    fs::write(partial.join(STAMP), stamp(&packages)).context("cannot write into the target folder")?;
    fs::rename(&partial, &root).with_context(|| format!("cannot make {}", root.display()))
}

fn stamp(packages: &[Package]) -> String {
    packages.iter().map(|Package { name, version }| format!("{name} {version}\n")).collect()
}

/// The version of a package that is unpacked.
pub(crate) fn version(name: &str) -> Option<String> {
    stamped(&fs::read_to_string(unpacked::folder().join(STAMP)).ok()?, name).map(str::to_owned)
}

fn is_stamped(stamp: &str, name: &str) -> bool {
    stamped(stamp, name).is_some()
}

fn stamped<'s>(stamp: &'s str, name: &str) -> Option<&'s str> {
    let versions = stamp.lines().filter_map(|line| line.split_once(' '));
    versions.into_iter().find(|(package, _)| *package == name).map(|(_, version)| version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unpacked_is_known_by_its_whole_name() {
        let package = |name: &str| Package { name: name.to_owned(), version: "1".to_owned() };
        let stamp = stamp(&[package("chrony-extra"), package("libcap2")]);
        assert!(is_stamped(&stamp, "libcap2") && is_stamped(&stamp, "chrony-extra"));
        assert!(!is_stamped(&stamp, "chrony") && !is_stamped("", "chrony"));
        assert_eq!(stamped(&stamp, "libcap2"), Some("1"));
    }

    #[test]
    fn nothing_is_both_installed_and_unpacked() {
        for package in PACKAGES {
            assert!(super::super::packages::DEBIAN_PACKAGES.iter().all(|p| p.name != package.name), "{}", package.name);
        }
    }
}
