//! `build`: static release binaries, and how big they are.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::check::role::Role;
use crate::command;
use crate::compiler::{Compiler, linker};
use crate::workspace::Workspace;

/// The target of developers' machines and of continuous integration.
#[cfg(target_arch = "aarch64")]
pub(crate) const HOST: &str = "aarch64-unknown-linux-gnu";
/// The target of developers' machines and of continuous integration.
#[cfg(not(target_arch = "aarch64"))]
pub(crate) const HOST: &str = "x86_64-unknown-linux-gnu";

/// No binary may be larger than this on a gnu target, static (issue A1: ≤ 2.8 MB each).
const MAX_BINARY: u64 = 2_800_000;
/// A limit of its own. The container runtime is most of a library that knows all of the OCI runtime specification, once in a machine.
const LARGER: (&str, u64) = ("orlop-container", 5_000_000);

/// No tables for unwinding, and no index of those that the standard library brings: a panic is logged in one line and
/// aborts, and they would be a tenth of every binary. With musl the library's own are left out as well; with the GNU C
/// library, which has code that looks for them, they stay.
const NO_UNWINDING: &[&str] = &["-C", "force-unwind-tables=no", "-C", "link-arg=-Wl,--no-eh-frame-hdr"];

/// What a target needs on rustc's command line, besides [`NO_UNWINDING`], to give a static, position-independent executable.
struct Recipe {
    target: &'static str,
    flags: &'static [&'static str],
    /// gcc for it on another machine, where rustc has to be told how to link a static program that is position-independent.
    gcc: Option<&'static str>,
}

const RECIPES: &[Recipe] = &[
    Recipe { target: "x86_64-unknown-linux-gnu", flags: &["-C", "target-feature=+crt-static"], gcc: None },
    // Static by default.
    Recipe { target: "x86_64-unknown-linux-musl", flags: &[], gcc: None },
    // By themselves these targets link a static executable at a fixed address: see `compiler::linker`.
    Recipe {
        target: "aarch64-unknown-linux-gnu",
        flags: &["-C", "target-feature=+crt-static", "-C", "relocation-model=pie"],
        gcc: Some("aarch64-linux-gnu-gcc"),
    },
    Recipe {
        target: "aarch64-unknown-linux-musl",
        flags: &["-C", "relocation-model=pie"],
        gcc: Some("aarch64-linux-gnu-gcc"),
    },
];

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// The Rust target: `host`, or one of x86_64- and aarch64-unknown-linux-musl and -gnu
    #[arg(long, value_name = "TRIPLE", default_value = "host", value_parser = triple)]
    pub(crate) target: String,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Task {
    #[command(flatten)]
    options: Options,
    /// Also the program that tests put into machines of another architecture
    #[arg(long)]
    guest: bool,
}

/// What `cargo xtask build` does.
///
/// # Errors
/// As [`run`].
pub(crate) fn task(workspace: &Workspace, task: &Task) -> Result<()> {
    run(workspace, &task.options)?;
    if task.guest { guest(workspace, &task.options.target) } else { Ok(()) }
}

fn triple(typed: &str) -> Result<String> {
    let typed = if typed == "host" { HOST } else { typed };
    recipe(typed).map(|recipe| recipe.target.to_owned())
}

impl Options {
    /// For this target.
    pub(crate) fn of(target: &str) -> Self {
        Self { target: target.to_owned() }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { target: HOST.to_owned() }
    }
}

/// One release binary.
#[derive(Debug, Clone)]
pub(crate) struct Binary {
    /// The daemon it belongs to (`dhcp`) and its part in it.
    pub(crate) role: Role,
    /// The package that cargo makes it of: that of the workers has one for each of them.
    pub(crate) package: String,
    /// Where it is.
    pub(crate) path: PathBuf,
}

impl Binary {
    /// The file name.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().display().to_string()
    }

    /// Bytes.
    ///
    /// # Errors
    /// When it has not been built.
    pub(crate) fn size(&self) -> Result<u64> {
        let metadata = fs::metadata(&self.path);
        Ok(metadata.with_context(|| format!("no {}; help: cargo xtask build", self.path.display()))?.len())
    }
}

/// Builds every daemon's binaries for the target, prints their sizes and returns them.
///
/// # Errors
/// When the target is unknown, cargo fails, or a binary is larger than the limit.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Vec<Binary>> {
    let target = &options.target;
    compile(workspace, target, || workspace.cargo("build"))?;
    let binaries = binaries(workspace, target)?;
    let sizes = binaries.iter().map(|binary| Ok((binary.name(), binary.size()?))).collect::<Result<Vec<_>>>()?;
    println!("\nsizes ({target}):\n{}", size_table(&sizes));
    within_limit(&sizes)?;
    Ok(binaries)
}

/// Builds every binary with `cargo`, which may stand in another folder that holds the same sources.
///
/// Daemons in one run, and the machine's own programs in another: what those switch on in libraries that they share would
/// otherwise change the daemons.
///
/// # Errors
/// When the target is unknown or cargo fails.
pub(crate) fn compile(workspace: &Workspace, target: &str, cargo: impl Fn() -> Command) -> Result<()> {
    let is_machines = |(_, binaries): &&(String, Vec<(Role, String)>)| {
        binaries.iter().any(|(role, _)| matches!(role, Role::Machine(_)))
    };
    let released = released_packages(workspace)?;
    let (machines, daemons): (Vec<_>, Vec<_>) = released.iter().partition(is_machines);
    for packages in [daemons, machines].into_iter().filter(|packages| !packages.is_empty()) {
        compile_packages(workspace, target, &mut cargo(), packages.iter().map(|(name, _)| name.as_str()))?;
    }
    Ok(())
}

/// Builds these packages as the daemons are built.
///
/// # Errors
/// As [`compile`].
pub(crate) fn compile_packages<'n>(
    workspace: &Workspace,
    target: &str,
    cargo: &mut Command,
    packages: impl Iterator<Item = &'n str>,
) -> Result<()> {
    prepare(workspace, target, cargo)?;
    for name in packages {
        cargo.args(["--package", name]);
    }
    command::run(cargo).with_context(|| format!("cannot build for {target}"))
}

/// Tells `cargo` how release binaries are built.
///
/// # Errors
/// When the target is unknown, or there is no compiler for it.
pub(crate) fn prepare(workspace: &Workspace, target: &str, cargo: &mut Command) -> Result<()> {
    let recipe = recipe(target)?;
    let compiler = Compiler::of(target)?;
    // All sources are there before the compiler is told where they are.
    command::run(workspace.cargo("fetch").args(["--locked", "--target", target]))?;
    cargo.args(["--release", "--locked", "--target", target]);
    let native = target.split('-').next() == HOST.split('-').next();
    let folder = workspace.metadata(HOST)?.target_directory.join("linkers");
    // On such a machine itself the native gcc is the right one.
    let linker = recipe.gcc.map(|gcc| linker::static_pie(if native { "gcc" } else { gcc }, &folder)).transpose()?;
    let mut flags = [NO_UNWINDING, recipe.flags].concat();
    let discard = if target.ends_with("musl") { Some(linker::without_unwinding(&folder)?) } else { None };
    let discard = discard.map(|script| format!("link-arg=-Wl,-T,{}", script.display()));
    flags.extend(discard.iter().flat_map(|flag| ["-C", flag]));
    compiler.apply(cargo, workspace, target, &flags, linker.as_deref())
}

/// Builds the program that looks at machines of another architecture from within: `cargo xtask test` boots one.
///
/// # Errors
/// As [`compile`].
pub(crate) fn guest(workspace: &Workspace, target: &str) -> Result<()> {
    let mut cargo = workspace.cargo("build");
    cargo.args(["--no-default-features", "--bin", "orlop-test-vm-guest"]);
    compile_packages(workspace, target, &mut cargo, ["orlop-test-vm"].into_iter())
}

/// The folder that holds the release binaries of `target`.
///
/// # Errors
/// When cargo cannot say where it builds.
pub(crate) fn release_folder(workspace: &Workspace, target: &str) -> Result<PathBuf> {
    Ok(workspace.metadata(target)?.target_directory.join(target).join("release"))
}

/// Every release binary of `target`, built or not.
///
/// # Errors
/// When cargo cannot describe the workspace.
pub(crate) fn binaries(workspace: &Workspace, target: &str) -> Result<Vec<Binary>> {
    let folder = release_folder(workspace, target)?;
    let packages = released_packages(workspace)?;
    let of = |(package, binaries): (String, Vec<(Role, String)>)| {
        let folder = folder.clone();
        let binary = move |(role, name)| Binary { role, package: package.clone(), path: folder.join(name) };
        binaries.into_iter().map(binary)
    };
    Ok(packages.into_iter().flat_map(of).collect())
}

/// Package name → its binaries, for each broker and worker, and for what starts them in a machine.
type Released = Vec<(String, Vec<(Role, String)>)>;

fn released_packages(workspace: &Workspace) -> Result<Released> {
    let metadata = workspace.metadata(HOST)?;
    let released = metadata.members().filter_map(|package| {
        let role = Role::of_folder(&package.folder(&workspace.root))?;
        let binaries = package.binaries().map(|binary| (role.clone(), binary.name.clone())).collect();
        matches!(role, Role::Broker(_) | Role::Worker(_) | Role::Machine(_)).then(|| (package.name.clone(), binaries))
    });
    Ok(released.collect())
}

fn recipe(target: &str) -> Result<&'static Recipe> {
    RECIPES.iter().find(|recipe| recipe.target == target).with_context(|| {
        let known = RECIPES.iter().map(|recipe| recipe.target).collect::<Vec<_>>().join(", ");
        format!("no recipe for a static binary on {target}; help: one of {known}")
    })
}

fn size_table(sizes: &[(String, u64)]) -> String {
    let width = sizes.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let row = |(name, size): &(String, u64)| {
        format!("  {name:width$}  {size:>9} bytes  {:>4}.{:02} MB", size / 1_000_000, size % 1_000_000 / 10_000)
    };
    sizes.iter().map(row).collect::<Vec<_>>().join("\n")
}

fn within_limit(sizes: &[(String, u64)]) -> Result<()> {
    let limit = |name: &str| if name == LARGER.0 { LARGER.1 } else { MAX_BINARY };
    let large = sizes.iter().filter(|(name, size)| *size > limit(name));
    let large: Vec<_> = large.map(|(name, _)| format!("{name} ({})", limit(name))).collect();
    anyhow::ensure!(large.is_empty(), "larger than their limits in bytes: {}", large.join(", "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gnu_target_is_linked_statically() {
        for recipe in RECIPES.iter().filter(|recipe| recipe.target.ends_with("gnu")) {
            assert!(recipe.flags.contains(&"target-feature=+crt-static"), "{}", recipe.target);
        }
    }

    #[test]
    fn the_host_has_a_recipe_and_an_unknown_target_is_refused_by_name() {
        assert!(recipe(HOST).is_ok());
        assert!(recipe("wasm32-wasip1").is_err_and(|error| error.to_string().contains("x86_64-unknown-linux-musl")));
    }

    #[test]
    fn a_binary_over_the_limit_is_named() {
        let sizes = [("small".to_owned(), MAX_BINARY), ("big".to_owned(), MAX_BINARY + 1)];
        let error = within_limit(&sizes).unwrap_err().to_string();
        assert!(error.ends_with(": big (2800000)"), "{error}");
        let (own, limit) = LARGER;
        assert!(within_limit(&[(own.to_owned(), limit)]).is_ok(), "{own} has its own");
        assert!(within_limit(&[(own.to_owned(), limit + 1)]).is_err(), "{own}: and no more");
    }

    #[test]
    fn sizes_are_shown_in_bytes_and_megabytes() {
        assert_eq!(size_table(&[("a".to_owned(), 2_054_321)]), "  a    2054321 bytes     2.05 MB");
    }
}
