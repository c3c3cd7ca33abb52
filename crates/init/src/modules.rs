//! Which modules of the kernel are loaded, and in which order. [`order`] is pure; [`load`] does it.
//!
//! A machine has the modules that its specification asks for and no others, so all of them are loaded at boot. Below
//! `/lib/modules/RELEASE` the order is told by the first of these files that is there:
//!
//! - `orlop-order`: a module's file per line, relative to the folder, in the order of loading; `#` begins a comment;
//! - `modules.dep`, as depmod writes it: `file: what it needs, nearest first`. A file comes after what it needs.
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

/// One of the files that tell the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `orlop-order`
    Order,
    /// `modules.dep`
    Dependencies,
}

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

/// The files in the order of loading.
///
/// # Errors
/// As a line, when modules need each other in a circle, a name leads elsewhere, or there are too many.
pub fn order(form: Form, text: &str) -> Result<Vec<String>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let files = match form {
        Form::Order => lines.map(str::to_owned).collect(),
        Form::Dependencies => {
            let needs: BTreeMap<&str, Vec<&str>> = lines
                .filter_map(|line| line.split_once(':'))
                .map(|(file, needs)| (file, needs.split_whitespace().collect()))
                .collect();
            let mut files = Vec::new();
            for file in needs.keys() {
                visit(file, &needs, &mut Vec::new(), &mut files)?;
            }
            files
        }
    };
    if let Some(file) = files.iter().find(|file| file.starts_with('/') || file.split('/').any(|part| part == "..")) {
        return Err(format!("module {file} is not below its folder"));
    }
    if files.len() > MAX_MODULES {
        return Err(format!("{} modules are more than {MAX_MODULES}", files.len()));
    }
    Ok(files)
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
    let listed = [("orlop-order", Form::Order), ("modules.dep", Form::Dependencies)];
    let Some((list, form)) =
        listed.map(|(name, form)| (folder.join(name), form)).into_iter().find(|(path, _)| path.exists())
    else {
        return (0, Vec::new());
    };
    let text = match crate::files::read(&list, MAX_LIST) {
        Ok(text) => text,
        Err(cause) => return (0, vec![ModuleError::List { path: list.display().to_string(), cause }]),
    };
    let files = match order(form, &text) {
        Ok(files) => files,
        Err(why) => return (0, vec![ModuleError::Order(format!("{}: {why}", list.display()))]),
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

    #[test]
    fn the_order_is_taken_as_it_is_written() {
        let text = "# for virtio\nkernel/net/core/failover.ko\n\n kernel/drivers/net/virtio_net.ko\n";
        let want = ["kernel/net/core/failover.ko", "kernel/drivers/net/virtio_net.ko"];
        assert_eq!(order(Form::Order, text).unwrap(), want);
    }

    #[test]
    fn a_module_comes_after_what_it_needs() {
        let text = "a/virtio_net.ko: b/net_failover.ko b/failover.ko\nb/net_failover.ko: b/failover.ko\nb/failover.ko:\n\
            overlay.ko:\n";
        let want = ["b/failover.ko", "b/net_failover.ko", "a/virtio_net.ko", "overlay.ko"];
        assert_eq!(order(Form::Dependencies, text).unwrap(), want);
    }

    #[test]
    fn a_list_that_cannot_be_followed_is_refused() {
        for (what, form, text) in [
            ("a circle", Form::Dependencies, "a.ko: b.ko\nb.ko: a.ko\n".to_owned()),
            ("a whole path", Form::Order, "/a.ko\n".to_owned()),
            ("a way out", Form::Order, "../a.ko\n".to_owned()),
            ("too many", Form::Order, (0..=MAX_MODULES).map(|n| format!("{n}.ko\n")).collect()),
        ] {
            assert!(order(form, &text).is_err(), "{what}");
        }
    }

    #[test]
    fn a_machine_without_modules_is_no_error() {
        let (loaded, wrong) = load(Path::new("/no/such/folder"), "6.12");
        assert_eq!((loaded, wrong.len()), (0, 0));
    }
}
