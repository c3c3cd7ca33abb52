//! Debian's package manager. What it would do is asked for first: what takes something away from the user is not done.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};

use crate::command;

/// Where apt keeps what it knows of archives.
const LISTS: &str = "/var/lib/apt/lists";

/// Older lists name packages that an archive may not have any more.
const STALE: Duration = Duration::from_secs(24 * 3600);

/// Whether this system's packages are apt's.
pub(super) fn is_there() -> bool {
    orlop_testbed::installed("apt-get") && orlop_testbed::installed("dpkg-query")
}

/// Those of `names` that are installed as they should be.
///
/// # Errors
/// When dpkg cannot be asked.
pub(super) fn installed<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<String>> {
    // It ends with failure when any is unknown, and still lists the others.
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${Package} ${db:Status-Status}\\n"]).args(names);
    let output = query.output().context("cannot run dpkg-query")?;
    Ok(parse_installed(&String::from_utf8_lossy(&output.stdout)))
}

fn parse_installed(listing: &str) -> Vec<String> {
    let installed = listing.lines().filter_map(|line| line.strip_suffix(" installed"));
    installed.map(str::to_owned).collect()
}

/// Installs the packages, and says before what comes with them.
///
/// # Errors
/// When they cannot be had, or only if another package were removed or downgraded.
pub(super) fn install(names: &[&str]) -> Result<()> {
    if let Some(why) = stale(Path::new(LISTS), SystemTime::now()) {
        println!("  {why}: fetching them");
        if let Err(error) = update() {
            // What is known may still be right, and a mirror may have the packages.
            println!("  warning: {error:#}; going on with what there is");
        }
    }
    if once(names).is_err() {
        println!("  once more, with fresh package lists");
        update()?;
        once(names).with_context(|| format!("cannot install {}", names.join(" ")))?;
    }
    Ok(())
}

fn once(names: &[&str]) -> Result<()> {
    println!("{}", simulate(names)?.shown());
    command::run(apt_get().args(["install", "--yes", "--no-remove", "--no-install-recommends"]).args(names))
}

fn update() -> Result<()> {
    command::run(apt_get().arg("update"))
}

/// What installing the packages would come to; needs no root.
///
/// # Errors
/// When it cannot be done, or only if another package were removed or downgraded.
pub(super) fn simulate(names: &[&str]) -> Result<Simulated> {
    let mut command = apt_get();
    command.args(["install", "--simulate", "--no-install-recommends"]).args(names);
    let output = command.output().context("cannot start apt-get")?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("`{}` says: {said}{}", command::shown(&command), String::from_utf8_lossy(&output.stderr));
    }
    Simulated::read(&said).judged()
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C").arg("--quiet");
    // On a machine that was just switched on, something else often installs updates.
    command.args(["-o", "DPkg::Lock::Timeout=300"]);
    command
}

/// What `apt-get --simulate` would do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Simulated {
    installed: Vec<String>,
    upgraded: Vec<String>,
    removed: Vec<String>,
    downgraded: Vec<String>,
}

impl Simulated {
    /// Lines such as `Inst zstd (1.5.4 …)`, `Inst qemu-utils [1:7.1] (1:7.2 …)` and `Remv qemu-utils [1:7.1]`; which of the
    /// second kind go back stands in a paragraph of its own.
    fn read(said: &str) -> Self {
        let mut simulated = Self { downgraded: paragraph(said, "DOWNGRADED:"), ..Self::default() };
        for line in said.lines() {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["Remv" | "Purg", name, ..] => simulated.removed.push(name.to_owned()),
                ["Inst", name, before, ..] if before.starts_with('[') => simulated.upgraded.push(name.to_owned()),
                ["Inst", name, ..] => simulated.installed.push(name.to_owned()),
                _ => {}
            }
        }
        simulated.upgraded.retain(|name| !simulated.downgraded.contains(name));
        simulated
    }

    fn judged(self) -> Result<Self> {
        for (what, names) in [("removed", &self.removed), ("downgraded", &self.downgraded)] {
            ensure!(
                names.is_empty(),
                "not installed, because these packages of yours would be {what}: {}; help: `apt-get install` says what they disagree about",
                names.join(" ")
            );
        }
        Ok(self)
    }

    /// As lines for the user.
    pub(super) fn shown(&self) -> String {
        let Self { installed, upgraded, removed: _, downgraded: _ } = self;
        let lines = [("new", installed), ("newer", upgraded)].into_iter().filter(|(_, names)| !names.is_empty());
        let lines: Vec<_> =
            lines.map(|(what, names)| format!("  {what} ({}): {}", names.len(), names.join(" "))).collect();
        if lines.is_empty() { "  nothing to install".to_owned() } else { lines.join("\n") }
    }
}

/// The names in the indented lines after the line that ends like this.
fn paragraph(said: &str, heading: &str) -> Vec<String> {
    let after = said.lines().skip_while(|line| !line.ends_with(heading)).skip(1);
    let lines = after.take_while(|line| line.starts_with(' '));
    lines.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

/// Why the package lists in `folder` should be fetched anew at `now`.
fn stale(folder: &Path, now: SystemTime) -> Option<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let lists = entries.filter(|entry| entry.file_name().to_string_lossy().contains("_Packages")).count();
    if lists == 0 {
        return Some("there are no package lists yet".to_owned());
    }
    // Lists have the time at which they were made; in here apt works whenever it looks for new ones.
    let looked = fs::metadata(folder.join("partial")).and_then(|partial| partial.modified()).ok();
    let age = looked.and_then(|looked| now.duration_since(looked).ok());
    match age {
        Some(age) if age < STALE => None,
        Some(age) => Some(format!("the package lists are {} days old", age.as_secs() / 86400)),
        None => looked.is_none().then(|| "nobody knows how old the package lists are".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use orlop_testbed::Folder;

    use super::*;

    #[test]
    fn only_what_is_fully_installed_counts() {
        let listing = "iproute2 installed\nudhcpc config-files\ndnsmasq-base installed\nudhcpd not-installed\n";
        assert_eq!(parse_installed(listing), ["iproute2", "dnsmasq-base"]);
    }

    #[test]
    fn an_unknown_package_is_not_installed() {
        match installed(["dpkg", "no-such-package-orlop"].into_iter()) {
            Ok(installed) => assert_eq!(installed, ["dpkg"]),
            Err(error) => assert!(!is_there(), "{error:#}"),
        }
    }

    /// As apt 2.6 writes it.
    const SAID: &str = "Reading package lists...\nThe following packages will be REMOVED:\n  users-own\n\
        The following NEW packages will be installed:\n  dnsmasq-base libnftables1\n\
        The following packages will be upgraded:\n  libjansson4\n\
        The following packages will be DOWNGRADED:\n  libnftnl11\n  libmnl0\n\
        1 upgraded, 2 newly installed, 2 downgraded, 1 to remove and 0 not upgraded.\n\
        Remv users-own [1.0]\nInst libjansson4 [2.13] (2.14-2 Debian:12.11/stable [amd64])\n\
        Inst libnftnl11 [9] (1.2.4-2 Debian:12.11/stable [amd64])\nInst libmnl0 [9] (1.0.4-3 Debian:12.11/stable [amd64])\n\
        Inst libnftables1 (1.0.6 Debian:12.11/stable [amd64])\nInst dnsmasq-base (2.90 Debian:12.11/stable [amd64])\n\
        Conf dnsmasq-base (2.90 Debian:12.11/stable [amd64])\n";

    #[test]
    fn what_apt_would_do_is_told_apart() {
        let want = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let read = Simulated::read(SAID);
        assert_eq!(read.installed, want(&["libnftables1", "dnsmasq-base"]));
        assert_eq!(read.upgraded, want(&["libjansson4"]));
        assert_eq!(read.removed, want(&["users-own"]));
        assert_eq!(read.downgraded, want(&["libnftnl11", "libmnl0"]));
    }

    #[test]
    fn what_would_be_taken_away_is_named_and_not_done() {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (what, simulated, word) in [
            ("removed", Simulated { removed: own(&["users-own"]), ..Simulated::default() }, "removed: users-own"),
            ("older", Simulated { downgraded: own(&["libmnl0"]), ..Simulated::default() }, "downgraded: libmnl0"),
        ] {
            assert!(simulated.judged().is_err_and(|error| error.to_string().contains(word)), "{what}");
        }
        let harmless = Simulated { installed: own(&["zstd"]), upgraded: own(&["xz-utils"]), ..Simulated::default() };
        assert_eq!(harmless.judged().unwrap().shown(), "  new (1): zstd\n  newer (1): xz-utils");
        assert_eq!(Simulated::default().shown(), "  nothing to install");
    }

    #[test]
    fn lists_are_stale_when_there_are_none_and_after_a_day() {
        let folder = Folder::new("apt-lists");
        let partial = folder.0.join("partial");
        fs::create_dir(&partial).unwrap();
        let now = fs::metadata(&partial).unwrap().modified().unwrap();
        fs::write(folder.0.join("lock"), "").unwrap();
        assert!(stale(&folder.0, now).is_some_and(|why| why.contains("no package lists")));
        fs::write(folder.0.join("example.invalid_bookworm_main_binary-amd64_Packages.lz4"), "").unwrap();
        assert_eq!(stale(&folder.0, now), None);
        assert_eq!(stale(&folder.0, now + Duration::from_secs(23 * 3600)), None);
        let later = now + Duration::from_secs(3 * 24 * 3600);
        assert_eq!(stale(&folder.0, later).as_deref(), Some("the package lists are 3 days old"));
        fs::remove_dir(&partial).unwrap();
        assert!(stale(&folder.0, now).is_some());
    }
}
