//! `fresh`: what the README promises, on a machine that has nothing but what the README asks for.
//!
//! The machine is a minimal Debian 12 in a folder, entered by `pivot_root` in namespaces of its own. The toolchain, cargo's
//! home, the checkout and the target folder are this machine's, so that nothing is compiled twice.

mod archive;
mod system;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::build;
use crate::room;
use crate::setup::{self, Need};
use crate::steps::Steps;
use crate::workspace::Workspace;
use system::{System, Who};

/// Bytes of the archive, of the system with what is installed into it, and of the user's target folder.
pub(crate) const MIN_FREE: u64 = 5_000_000_000;

/// A package of the user's, which does not go together with one that the tests need.
const USERS_OWN: &str = "Package: users-own
Version: 1
Architecture: all
Maintainer: The user <user@example.org>
Description: something that set-up has no business with
Conflicts: udhcpd
";

/// What builds that package and installs it.
const INSTALL_USERS_OWN: &str = "mkdir -p /tmp/own/DEBIAN && cp /root/users-own /tmp/own/DEBIAN/control && \
    dpkg-deb --build /tmp/own /tmp/own.deb && dpkg --install /tmp/own.deb";

/// Why there can be no such machine here.
pub(crate) fn why_not() -> Option<&'static str> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let is_debian_12 = release.lines().any(|line| line == format!("VERSION_CODENAME={}", archive::SUITE));
    (!is_debian_12).then_some("this machine is no Debian 12, whose package manager and archive it would share")
}

/// Tries all of it.
///
/// # Errors
/// When something that is promised does not hold.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    ensure!(rustix::process::geteuid().is_root(), "a machine of its own needs root; help: run this as root");
    if let Some(why) = why_not() {
        bail!("{why}");
    }
    setup::ensure(Need::Fresh)?;
    let target = workspace.metadata(build::HOST)?.target_directory;
    let folder = target.join("fresh");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    room::ensure_room(&folder, MIN_FREE)?;
    let mut steps = Steps::new(STEPS);
    let mut archive = PathBuf::new();
    if !steps.run("a minimal Debian", || {
        archive = archive::ensure_archive(&folder)?;
        Ok(String::new())
    }) {
        return steps.finish("fresh");
    }
    let system = System::unpack(workspace, &archive)?;
    on(&system, &target, &mut steps);
    steps.run("nothing is mounted, and all is removed", || system.remove().map(|()| String::new()));
    steps.finish("fresh")
}

/// Of [`run`], with those of [`on`].
const STEPS: usize = 11;

/// What a stranger does, in this order: the machine has ever more installed on it.
fn on(system: &System, target: &Path, steps: &mut Steps) {
    let root = |words: &[&str]| system.run(Who::Root, words).map(|()| String::new());
    let user = |words: &[&str]| system.run(Who::User, words).map(|()| String::new());
    // Whatever this machine had not built yet is built by now.
    steps.run("the programs are built", || root(&["cargo", "xtask", "build"]));
    steps.run("a user without root is told what to install", || {
        system.copy_target(target)?;
        refused(system, Who::User, &["cargo", "xtask", "demo"], "as root: apt-get install --no-install-recommends ")
    });
    steps.run("demo, as root", || root(&["cargo", "xtask", "demo"]));
    steps.run("demo, as an ordinary user", || user(&["cargo", "xtask", "demo"]));
    steps.run("demo dhcp", || root(&["cargo", "xtask", "demo", "dhcp", "--no-build"]));
    steps.run("demo sysctl", || root(&["cargo", "xtask", "demo", "sysctl", "--no-build"]));
    steps.run("set-up takes nothing away", || takes_nothing_away(system));
    steps.run("test --quick", || {
        root(&["cargo", "xtask", "setup", "--tests"])?;
        // Nothing may skip itself after that.
        root(&["env", "SYSTEM_TESTS=require", "cargo", "xtask", "test", "--quick"])
    });
    steps.run("nothing would be removed for any other task", || {
        let tasks = setup::tasks();
        for task in &tasks {
            user(&["cargo", "xtask", "setup", "--simulate", task])?;
        }
        let all = ["cargo", "xtask", "setup", "--simulate"].into_iter().chain(tasks.iter().map(String::as_str));
        user(&all.collect::<Vec<_>>())?;
        Ok(format!("{} tasks", tasks.len()))
    });
}

/// A package of the user's own is in the way of one of ours: it stays, and the user is told.
fn takes_nothing_away(system: &System) -> Result<String> {
    fs::write(system.path("root/users-own"), USERS_OWN)?;
    system.run(Who::Root, &["sh", "-c", INSTALL_USERS_OWN])?;
    let told = refused(system, Who::Root, &["cargo", "xtask", "setup", "--tests"], "would be removed: users-own");
    // It fails where the package is gone, although nobody was told.
    system.run(Who::Root, &["dpkg", "--status", "users-own"])?;
    system.run(Who::Root, &["dpkg", "--purge", "users-own"])?;
    told
}

/// The command must fail, and say this.
fn refused(system: &System, who: Who, words: &[&str], why: &str) -> Result<String> {
    let shown = system.shown(who, words);
    println!("  $ {shown}");
    let output = system.command(who, words).output().with_context(|| format!("cannot start `{shown}`"))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    for line in said.lines() {
        println!("  | {line}");
    }
    ensure!(!output.status.success(), "`{shown}` must fail, and did not");
    ensure!(said.contains(why), "`{shown}` does not say {why:?}, but:\n{said}");
    Ok(String::new())
}
