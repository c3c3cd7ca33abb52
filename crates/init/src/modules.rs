//! Which modules of the kernel are loaded, and in which order. [`order`] is pure; [`load`] does it.
//!
//! A machine has the modules that its specification asks for and no others (`orlop-image kernel --module`), so all of them
//! are loaded at boot: those that `modules.order` below `/lib/modules/RELEASE` lists, in its order, each after what
//! `modules.dep` says that it needs; without `modules.order`, all of `modules.dep`. Both are as kernels and depmod write them.
//!
//! The files are not compressed: the initramfs is, once. Nothing is loaded later, so nothing that appears later can cause it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::io::Errno;
use thiserror::Error;

/// More modules than any machine loads.
const MAX_MODULES: usize = 1000;
/// More than depmod writes for all modules of a distribution.
const MAX_LIST: usize = 8 << 20;

/// Why modules cannot be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// The list cannot be read.
    #[error("cannot read {path}: {cause}")]
    List {
        /// Which.
        path: String,
        /// Why.
        cause: io::Error,
    },
    /// The kernel, or the file system, says no.
    #[error("cannot load module {name}: {cause}")]
    Load {
        /// Its file.
        name: String,
        /// Why.
        cause: io::Error,
    },
    /// What cannot be sorted out.
    #[error("{0}")]
    Order(String),
}

/// The files in the order of loading, from `modules.order` (perhaps empty) and `modules.dep`.
///
/// # Errors
/// As a line, when modules need each other in a circle, a name leads elsewhere, or there are too many.
pub fn order(listed: &str, dependencies: &str) -> Result<Vec<String>, String> {
    let needs: BTreeMap<&str, Vec<&str>> = lines(dependencies)
        .filter_map(|line| line.split_once(':'))
        .map(|(file, needs)| (file, needs.split_whitespace().collect()))
        .collect();
    let mut wanted: Vec<&str> = lines(listed).collect();
    if wanted.is_empty() {
        wanted = needs.keys().copied().collect();
    }
    let mut files = Vec::new();
    for file in wanted {
        visit(file, &needs, &mut Vec::new(), &mut files)?;
    }
    if let Some(file) = files.iter().find(|file| file.starts_with('/') || file.split('/').any(|part| part == "..")) {
        return Err(format!("module {file} is not below its folder"));
    }
    if files.len() > MAX_MODULES {
        return Err(format!("{} modules are more than {MAX_MODULES}", files.len()));
    }
    Ok(files)
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn visit<'a>(
    file: &'a str,
    needs: &BTreeMap<&str, Vec<&'a str>>,
    path: &mut Vec<&'a str>,
    files: &mut Vec<String>,
) -> Result<(), String> {
    if files.iter().any(|known| known == file) {
        return Ok(());
    }
    if path.contains(&file) {
        return Err(format!("module {file} needs itself"));
    }
    path.push(file);
    for need in needs.get(file).into_iter().flatten() {
        visit(need, needs, path, files)?;
    }
    path.pop();
    files.push(file.to_owned());
    Ok(())
}

/// Loads the modules of this kernel; gives how many, and what went wrong.
pub fn load(modules: &Path, release: &str) -> (usize, Vec<ModuleError>) {
    let folder = modules.join(release);
    let list = |name: &str| match crate::files::read(&folder.join(name), MAX_LIST) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(cause) => Err(ModuleError::List { path: folder.join(name).display().to_string(), cause }),
        Ok(text) => Ok(text),
    };
    let lists = list("modules.order").and_then(|listed| Ok((listed, list("modules.dep")?)));
    let files = lists.and_then(|(listed, needs)| {
        order(&listed, &needs).map_err(|why| ModuleError::Order(format!("{}: {why}", folder.display())))
    });
    let files = match files {
        Ok(files) => files,
        Err(error) => return (0, vec![error]),
    };
    let mut wrong = Vec::new();
    let mut loaded = 0;
    for name in files {
        match insert(&folder.join(&name)) {
            Ok(()) => loaded += 1,
            Err(cause) => wrong.push(ModuleError::Load { name, cause }),
        }
    }
    (loaded, wrong)
}

fn insert(path: &Path) -> io::Result<()> {
    let file: File = fs::File::open(path)?;
    match rustix::system::finit_module(&file, c"", 0) {
        // It is there already, or the kernel has it built in.
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS: &str = "a/virtio_net.ko: b/net_failover.ko b/failover.ko\nb/net_failover.ko: b/failover.ko\n\
        b/failover.ko:\noverlay.ko:\n";

    #[test]
    fn a_module_comes_after_what_it_needs() {
        let all = ["b/failover.ko", "b/net_failover.ko", "a/virtio_net.ko", "overlay.ko"];
        for (what, listed, want) in [
            ("no list", "", &all[..]),
            ("a list", "overlay.ko\na/virtio_net.ko\n", &[all[3], all[0], all[1], all[2]]),
            ("a part of them", "# only this\nb/net_failover.ko\n", &all[..2]),
            ("one that nothing is known of", "new.ko\n", &["new.ko"]),
        ] {
            assert_eq!(order(listed, NEEDS).unwrap(), want, "{what}");
        }
    }

    #[test]
    fn a_list_that_cannot_be_followed_is_refused() {
        for (what, listed, needs) in [
            ("a circle", String::new(), "a.ko: b.ko\nb.ko: a.ko\n"),
            ("a whole path", "/a.ko\n".to_owned(), ""),
            ("a way out", "../a.ko\n".to_owned(), ""),
            ("too many", (0..=MAX_MODULES).map(|n| format!("{n}.ko\n")).collect(), ""),
        ] {
            assert!(order(&listed, needs).is_err(), "{what}");
        }
    }

    #[test]
    fn a_machine_without_modules_is_no_error() {
        let (loaded, wrong) = load(Path::new("/no/such/folder"), "6.12");
        assert_eq!((loaded, wrong.len()), (0, 0));
    }
}
