//! `setup`: installs what a task needs and this machine lacks, and nothing else. It never removes a package: what could not be
//! installed without that is only unpacked.

mod apt;
mod packages;
pub(crate) mod unpacked;

use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args as _;

use crate::command;
use crate::compiler::Compiler;
use crate::compiler::sysroot::{self, AARCH64_GNU, AARCH64_MUSL, NATIVE_MUSL, Target};
use crate::workspace::Workspace;
use packages::{DEBIAN_PACKAGES, DebianPackage};

/// What a task needs besides the Rust toolchain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Namespaces, a veth and a DHCP server.
    Demo,
    /// The demo's, other servers, the rival clients that validate the testbed, and cargo-deny.
    Tests,
    /// The demo's and the rival clients.
    Bench,
    /// cargo-fuzz and the nightly toolchain.
    Fuzz,
    /// cargo-mutants.
    Mutants,
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
    /// What makes a minimal Debian.
    Fresh,
}

/// A program that `cargo install` builds, with the version everybody uses.
struct CargoTool {
    name: &'static str,
    version: &'static str,
    needs: &'static [Need],
}

const CARGO_TOOLS: &[CargoTool] = &[
    CargoTool { name: "cargo-deny", version: "0.20.2", needs: &[Need::Tests, Need::Fresh] },
    CargoTool { name: "cargo-fuzz", version: "0.13.2", needs: &[Need::Fuzz] },
    CargoTool { name: "cargo-mutants", version: "27.1.0", needs: &[Need::Mutants] },
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
    /// What `cargo xtask mutants` needs
    #[arg(long)]
    mutants: bool,
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
    /// What `cargo xtask fresh` needs
    #[arg(long)]
    fresh: bool,
    /// Only say which packages would be installed, and whether others would have to go for them
    #[arg(long)]
    simulate: bool,
}

/// Installs what the chosen tasks need; without a choice, what `demo` and `test` need.
///
/// # Errors
/// When something is missing and cannot be installed.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let Options { demo, tests, bench, fuzz, mutants, musl, aarch64, machines, images, fresh, simulate } = *options;
    let chosen = [
        (demo, Need::Demo),
        (tests, Need::Tests),
        (bench, Need::Bench),
        (fuzz, Need::Fuzz),
        (mutants, Need::Mutants),
        (musl, Need::Musl),
        (aarch64, Need::Aarch64),
        (musl && aarch64, Need::Aarch64Musl),
        (machines, Need::Machines),
        (machines && aarch64, Need::ArmMachines),
        (images, Need::Images),
        (fresh, Need::Fresh),
    ];
    let mut needs: Vec<Need> = chosen.iter().filter(|(wanted, _)| *wanted).map(|(_, need)| *need).collect();
    if needs.is_empty() {
        needs = vec![Need::Demo, Need::Tests];
    }
    if simulate {
        return simulated(&needs);
    }
    ensure_targets(workspace, &needs)?;
    println!("setup: everything is there");
    Ok(())
}

/// The options that choose a task.
pub(crate) fn tasks() -> Vec<String> {
    let command = Options::augment_args(clap::Command::new("setup"));
    let names = command.get_arguments().filter_map(clap::Arg::get_long).filter(|name| *name != "simulate");
    names.map(|name| format!("--{name}")).collect()
}

/// Says what would be installed for `needs`, of Debian's packages. Needs no root.
///
/// # Errors
/// When it cannot be installed without taking something else away, or this is not Debian.
fn simulated(needs: &[Need]) -> Result<()> {
    let here = Here { debian: apt::is_there(), root: true };
    match course(here, &lacking(here, needs)?) {
        Course::Nothing => println!("setup: everything is there, of Debian's packages"),
        Course::Tell(words) => bail!(words),
        Course::Install(packages) => {
            let names: Vec<_> = packages.iter().map(|package| package.name).collect();
            println!("{}\nsetup: nothing would be removed or downgraded", apt::simulate(&names)?.shown());
        }
    }
    Ok(())
}

/// Makes sure that `need` is met.
///
/// # Errors
/// When something is missing and cannot be installed.
pub(crate) fn ensure(need: Need) -> Result<()> {
    ensure_all(&[need])
}

/// As [`ensure`] for each, with one question to the package manager.
///
/// # Errors
/// When something is missing and cannot be installed.
pub(crate) fn ensure_all(needs: &[Need]) -> Result<()> {
    debian_packages(needs)?;
    unpacked::ensure(needs)?;
    // A stranger's machine has the tools of this one, so that they are not built there.
    if needs.contains(&Need::Tests) || needs.contains(&Need::Fresh) {
        toolchain_component("rustfmt", "fmt")?;
        toolchain_component("clippy", "clippy")?;
    }
    if needs.contains(&Need::Fuzz) && !has_nightly() {
        bail!("fuzzing needs a nightly Rust; help: rustup toolchain install nightly --profile minimal");
    }
    for tool in CARGO_TOOLS.iter().filter(|tool| tool.needs.iter().any(|need| needs.contains(need))) {
        cargo_tool(tool)?;
    }
    Ok(())
}

/// As [`ensure_all`], and the standard library of each target among them.
///
/// # Errors
/// When something is missing and cannot be installed or made.
pub(crate) fn ensure_targets(workspace: &Workspace, needs: &[Need]) -> Result<()> {
    ensure_all(needs)?;
    let targets: Vec<Target> = needs.iter().copied().filter_map(target).collect();
    libraries(workspace, &targets)
}

/// The target whose standard library a task needs.
fn target(need: Need) -> Option<Target> {
    match need {
        Need::Musl => Some(NATIVE_MUSL),
        Need::Aarch64 => Some(AARCH64_GNU),
        Need::Aarch64Musl => Some(AARCH64_MUSL),
        Need::Demo
        | Need::Tests
        | Need::Bench
        | Need::Fuzz
        | Need::Mutants
        | Need::Images
        | Need::Machines
        | Need::ArmMachines
        | Need::Fresh => None,
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

fn debian_packages(needs: &[Need]) -> Result<()> {
    let here = Here { debian: apt::is_there(), root: rustix::process::geteuid().is_root() };
    match course(here, &lacking(here, needs)?) {
        Course::Nothing => Ok(()),
        Course::Tell(words) => bail!(words),
        Course::Install(packages) => {
            for DebianPackage { name, why, .. } in &packages {
                println!("  missing: {name} ({why})");
            }
            apt::install(&packages.iter().map(|package| package.name).collect::<Vec<_>>())
        }
    }
}

/// The packages that are not there, and whose programs are not there from elsewhere either.
fn lacking(here: Here, needs: &[Need]) -> Result<Vec<&'static DebianPackage>> {
    let wanted = DEBIAN_PACKAGES.iter().filter(|package| package.needs.iter().any(|need| needs.contains(need)));
    let mut lacking: Vec<_> =
        wanted.filter(|package| !is_satisfied(here, package.programs, orlop_testbed::installed)).collect();
    if here.debian && !lacking.is_empty() {
        let installed = apt::installed(lacking.iter().map(|package| package.name))?;
        lacking.retain(|package| !installed.iter().any(|name| name == package.name));
    }
    Ok(lacking)
}

/// What set-up goes by.
#[derive(Debug, Clone, Copy)]
struct Here {
    /// Whether the package manager is Debian's.
    debian: bool,
    /// Whether packages may be installed.
    root: bool,
}

/// Whether a package's programs are there. One without any can only be looked for where Debian's package manager is.
fn is_satisfied(here: Here, programs: &[&str], is_there: impl Fn(&str) -> bool) -> bool {
    if programs.is_empty() { !here.debian } else { programs.iter().all(|program| is_there(program)) }
}

/// What is done about packages that are lacking.
#[derive(Debug)]
enum Course<'p> {
    Nothing,
    Install(Vec<&'p DebianPackage>),
    /// The user has to do it: these words say what.
    Tell(String),
}

fn course<'p>(here: Here, lacking: &[&'p DebianPackage]) -> Course<'p> {
    let names = lacking.iter().map(|package| package.name).collect::<Vec<_>>().join(" ");
    match here {
        _ if lacking.is_empty() => Course::Nothing,
        Here { debian: true, root: true } => Course::Install(lacking.to_vec()),
        Here { debian: true, root: false } => Course::Tell(format!(
            "installing packages needs root; help: run this as root, or first, as root: apt-get install --no-install-recommends {names}"
        )),
        Here { debian: false, .. } => {
            let programs =
                lacking.iter().map(|package| format!("{} (Debian's {})", package.programs.join(" "), package.name));
            Course::Tell(format!(
                "set-up can install packages on Debian only, and some programs are missing; help: install what has them here: {}",
                programs.collect::<Vec<_>>().join(", ")
            ))
        }
    }
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

    const TOOL: DebianPackage =
        DebianPackage { name: "tool-base", programs: &["tool", "toolctl"], why: "", needs: &[Need::Demo] };

    #[test]
    fn packages_are_installed_by_root_on_debian_and_named_to_everybody_else() {
        for (what, debian, root, want) in [
            ("no root", true, false, "as root: apt-get install --no-install-recommends tool-base"),
            ("another system, root", false, true, "install what has them here: tool toolctl (Debian's tool-base)"),
            ("another system, no root", false, false, "install what has them here: tool toolctl (Debian's tool-base)"),
        ] {
            let here = Here { debian, root };
            assert!(matches!(course(here, &[&TOOL]), Course::Tell(words) if words.ends_with(want)), "{what}");
            assert!(matches!(course(here, &[]), Course::Nothing), "{what}, and nothing lacks");
        }
        let here = Here { debian: true, root: true };
        assert!(matches!(course(here, &[&TOOL]), Course::Install(packages) if packages.len() == 1));
    }

    #[test]
    fn nobody_asks_for_a_package_whose_programs_are_all_there() {
        for (what, debian, programs, there, want) in [
            ("all of them", true, &["a", "b"][..], &["a", "b"][..], true),
            ("all of them, elsewhere", false, &["a", "b"], &["a", "b", "c"], true),
            ("one of two", true, &["a", "b"], &["a"], false),
            ("a library, of which dpkg knows", true, &[], &["a"], false),
            ("a library, which comes with the compiler elsewhere", false, &[], &[], true),
        ] {
            let is_there = |program: &str| there.contains(&program);
            assert_eq!(is_satisfied(Here { debian, root: true }, programs, is_there), want, "{what}");
        }
    }
}
