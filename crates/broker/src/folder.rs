//! The folders that a broker writes to, opened before it narrows itself.
//!
//! What others read never decides whether a daemon works: an [`Output`] that cannot be written is one warning, and is tried
//! again. It is held by `O_PATH`, so that a folder whose permissions somebody took away is found again when they come back.

use std::fmt::Display;
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use orlop_sandbox::fatal::Fatal;
use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, accessat, openat};
use tracing::{info, warn};

/// Opens the folder at `path` for writing; it is made when it is missing.
///
/// # Errors
/// Files cannot be made there: as [`Fatal::os`]. The help is what the image's YAML needs. A daemon that works without the folder
/// makes a warning of it.
pub fn open(path: &Path) -> Result<OwnedFd, Fatal> {
    let made = std::fs::create_dir_all(path).and_then(|()| File::open(path));
    made.and_then(|folder| writable(path).map(|()| folder.into()))
        .map_err(|cause| Fatal::os(format!("cannot write to the folder {}", path.display()), cause).help(help(path)))
}

/// Makes the folder at `path` its owner's alone, and makes it when it is missing: the runtime makes the folders of a label
/// for everybody.
///
/// # Errors
/// The kernel refuses.
pub fn make_private(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// A folder in which a daemon leaves what others read, and without which it works all the same.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    /// What is lost without it, in words: the plural of a noun.
    carries: &'static str,
    /// Nothing when there was no such folder, and none could be made.
    folder: Option<OwnedFd>,
    /// Why it could not be written the last time.
    failing: Option<String>,
}

impl Output {
    /// The folder at `path`, which is made when it is missing; it carries what is called `carries`. To be done before the
    /// sandbox narrows.
    #[must_use]
    pub fn open(path: &Path, carries: &'static str) -> Self {
        let mut output = Self::hold(path, carries);
        // A folder of a read-only image, on which nothing was bound, can be opened like any other.
        if output.folder.is_some() {
            output.tell(writable(path).err().as_ref());
        }
        output
    }

    /// As [`Output::open`], where what is written may work in a folder in which nothing can be made.
    #[must_use]
    pub fn hold(path: &Path, carries: &'static str) -> Self {
        let mut output = Self { path: path.to_owned(), carries, folder: None, failing: None };
        let made = std::fs::create_dir_all(path);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened =
            openat(CWD, path, flags, Mode::empty()).map_err(|errno| made.err().unwrap_or_else(|| errno.into()));
        match opened {
            Ok(folder) => output.folder = Some(folder),
            Err(cause) => output.tell(Some(&cause)),
        }
        output
    }

    /// Does something in the folder; nothing when that fails, which is said unless it was said before.
    pub fn attempt<T>(&mut self, act: impl FnOnce(BorrowedFd<'_>) -> io::Result<T>) -> Option<T> {
        let done = act(self.folder()?);
        self.tell(done.as_ref().err());
        done.ok()
    }

    /// The folder, if there is one.
    #[must_use]
    pub fn folder(&self) -> Option<BorrowedFd<'_>> {
        self.folder.as_ref().map(AsFd::as_fd)
    }

    /// Whether the last attempt failed, and another one may not.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.folder.is_some() && self.failing.is_some()
    }

    /// Says why the last attempt failed, if it did, and if that is news.
    pub fn tell(&mut self, failed: Option<&impl Display>) {
        let failed = failed.map(ToString::to_string);
        if failed == self.failing {
            return;
        }
        let (folder, carries) = (self.path.display(), self.carries);
        match &failed {
            Some(cause) => {
                let help = help(&self.path);
                warn!(%folder, %cause, help, "without {carries}, which cannot be written; all else goes on");
            }
            None => info!(%folder, "{carries} can be written again"),
        }
        self.failing = failed;
    }
}

fn writable(path: &Path) -> io::Result<()> {
    // Asked for the user that it acts as: its real one is only an account.
    accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).map_err(io::Error::from)
}

/// What the image's YAML needs, so that the folder at `path` is there and can be written.
pub(crate) fn help(path: &Path) -> String {
    let name = path.display();
    format!(
        "in the LinuxKit YAML, add \"{name}:{name}\" to its binds: (where it has none: binds.add: [\"{name}:{name}\"]); \
         the folder is made by runtime: {{mkdir: [\"{name}\"]}}"
    )
}

#[cfg(test)]
mod tests {
    use orlop_sandbox::fatal::Exit;
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
        assert_eq!(
            (fatal.exit, fatal.problem),
            (Exit::Config, format!("cannot write to the folder {}", path.display()))
        );
        assert!(fatal.help.unwrap().contains("runtime: {mkdir: ["));
    }

    #[test]
    fn an_output_that_cannot_be_written_is_nothing_and_comes_back() {
        let folder = Folder::new("output");
        let mut output = Output::open(&folder.0.join("deep/own"), "words");
        assert_eq!(output.attempt(|_| Ok(1)), Some(1));
        assert!(!output.is_due());
        assert_eq!(output.attempt(|_| Err::<u8, _>(io::ErrorKind::StorageFull.into())), None);
        assert!(output.is_due());
        assert_eq!(output.attempt(|_| Ok(2)), Some(2));
        assert!(!output.is_due());
    }

    #[test]
    fn what_is_no_folder_is_not_tried() {
        let folder = Folder::new("no-output");
        std::fs::write(folder.0.join("file"), "").unwrap();
        std::os::unix::fs::symlink("nowhere", folder.0.join("link")).unwrap();
        for what in ["file", "file/below", "link"] {
            let mut output = Output::open(&folder.0.join(what), "words");
            assert_eq!(output.attempt(|_| Ok(())), None, "{what}");
            assert!(!output.is_due(), "{what}");
        }
    }

    #[test]
    fn a_private_folder_is_its_owners_alone() {
        let folder = Folder::new("private-folder");
        for (what, mode) in [("missing", None), ("made by a runtime", Some(0o755)), ("everybody's", Some(0o777))] {
            let own = folder.0.join(what);
            if let Some(mode) = mode {
                std::fs::create_dir(&own).unwrap();
                std::fs::set_permissions(&own, Permissions::from_mode(mode)).unwrap();
            }
            make_private(&own).unwrap();
            assert_eq!(std::fs::metadata(&own).unwrap().permissions().mode() & 0o7777, 0o700, "{what}");
        }
    }
}
