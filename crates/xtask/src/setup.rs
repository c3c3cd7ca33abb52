//! `setup`: installs what a task needs and this machine lacks, and nothing else.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;
use crate::compiler::Compiler;
use crate::compiler::sysroot::{self, AARCH64_GNU, AARCH64_MUSL, NATIVE_MUSL, Target};
use crate::workspace::Workspace;

/// What a task needs besides the Rust toolchain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Namespaces, a veth and a DHCP server.
    Demo,
    /// The demo's, the other server, the rival clients that validate the testbed, and cargo-deny.
    Tests,
    /// The demo's and the rival clients.
    Bench,
    /// cargo-fuzz and the nightly toolchain.
    Fuzz,
    /// The musl target of this machine's architecture.
    Musl,
    /// 64-bit ARM, and a program that runs its binaries.
    Aarch64,
    /// 64-bit ARM with musl.
    Aarch64Musl,
    /// The tools and runtimes that images are tried with.
    Images,
    /// What boots a machine, with QEMU's own network.
    Machines,
    /// What boots one of 64-bit ARM.
    ArmMachines,
}

/// A Debian package and why it is wanted.
struct DebianPackage {
    name: &'static str,
    why: &'static str,
    needs: &'static [Need],
}

/// Everything that builds networks.
const NETWORKS: &[Need] = &[Need::Demo, Need::Tests, Need::Bench];
/// Everything that compares with other clients: tests validate the testbed with them.
const RIVALS: &[Need] = &[Need::Tests, Need::Bench];

/// Everything that boots machines.
const BOOTS: &[Need] = &[Need::Demo, Need::Tests, Need::Bench, Need::Machines, Need::ArmMachines];

/// The rivals and the images.
const WITH_BUSYBOX: &[Need] = &[Need::Tests, Need::Bench, Need::Images];

/// The images, and machines with another runtime.
const RUNTIMES: &[Need] = &[Need::Bench, Need::Images];

/// Everything that builds for an architecture that is not this machine's.
#[cfg(not(target_arch = "aarch64"))]
const ARM: &[Need] = &[Need::Aarch64, Need::Aarch64Musl];
/// This machine has what it needs for itself.
#[cfg(target_arch = "aarch64")]
const ARM: &[Need] = &[];

const DEBIAN_PACKAGES: &[DebianPackage] = &[
    DebianPackage { name: "iproute2", why: "ip: builds and reads the test networks", needs: NETWORKS },
    DebianPackage { name: "util-linux", why: "unshare, nsenter, setpriv: hold the namespaces", needs: NETWORKS },
    DebianPackage { name: "mount", why: "file systems of their own for the test hosts", needs: NETWORKS },
    DebianPackage { name: "hostname", why: "names of their own for the test hosts", needs: NETWORKS },
    DebianPackage { name: "procps", why: "sysctl: settings of the test hosts, and a rival", needs: NETWORKS },
    DebianPackage { name: "dnsmasq-base", why: "the DHCP server of demo, tests and bench", needs: NETWORKS },
    DebianPackage { name: "udhcpd", why: "a second, independent DHCP server", needs: &[Need::Tests] },
    DebianPackage { name: "udhcpc", why: "rival client: busybox", needs: RIVALS },
    DebianPackage { name: "dhcpcd-base", why: "rival client: what LinuxKit ships today", needs: RIVALS },
    DebianPackage { name: "isc-dhcp-client", why: "rival client: dhclient", needs: RIVALS },
    DebianPackage { name: "cpio", why: "takes assembled machines apart", needs: &[Need::Tests] },
    DebianPackage { name: "qemu-system-x86", why: "boots machines", needs: BOOTS },
    DebianPackage {
        name: "qemu-system-arm",
        why: "boots machines of 64-bit ARM",
        needs: &[Need::Tests, Need::ArmMachines],
    },
    DebianPackage { name: "zstd", why: "unpacks kernels for machines", needs: BOOTS },
    DebianPackage { name: "lz4", why: "unpacks older kernels for machines", needs: BOOTS },
    DebianPackage { name: "xz-utils", why: "unpacks kernels for machines", needs: BOOTS },
    DebianPackage { name: "dpkg", why: "takes kernels out of their packages", needs: BOOTS },
    DebianPackage { name: "g++", why: "libFuzzer is C++", needs: &[Need::Fuzz] },
    DebianPackage { name: "gcc-aarch64-linux-gnu", why: "links for 64-bit ARM", needs: ARM },
    DebianPackage { name: "libc6-dev-arm64-cross", why: "the GNU C library for 64-bit ARM", needs: ARM },
    DebianPackage { name: "skopeo", why: "reads images", needs: &[Need::Images] },
    DebianPackage { name: "umoci", why: "unpacks images", needs: &[Need::Images] },
    DebianPackage { name: "runc", why: "runs images, as LinuxKit's onboot does", needs: RUNTIMES },
    DebianPackage { name: "crun", why: "runs images: a second runtime beside runc", needs: RUNTIMES },
    DebianPackage { name: "containerd", why: "runs images, as LinuxKit's services are run", needs: &[Need::Images] },
    DebianPackage { name: "podman", why: "runs images", needs: &[Need::Images] },
    DebianPackage {
        name: "systemd",
        why: "rival: systemd-sysctl, whose meaning of sysctl.d files is ours",
        needs: RIVALS,
    },
    DebianPackage {
        name: "busybox",
        why: "rival: sysctl; part of what an image's size is compared with",
        needs: WITH_BUSYBOX,
    },
    DebianPackage { name: "strace", why: "shows which process makes which system call", needs: &[Need::Tests] },
    DebianPackage { name: "qemu-user-static", why: "runs the binaries for 64-bit ARM", needs: ARM },
];

/// A program that `cargo install` builds, with the version everybody uses.
struct CargoTool {
    name: &'static str,
    version: &'static str,
    needs: &'static [Need],
}

const CARGO_TOOLS: &[CargoTool] = &[
    CargoTool { name: "cargo-deny", version: "0.20.2", needs: &[Need::Tests] },
    CargoTool { name: "cargo-fuzz", version: "0.13.2", needs: &[Need::Fuzz] },
];

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// What `cargo xtask demo` needs
    #[arg(long)]
    demo: bool,
    /// What `cargo xtask test` needs
    #[arg(long)]
    tests: bool,
    /// What `cargo xtask bench` needs
    #[arg(long)]
    bench: bool,
    /// What `cargo xtask fuzz` needs
    #[arg(long)]
    fuzz: bool,
    /// The musl target of this machine's architecture: rustup's if it is installed, else made once from Debian's packages
    #[arg(long)]
    musl: bool,
    /// The target aarch64-unknown-linux-gnu, in the same way; with --musl, aarch64-unknown-linux-musl as well
    #[arg(long)]
    aarch64: bool,
    /// What `cargo xtask vm` needs; with --aarch64 for machines of 64-bit ARM, too
    #[arg(long)]
    machines: bool,
    /// The tools and runtimes that images are tried with: skopeo, umoci, runc, crun, containerd, podman
    #[arg(long)]
    images: bool,
}

/// Installs what the chosen tasks need; without a choice, what `demo` and `test` need.
///
/// # Errors
/// When something is missing and cannot be installed.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let Options { demo, tests, bench, fuzz, musl, aarch64, machines, images } = *options;
    let chosen = [
        (demo, Need::Demo),
        (tests, Need::Tests),
        (bench, Need::Bench),
        (fuzz, Need::Fuzz),
        (musl, Need::Musl),
        (aarch64, Need::Aarch64),
        (musl && aarch64, Need::Aarch64Musl),
        (machines, Need::Machines),
        (machines && aarch64, Need::ArmMachines),
        (images, Need::Images),
    ];
    let mut needs: Vec<Need> = chosen.iter().filter(|(wanted, _)| *wanted).map(|(_, need)| *need).collect();
    if needs.is_empty() {
        needs = vec![Need::Demo, Need::Tests];
    }
    ensure_targets(workspace, &needs)?;
    println!("setup: everything is there");
    Ok(())
}

/// Makes sure that `need` is met.
///
/// # Errors
/// When something is missing and cannot be installed.
pub(crate) fn ensure(need: Need) -> Result<()> {
    debian_packages(need)?;
    if need == Need::Tests {
        toolchain_component("rustfmt", "fmt")?;
        toolchain_component("clippy", "clippy")?;
    }
    if need == Need::Fuzz && !has_nightly() {
        bail!("fuzzing needs a nightly Rust; help: rustup toolchain install nightly --profile minimal");
    }
    for tool in CARGO_TOOLS.iter().filter(|tool| tool.needs.contains(&need)) {
        cargo_tool(tool)?;
    }
    Ok(())
}

/// As [`ensure`] for each, and the standard library of each target among them.
///
/// # Errors
/// When something is missing and cannot be installed or made.
pub(crate) fn ensure_targets(workspace: &Workspace, needs: &[Need]) -> Result<()> {
    for need in needs {
        ensure(*need)?;
    }
    let targets: Vec<Target> = needs.iter().copied().filter_map(target).collect();
    libraries(workspace, &targets)
}

/// The target whose standard library a task needs.
fn target(need: Need) -> Option<Target> {
    match need {
        Need::Musl => Some(NATIVE_MUSL),
        Need::Aarch64 => Some(AARCH64_GNU),
        Need::Aarch64Musl => Some(AARCH64_MUSL),
        Need::Demo | Need::Tests | Need::Bench | Need::Fuzz | Need::Images | Need::Machines | Need::ArmMachines => None,
    }
}

/// Makes sure that there is a compiler for each target: rustup's, else our own of Debian's packages.
///
/// # Errors
/// When one cannot be made.
fn libraries(workspace: &Workspace, targets: &[Target]) -> Result<()> {
    let lacking = |target: &Target| Ok::<_, anyhow::Error>((*target, !Compiler::comes_with_rust(target.triple)?));
    let judged: Vec<(Target, bool)> = targets.iter().map(lacking).collect::<Result<_>>()?;
    for (target, _) in judged.iter().filter(|(_, lacks)| !lacks) {
        println!("  {}: comes with the Rust that is installed", target.triple);
    }
    let lacking: Vec<Target> = judged.into_iter().filter(|(_, lacks)| *lacks).map(|(target, _)| target).collect();
    if lacking.is_empty() { Ok(()) } else { sysroot::ensure(workspace, &lacking) }
}

/// Whether a nightly toolchain is installed.
fn has_nightly() -> bool {
    command::succeeds(Command::new("cargo").args(["+nightly", "--version"]))
}

/// Whether all that [`Need::Fuzz`] names is installed.
pub(crate) fn can_fuzz() -> bool {
    let compiles = command::succeeds(Command::new("c++").arg("--version"));
    compiles && has_nightly() && command::succeeds(Command::new("cargo").args(["fuzz", "--version"]))
}

fn debian_packages(need: Need) -> Result<()> {
    let wanted: Vec<_> = DEBIAN_PACKAGES.iter().filter(|package| package.needs.contains(&need)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let installed = installed_packages(wanted.iter().map(|package| package.name))?;
    let missing: Vec<_> =
        wanted.into_iter().filter(|package| !installed.iter().any(|name| name == package.name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.iter().map(|package| package.name).collect::<Vec<_>>().join(" ");
    for DebianPackage { name, why, .. } in &missing {
        println!("  missing: {name} ({why})");
    }
    if !rustix::process::geteuid().is_root() {
        bail!(
            "installing packages needs root; help: run this as root, or first: apt-get install --no-install-recommends {names}"
        );
    }
    let install =
        || command::run(apt_get().args(["install", "--yes", "--no-install-recommends"]).args(names.split(' ')));
    if install().is_err() {
        // A fresh machine or container has no package lists yet.
        println!("  once more, with fresh package lists");
        command::run(apt_get().arg("update"))?;
        install().with_context(|| format!("cannot install {names}"))?;
    }
    Ok(())
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet");
    command
}

fn installed_packages<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<String>> {
    // It ends with failure when any is unknown, and still lists the others.
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat=${Package} ${db:Status-Status}\\n"])
        .args(names)
        .output()
        .context("cannot run dpkg-query: setup knows Debian only; help: install the packages that `cargo xtask setup --help` tasks name by hand")?;
    Ok(parse_installed(&String::from_utf8_lossy(&output.stdout)))
}

fn parse_installed(listing: &str) -> Vec<String> {
    let installed = listing.lines().filter_map(|line| line.strip_suffix(" installed"));
    installed.map(str::to_owned).collect()
}

fn toolchain_component(component: &str, subcommand: &str) -> Result<()> {
    if command::succeeds(Command::new("cargo").args([subcommand, "--version"])) {
        return Ok(());
    }
    command::run(Command::new("rustup").args(["component", "add", component]))
        .with_context(|| format!("cargo {subcommand} is missing; help: install the Rust component {component}"))
}

fn cargo_tool(tool: &CargoTool) -> Result<()> {
    let CargoTool { name, version, .. } = tool;
    let subcommand = name.trim_start_matches("cargo-");
    if command::succeeds(Command::new("cargo").args([subcommand, "--version"])) {
        return Ok(());
    }
    println!("  missing: {name}; building it takes some minutes, once");
    command::run(Command::new("cargo").args(["install", "--locked", &format!("{name}@{version}")]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_fully_installed_counts() {
        let listing = "iproute2 installed\nudhcpc config-files\ndnsmasq-base installed\nudhcpd not-installed\n";
        assert_eq!(parse_installed(listing), ["iproute2", "dnsmasq-base"]);
    }

    #[test]
    fn an_unknown_package_is_not_installed() {
        match installed_packages(["dpkg", "no-such-package-orlop"].into_iter()) {
            Ok(installed) => assert_eq!(installed, ["dpkg"]),
            Err(error) => assert!(error.to_string().contains("Debian only"), "{error:#}"),
        }
    }

    #[test]
    fn every_task_that_builds_networks_gets_a_server() {
        for need in [Need::Demo, Need::Tests, Need::Bench] {
            assert!(DEBIAN_PACKAGES.iter().any(|p| p.name == "dnsmasq-base" && p.needs.contains(&need)), "{need:?}");
        }
    }
}
