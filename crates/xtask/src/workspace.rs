//! What `cargo metadata` says about this workspace, reduced to what the tasks ask.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::command;

/// Where the repository is, and what it can be told to do.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    /// The folder that holds the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// What may stand behind `cargo xtask`. Only the command line knows: it fills this in before it runs a task.
    pub(crate) tasks: Vec<String>,
}

impl Workspace {
    /// The repository this program was built from, else (when it has moved since) the one around the current folder.
    ///
    /// # Errors
    /// When neither holds an Orlop checkout.
    pub(crate) fn find() -> Result<Self> {
        let built_from = Path::new(env!("CARGO_MANIFEST_DIR"));
        let here = std::env::current_dir().context("no current folder")?;
        built_from
            .ancestors()
            .chain(here.ancestors())
            .find(|folder| folder.join("crates/xtask/Cargo.toml").is_file() && folder.join("Cargo.toml").is_file())
            .map(|root| Self { root: root.to_owned(), tasks: Vec::new() })
            .context("not inside an Orlop checkout; help: cd to the repository first")
    }

    /// A cargo invocation in the root folder.
    pub(crate) fn cargo(&self, task: &str) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).arg(task);
        // `cargo run` sets these for us; a cargo we start must not take them for its own.
        for inherited in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"] {
            command.env_remove(inherited);
        }
        command
    }

    /// A nightly cargo in the root folder. Only rustup's own `cargo` understands `+nightly`, and it is found by `PATH`.
    pub(crate) fn nightly_cargo(&self) -> Command {
        let mut command = Command::new("cargo");
        command.current_dir(&self.root).arg("+nightly").env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
        command
    }

    /// Packages and the resolved graph for `target`.
    ///
    /// # Errors
    /// When cargo fails or its answer is not understood.
    pub(crate) fn metadata(&self, target: &str) -> Result<Metadata> {
        let mut cargo = self.cargo("metadata");
        let json = command::captured(cargo.args(["--format-version=1", "--locked", "--filter-platform", target]))?;
        serde_json::from_str(&json).context("cannot read the answer of cargo metadata")
    }
}

/// The answer of `cargo metadata`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Metadata {
    /// Every package of the graph, ours and others'.
    pub(crate) packages: Vec<Package>,
    /// Ids of our own packages.
    pub(crate) workspace_members: Vec<String>,
    /// Who really depends on whom on the chosen target.
    pub(crate) resolve: Resolve,
    /// Where cargo puts what it builds.
    pub(crate) target_directory: PathBuf,
}

impl Metadata {
    /// Our own packages.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }
}

/// One package.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Package {
    /// Cargo's unique id.
    pub(crate) id: String,
    /// The package name.
    pub(crate) name: String,
    /// Its `Cargo.toml`.
    pub(crate) manifest_path: PathBuf,
    /// What it asks for, before resolution.
    pub(crate) dependencies: Vec<Dependency>,
    /// Its libraries, binaries, tests, …
    pub(crate) targets: Vec<Target>,
}

impl Package {
    /// The package's folder, relative to `root` (`crates/dhcp/core`).
    pub(crate) fn folder(&self, root: &Path) -> String {
        let folder = self.manifest_path.parent().unwrap_or(&self.manifest_path);
        folder.strip_prefix(root).unwrap_or(folder).display().to_string()
    }

    /// The binaries it builds.
    pub(crate) fn binaries(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|target| target.kind.iter().any(|kind| kind == "bin"))
    }
}

/// One line of a `[dependencies]` table.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Dependency {
    /// The package it names.
    pub(crate) name: String,
    /// `None` for a normal one, else `dev` or `build`.
    pub(crate) kind: Option<String>,
    /// The features it switches on.
    #[serde(default)]
    pub(crate) features: Vec<String>,
}

/// Something cargo compiles as a crate.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Target {
    /// `lib`, `bin`, `test`, `proc-macro`, …
    pub(crate) kind: Vec<String>,
    /// Its name; for a binary, that of the file.
    pub(crate) name: String,
    /// The crate root.
    pub(crate) src_path: PathBuf,
}

/// The resolved graph.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Resolve {
    /// One node per package.
    pub(crate) nodes: Vec<Node>,
}

/// A package and what it resolved to.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Node {
    /// The package.
    pub(crate) id: String,
    /// What it depends on.
    pub(crate) deps: Vec<Edge>,
}

/// One dependency in the resolved graph.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Edge {
    /// The package depended on.
    pub(crate) pkg: String,
    /// For what: normal, dev, build.
    pub(crate) dep_kinds: Vec<EdgeKind>,
}

impl Edge {
    /// Whether what is depended on ends up in the binary (dev and build dependencies do not).
    pub(crate) fn is_linked(&self) -> bool {
        self.dep_kinds.iter().any(|kind| kind.kind.is_none())
    }
}

/// The reason of an edge.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct EdgeKind {
    /// `None` for a normal dependency, else `dev` or `build`.
    pub(crate) kind: Option<String>,
}
