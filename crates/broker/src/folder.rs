//! The folders that a broker writes to, opened before it narrows itself.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use orlop_sandbox::fatal::{Exit, Fatal};
use rustix::fs::Access;

/// Opens the folder at `path` for writing; it is made when it is missing.
///
/// # Errors
/// As [`writable`].
pub fn open(path: &Path) -> Result<OwnedFd, Fatal> {
    writable(path, |path| {
        std::fs::create_dir_all(path)?;
        Ok(File::open(path)?.into())
    })
}

/// What `open` makes of the folder at `path`, if files can then be made in that folder.
///
/// # Errors
/// They cannot: [`Exit::Permission`] on a read-only file system, where trying again is of no use, else [`Exit::Os`].
/// The help is what the image's YAML needs. A daemon that works without the folder makes a warning of it.
pub fn writable<T>(path: &Path, open: impl FnOnce(&Path) -> io::Result<T>) -> Result<T, Fatal> {
    // A folder of a read-only image, on which nothing was bound, can be opened like any other.
    let writable = |opened| rustix::fs::access(path, Access::WRITE_OK).map(|()| opened).map_err(io::Error::from);
    open(path).and_then(writable).map_err(|cause| {
        let name = path.display();
        let exit = if cause.kind() == io::ErrorKind::ReadOnlyFilesystem { Exit::Permission } else { Exit::Os };
        Fatal::new(exit, format!("cannot write to the folder {name}"))
            .cause(cause)
            .help(format!("binds: [\"{name}:{name}\"] and runtime: {{mkdir: [\"{name}\"]}}"))
    })
}

#[cfg(test)]
mod tests {
    use orlop_testbed::Folder;

    use super::*;

    #[test]
    fn a_missing_folder_is_made_and_what_is_none_is_named_with_its_help() {
        let folder = Folder::new("folder");
        open(&folder.0.join("deep/own")).unwrap();
        assert!(folder.0.join("deep/own").is_dir());
        std::fs::write(folder.0.join("file"), "").unwrap();
        let path = folder.0.join("file/own");
        let fatal = open(&path).unwrap_err();
        assert_eq!((fatal.exit, fatal.problem), (Exit::Os, format!("cannot write to the folder {}", path.display())));
        assert!(fatal.help.unwrap().contains("runtime: {mkdir: ["));
    }
}
