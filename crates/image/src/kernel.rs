//! An image of a kernel, as LinuxKit wants one, from an unpacked Debian kernel package: `/kernel`, and `/kernel.tar` with
//! only the modules that were asked for and what they need.
//!
//! Modules are unpacked (`.ko.xz` to `.ko`), so that whoever loads them needs no decompressor, and listed in the order in
//! which they can be loaded one after the other: `lib/modules/RELEASE/modules.order`. What needs what is read from the modules
//! themselves, because Debian's package leaves that to depmod. `modules.dep` and `modules.alias` are there for a busybox
//! modprobe; kmod's has files of its own (`.bin`), which are not made.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::layer;
use crate::platform::Platform;
use crate::tree::{Node, Tree};

mod module;

#[doc(hidden)]
pub use module::sample;
pub use module::{BadModule, Module, plain_name};

/// What is wrong with a package, or with what is asked of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadKernel {
    /// It cannot be read.
    #[error("cannot read {path}: {cause}")]
    Read {
        /// Which file or folder.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// There is no kernel in it.
    #[error("{0} has no boot/vmlinuz-RELEASE")]
    NoKernel(PathBuf),
    /// There are several, or none of that release.
    #[error("there are kernels of the releases {0}, and one of them must be chosen")]
    Release(String),
    /// There are no modules of that release.
    #[error("neither lib/modules/{0} nor usr/lib/modules/{0} is there")]
    NoModules(String),
    /// No module has this name.
    #[error("there is no module {name}{}", listed(.similar))]
    Unknown {
        /// What was asked for, or what a module needs.
        name: String,
        /// Modules whose names contain it, or are part of it.
        similar: Vec<String>,
    },
    /// A module that is none.
    #[error("{path}: {why}")]
    Module {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: BadModule,
    },
    /// A kernel or module for another processor.
    #[error("{path} is not for {wanted}")]
    Platform {
        /// Which.
        path: PathBuf,
        /// What it should be for.
        wanted: Platform,
    },
    /// The image cannot be packed.
    #[error("cannot pack it: {0}")]
    Pack(#[from] io::Error),
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; there are {}", names.join(", ")) }
}

/// How many similar names are worth reading.
const SIMILAR: usize = 8;

/// The file that lists what needs no module.
const BUILTIN: &str = "modules.builtin";

/// An unpacked kernel package.
#[derive(Debug)]
pub struct Package {
    /// The kernel's release, as `uname -r` tells it.
    pub release: String,
    kernel: PathBuf,
    folder: PathBuf,
    /// Files of modules below `folder`, by the modules' names.
    modules: BTreeMap<String, String>,
    builtin: BTreeSet<String>,
    /// What the package says of that.
    builtin_text: String,
}

/// Modules in the order in which they can be loaded, and names that need no module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picked {
    /// What each needs comes before it.
    pub modules: Vec<Module>,
    /// Asked for, and part of the kernel itself.
    pub builtin: Vec<String>,
}

impl Package {
    /// Looks at a package: a folder with `boot/vmlinuz-RELEASE` and `lib/modules/RELEASE`, which an installed system is, too.
    ///
    /// # Errors
    /// It is none, or has several kernels and no `release` says which.
    pub fn open(root: &Path, release: Option<&str>) -> Result<Self, BadKernel> {
        let boot = root.join("boot");
        let mut releases: Vec<String> = names(&boot)
            .map_err(|_| BadKernel::NoKernel(root.to_owned()))?
            .into_iter()
            .filter_map(|name| name.strip_prefix("vmlinuz-").map(str::to_owned))
            .collect();
        releases.sort_unstable();
        let release = match (release, &releases[..]) {
            (_, []) => return Err(BadKernel::NoKernel(root.to_owned())),
            (Some(wanted), _) if releases.iter().any(|one| one == wanted) => wanted.to_owned(),
            (None, [only]) => only.clone(),
            (Some(_), _) | (None, _) => return Err(BadKernel::Release(releases.join(", "))),
        };
        let folder = ["lib/modules", "usr/lib/modules"]
            .into_iter()
            .map(|modules| root.join(modules).join(&release))
            .find(|folder| folder.is_dir())
            .ok_or_else(|| BadKernel::NoModules(release.clone()))?;
        let mut modules = BTreeMap::new();
        walk(&folder, "kernel", &mut modules)?;
        let builtin_text = match fs::read_to_string(folder.join(BUILTIN)) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => String::new(),
            Err(cause) => return Err(BadKernel::Read { path: folder.join(BUILTIN), cause }),
        };
        let builtin = builtin_text.lines().filter_map(module_name).collect();
        Ok(Self { kernel: boot.join(format!("vmlinuz-{release}")), release, folder, modules, builtin, builtin_text })
    }

    /// The modules that are asked for, each after what it needs.
    ///
    /// # Errors
    /// There is no such module, or one is broken.
    pub fn pick(&self, wanted: &[String], platform: Platform) -> Result<Picked, BadKernel> {
        let mut picked = Picked { modules: Vec::new(), builtin: Vec::new() };
        let mut seen = BTreeSet::new();
        for name in wanted {
            let name = plain_name(name);
            if self.builtin.contains(&name) {
                picked.builtin.push(name);
            } else {
                self.add(&name, platform, &mut seen, &mut picked.modules)?;
            }
        }
        Ok(picked)
    }

    fn add(
        &self,
        name: &str,
        platform: Platform,
        seen: &mut BTreeSet<String>,
        into: &mut Vec<Module>,
    ) -> Result<(), BadKernel> {
        if self.builtin.contains(name) || !seen.insert(name.to_owned()) {
            return Ok(());
        }
        let file = self.modules.get(name).ok_or_else(|| {
            let alike = |other: &&String| other.contains(name) || name.contains(other.as_str());
            let similar = self.modules.keys().filter(alike).take(SIMILAR).cloned().collect();
            BadKernel::Unknown { name: name.to_owned(), similar }
        })?;
        let path = self.folder.join(file);
        let packed = read(&path)?;
        let module = Module::read(name, file, &packed).map_err(|why| BadKernel::Module { path: path.clone(), why })?;
        if module.machine != platform.elf_machine() {
            return Err(BadKernel::Platform { path, wanted: platform });
        }
        // What is only wished for first may be missing; modprobe goes on without it, too.
        for before in module.before.iter().filter(|before| self.modules.contains_key(*before)) {
            self.add(before, platform, seen, into)?;
        }
        for needed in &module.depends {
            self.add(needed, platform, seen, into)?;
        }
        into.push(module);
        Ok(())
    }

    /// The files of the image.
    ///
    /// # Errors
    /// The kernel cannot be read or is for another processor.
    pub fn image(&self, picked: &Picked, platform: Platform, epoch: u64) -> Result<Tree, BadKernel> {
        let kernel = read(&self.kernel)?;
        if !module::is_kernel_for(&kernel, platform) {
            return Err(BadKernel::Platform { path: self.kernel.clone(), wanted: platform });
        }
        let mut tree = Tree::default();
        tree.put("/kernel", Node::File { mode: 0o644, content: kernel });
        let content = self.archive(picked, epoch)?;
        tree.put("/kernel.tar", Node::File { mode: 0o644, content });
        Ok(tree)
    }

    /// `kernel.tar`: what is at the machine's root besides the kernel itself.
    fn archive(&self, picked: &Picked, epoch: u64) -> Result<Vec<u8>, BadKernel> {
        let folder = format!("/lib/modules/{}", self.release);
        let mut tree = Tree::default();
        tree.put(&folder, Node::Directory { mode: 0o755 });
        let mut put = |name: &str, content: Vec<u8>| {
            tree.put(&format!("{folder}/{name}"), Node::File { mode: 0o644, content });
        };
        let (mut order, mut dep, mut alias) = (String::new(), String::new(), String::new());
        let paths: BTreeMap<&str, &str> =
            picked.modules.iter().map(|module| (module.name.as_str(), module.path.as_str())).collect();
        for module in &picked.modules {
            let _ = writeln!(order, "{}", module.path);
            let needs = module.depends.iter().filter_map(|name| paths.get(name.as_str()));
            let needs: String = needs.map(|path| format!(" {path}")).collect();
            let _ = writeln!(dep, "{}:{needs}", module.path);
            for name in &module.aliases {
                let _ = writeln!(alias, "alias {name} {}", module.name);
            }
            put(&module.path, module.content.clone());
        }
        put("modules.order", order.into_bytes());
        put("modules.dep", dep.into_bytes());
        put("modules.alias", alias.into_bytes());
        put(BUILTIN, self.builtin_text.clone().into_bytes());
        let mut builder = tar::Builder::new(Vec::new());
        for (path, node) in tree.iter() {
            layer::append(&mut builder, path.trim_start_matches('/'), node, epoch)?;
        }
        Ok(builder.into_inner()?)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, BadKernel> {
    fs::read(path).map_err(|cause| BadKernel::Read { path: path.to_owned(), cause })
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable();
    Ok(names)
}

/// Collects the files of modules below `folder/inside`. Links are not followed: `build` and `source` lead elsewhere.
fn walk(folder: &Path, inside: &str, into: &mut BTreeMap<String, String>) -> Result<(), BadKernel> {
    let here = folder.join(inside);
    let unread = |cause| BadKernel::Read { path: here.clone(), cause };
    for name in names(&here).map_err(unread)? {
        let path = format!("{inside}/{name}");
        let kind = fs::symlink_metadata(folder.join(&path)).map_err(unread)?;
        if kind.is_dir() {
            walk(folder, &path, into)?;
        } else if let Some(module) = module_name(&name).filter(|_| kind.is_file()) {
            into.insert(module, path);
        }
    }
    Ok(())
}

/// The name of the module in a file: `virtio_net` for `kernel/drivers/net/virtio-net.ko.xz`.
fn module_name(path: &str) -> Option<String> {
    let name = path.rsplit('/').next()?;
    let (name, packing) = name.split_once(".ko")?;
    matches!(packing, "" | ".xz" | ".gz" | ".zst").then(|| plain_name(name))
}

#[cfg(test)]
mod tests;
