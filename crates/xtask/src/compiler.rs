//! Which compiler builds for a target, and what it is told so that its binaries do not depend on this machine.
//!
//! Where rustup has the target, its compiler is taken. Where it has not, `cargo xtask setup --musl` (or `--aarch64`)
//! makes one from Debian's packages, once, in a cache: see [`debian`] and [`sysroot`].

pub(crate) mod debian;
pub(crate) mod linker;
pub(crate) mod sysroot;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::build::HOST;
use crate::command;
use crate::workspace::Workspace;

/// A Rust compiler with the standard library of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compiler {
    /// `None`: the one that cargo takes by itself.
    rustc: Option<PathBuf>,
    /// The sources of the standard library beside it, which it names in messages if they are there.
    library_sources: PathBuf,
    /// How the standard library itself names them: rustup's are remapped to the commit.
    library_name: String,
}

impl Compiler {
    /// The compiler that has the standard library of `target`.
    ///
    /// # Errors
    /// When there is none yet.
    pub(crate) fn of(target: &str) -> Result<Self> {
        if let Some(compiler) = Self::with_library("rustc".into(), target)? {
            return Ok(Self { rustc: None, ..compiler });
        }
        let cached = sysroot::current()?.filter(|cached| cached.has(target));
        let compiler = cached.map(|cached| Self::with_library(cached.rustc(), target)).transpose()?.flatten();
        compiler.with_context(|| {
            let aarch64 = if target.starts_with("aarch64") { " --aarch64" } else { "" };
            let musl = if target.ends_with("musl") { " --musl" } else { "" };
            format!("no standard library for {target}; help: cargo xtask setup{musl}{aarch64}")
        })
    }

    /// Whether the Rust that is installed can build for `target` as it is.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) fn comes_with_rust(target: &str) -> Result<bool> {
        Ok(Self::with_library("rustc".into(), target)?.is_some())
    }

    fn with_library(rustc: PathBuf, target: &str) -> Result<Option<Self>> {
        let ask = |what: &str| -> Result<String> {
            let answer = command::captured(Command::new(&rustc).args(["--print", what, "--target", target]))?;
            Ok(answer.trim().to_owned())
        };
        if !has_standard_library(Path::new(&ask("target-libdir")?)) {
            return Ok(None);
        }
        let version = command::captured(Command::new(&rustc).arg("-vV"))?;
        Ok(Some(Self {
            library_sources: Path::new(&ask("sysroot")?).join("lib/rustlib/src/rust"),
            library_name: library_name(&version)?,
            rustc: Some(rustc),
        }))
    }

    /// Makes `cargo` use this compiler, for `target` with `flags` and `linker`.
    ///
    /// # Errors
    /// When a path cannot be given to the compiler, or the workspace has no date.
    pub(crate) fn apply(
        &self,
        cargo: &mut Command,
        workspace: &Workspace,
        target: &str,
        flags: &[&str],
        linker: Option<&Path>,
    ) -> Result<()> {
        let variable = target.to_uppercase().replace('-', "_");
        let mut words: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let prefixes = self.prefixes(workspace)?;
        let renamed = remapped(&prefixes)?;
        words.extend(renamed.iter().cloned());
        if self.rustc.is_some() {
            // What was built with another library must not be linked with this one, and cargo knows only the compiler.
            words.push(format!("--cfg=orlop_library_{}", sysroot::RECIPE));
        }
        // Per target, because proc macros cannot be built with crt-static; RUSTFLAGS would override it.
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        cargo.env(format!("CARGO_TARGET_{variable}_RUSTFLAGS"), words.join(" "));
        cargo.env("SOURCE_DATE_EPOCH", source_date(workspace)?);
        // The one library with C in it is ring. It takes nothing of a C library, so that the machine's own compiler does for musl.
        let architecture = target.split('-').next().unwrap_or_default();
        let native = Some(architecture) == HOST.split('-').next();
        let gcc = if native { "gcc".to_owned() } else { format!("{architecture}-linux-gnu-gcc") };
        let name = target.replace('-', "_");
        let flags: Vec<String> =
            renamed.iter().map(|flag| flag.replace("--remap-path-prefix", "-ffile-prefix-map")).collect();
        cargo.env(format!("CC_{name}"), gcc).env(format!("CFLAGS_{name}"), flags.join(" "));
        if let Some(linker) = linker {
            cargo.env(format!("CARGO_TARGET_{variable}_LINKER"), linker);
        }
        if let Some(rustc) = &self.rustc {
            cargo.env("RUSTC", rustc);
        }
        Ok(())
    }

    /// Folders of this machine, and what binaries call them instead. A later one wins over an earlier.
    fn prefixes(&self, workspace: &Workspace) -> Result<Vec<(PathBuf, String)>> {
        let home = cargo_home()?;
        let mut prefixes = vec![(workspace.root.clone(), "/orlop".to_owned()), (home.clone(), "/cargo".to_owned())];
        prefixes.extend(registries(&home)?.into_iter().map(|folder| (folder, "/cargo/registry".to_owned())));
        prefixes.push((self.library_sources.clone(), self.library_name.clone()));
        // The sources may lie behind a link, and the compiler follows it.
        if let Ok(real) = self.library_sources.canonicalize() {
            prefixes.push((real, self.library_name.clone()));
        }
        Ok(prefixes)
    }
}

/// When this version of the sources is said to be from, in seconds since 1970: the only date in anything we build.
///
/// # Errors
/// When the file is not there or holds no number.
pub(crate) fn source_date(workspace: &Workspace) -> Result<String> {
    let path = workspace.root.join("packaging/SOURCE_DATE_EPOCH");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let date: u64 = text.trim().parse().with_context(|| format!("no number of seconds in {}", path.display()))?;
    Ok(date.to_string())
}

/// Where cargo keeps what it fetched.
///
/// # Errors
/// When neither `CARGO_HOME` nor `HOME` is set.
pub(crate) fn cargo_home() -> Result<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).context("neither CARGO_HOME nor HOME is set")
}

/// The folders of fetched sources, one per registry; their names differ between versions of cargo and between mirrors.
fn registries(cargo_home: &Path) -> Result<Vec<PathBuf>> {
    let folder = cargo_home.join("registry/src");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("no {}; help: cargo fetch --locked", folder.display()))?;
    let mut folders: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    folders.sort();
    Ok(folders)
}

/// `--remap-path-prefix` for each.
///
/// # Errors
/// When a folder has a space in its name: cargo splits flags there.
pub(crate) fn remapped(prefixes: &[(PathBuf, String)]) -> Result<Vec<String>> {
    let flag = |(from, to): &(PathBuf, String)| {
        let from = from.to_str().with_context(|| format!("{} is not UTF-8", from.display()))?;
        ensure!(!from.contains(char::is_whitespace), "a space in {from}; help: move it to a folder without one");
        Ok(format!("--remap-path-prefix={from}={to}"))
    };
    prefixes.iter().map(flag).collect()
}

fn has_standard_library(folder: &Path) -> bool {
    let is_std =
        |name: OsString| name.to_str().is_some_and(|name| name.starts_with("libstd-") && name.ends_with(".rlib"));
    fs::read_dir(folder)
        .is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(|entry| is_std(entry.file_name()))))
}

/// From the answer to `rustc -vV`. Debian builds the library where it installs its sources, rustup at a commit.
fn library_name(version: &str) -> Result<String> {
    let field = |name: &str| version.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let (Some(release), Some(commit)) = (field("release:"), field("commit-hash:")) else {
        bail!("cannot read the answer of rustc -vV: {version}");
    };
    let from_tarball = version.lines().next().is_some_and(|line| line.contains("source tarball"));
    Ok(if from_tarball { format!("/usr/src/rustc-{release}") } else { format!("/rustc/{commit}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build;

    #[test]
    fn the_host_needs_no_set_up() {
        assert_eq!(Compiler::of(build::HOST).unwrap().rustc, None);
    }

    #[test]
    fn the_library_is_called_as_it_calls_itself() {
        let rustup = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\ncommit-hash: 5980\nrelease: 1.95.0\n";
        let debian =
            "rustc 1.96.0 (ac68 2026-05-25) (built from a source tarball)\ncommit-hash: ac68\nrelease: 1.96.0\n";
        assert_eq!(library_name(rustup).unwrap(), "/rustc/5980");
        assert_eq!(library_name(debian).unwrap(), "/usr/src/rustc-1.96.0");
        assert!(library_name("rustc 1.95.0").is_err());
    }

    #[test]
    fn a_folder_with_a_space_is_refused_and_not_cut_in_two() {
        let prefix = |folder: &str| [(PathBuf::from(folder), "/orlop".to_owned())];
        assert_eq!(remapped(&prefix("/root/a")).unwrap(), ["--remap-path-prefix=/root/a=/orlop"]);
        assert!(remapped(&prefix("/root/a b")).unwrap_err().to_string().contains("help: move it"));
    }

    #[test]
    fn the_workspace_has_one_date() {
        assert!(source_date(&Workspace::find().unwrap()).is_ok());
    }
}
