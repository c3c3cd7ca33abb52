//! `/run/config`: what was found is made ready beside it, and appears whole.
//!
//! Every path is opened from the folder's descriptor with `openat2`, beneath it and through no link, so that whoever else
//! writes there cannot lead the broker elsewhere. What is the same already keeps its inode.

mod compare;
mod remove;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use orlop_metadata_contract::{EntryPath, Mode, PROVIDER, STAGING};
use orlop_sandbox::fatal::{Exit, Fatal};
use rustix::fs::{
    CWD, Mode as Bits, OFlags, RenameFlags, ResolveFlags, fchmod, mkdirat, openat2, renameat, renameat_with,
};
use rustix::io::Errno;

/// The folder.
#[derive(Debug)]
pub struct Tree {
    folder: OwnedFd,
}

/// What is being made ready.
#[derive(Debug)]
pub struct Staging<'t> {
    tree: &'t Tree,
    folder: OwnedFd,
    /// The names at its top, in the order in which they came.
    tops: Vec<String>,
    /// Folders get their permissions last, so that files can be made in them.
    folders: Vec<(EntryPath, Mode)>,
    file: Option<File>,
    entries: usize,
}

/// What became of `/run/config`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Files and folders of this run, at the top and below.
    pub entries: usize,
    /// How many names at the top are new, or have other content than before.
    pub changed: usize,
}

impl Tree {
    /// Opens the folder at `path`, which is made when it is missing.
    ///
    /// # Errors
    /// It cannot be had, or lies behind a link.
    pub fn open(path: &Path) -> Result<Self, Fatal> {
        let failed = |errno: Errno| {
            Fatal::new(Exit::of_errno(errno), format!("cannot open {}", path.display())).cause(errno).help(format!(
                "bind it into the container: in the LinuxKit YAML, binds.add: [\"{0}:{0}\"], runtime: {{mkdir: [\"{0}\"]}}",
                path.display()
            ))
        };
        let _there_or_told_below = std::fs::create_dir_all(path);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let folder = openat2(CWD, path, flags, Bits::empty(), resolve).map_err(failed)?;
        Ok(Self { folder })
    }

    /// Removes what a run has made ready and not put into place.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn clear(&self) -> io::Result<()> {
        remove::all(self.folder.as_fd(), STAGING)
    }

    /// Makes an empty folder in it in which nobody else looks, instead of what an earlier process may have left.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn stage(&self) -> io::Result<Staging<'_>> {
        self.clear()?;
        mkdirat(&self.folder, STAGING, OWNERS_FOLDER)?;
        let folder = open(self.folder.as_fd(), STAGING, OFlags::RDONLY | OFlags::DIRECTORY)?;
        Ok(Staging { tree: self, folder, tops: Vec::new(), folders: Vec::new(), file: None, entries: 0 })
    }
}

impl Staging<'_> {
    /// A folder.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn folder(&mut self, path: &EntryPath, mode: Mode) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        mkdirat(parent.as_ref().unwrap_or(&self.folder), name, OWNERS_FOLDER)?;
        self.folders.push((path.clone(), mode));
        self.count(path);
        Ok(())
    }

    /// A file, whose content is [written](Self::write) next.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn file(&mut self, path: &EntryPath, mode: Mode) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = openat2(&self.folder, path.as_str(), flags, OWNERS_FILE, BENEATH)?;
        // Whatever the umask says.
        fchmod(&file, Bits::from_raw_mode(mode.bits().into()))?;
        self.file = Some(file.into());
        self.count(path);
        Ok(())
    }

    /// The next bytes of the file.
    ///
    /// # Errors
    /// The kernel refuses, or has no room.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.as_mut().ok_or(io::ErrorKind::NotFound)?.write_all(bytes)
    }

    /// Puts everything into place, one name at the top after the other, and says last that it is there: `provider`.
    ///
    /// # Errors
    /// The kernel refuses. What is in place by then stays, beside what an earlier run has written, its `provider` included.
    pub fn commit(mut self, provider: &str) -> io::Result<Written> {
        self.file = None;
        for (path, mode) in self.folders.iter().rev() {
            let folder = open(self.folder.as_fd(), path.as_str(), OFlags::RDONLY | OFlags::DIRECTORY)?;
            fchmod(&folder, Bits::from_raw_mode(mode.bits().into()) | Bits::RWXU)?;
        }
        self.file(&EntryPath::new(PROVIDER).map_err(io::Error::other)?, Mode::PUBLIC)?;
        self.write(provider.as_bytes())?;
        self.file = None;
        let mut changed = 0;
        for top in &self.tops {
            if !compare::same(self.folder.as_fd(), self.tree.folder.as_fd(), top)? {
                place(self.folder.as_fd(), self.tree.folder.as_fd(), top)?;
                changed += 1;
            }
        }
        self.tree.clear()?;
        Ok(Written { entries: self.entries, changed })
    }

    fn count(&mut self, path: &EntryPath) {
        self.entries += 1;
        if path.parent().is_none() {
            self.tops.push(path.as_str().to_owned());
        }
    }

    /// The folder that `path` lies in, unless it lies at the top, and its name there.
    fn parent<'p>(&self, path: &'p EntryPath) -> io::Result<(Option<OwnedFd>, &'p str)> {
        match path.as_str().rsplit_once('/') {
            None => Ok((None, path.as_str())),
            Some((parent, name)) => {
                Ok((Some(open(self.folder.as_fd(), parent, OFlags::RDONLY | OFlags::DIRECTORY)?), name))
            }
        }
    }
}

/// Moves `name` from one folder into the other, over what has the name there.
fn place(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    match renameat(from, name, to, name) {
        // In the place of a folder: both change places, and the old one goes with the staging folder.
        Err(Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST) => {
            Ok(renameat_with(from, name, to, name, RenameFlags::EXCHANGE)?)
        }
        // A folder in the place of what is none, such as a link, which this process could not put anywhere else.
        Err(Errno::NOTDIR) => {
            remove::all(to, name)?;
            Ok(renameat(from, name, to, name)?)
        }
        result => Ok(result?),
    }
}

/// Opens what is beneath `folder`, through no link.
fn open(folder: BorrowedFd<'_>, path: &str, flags: OFlags) -> io::Result<OwnedFd> {
    Ok(openat2(folder, path, flags | OFlags::CLOEXEC, Bits::empty(), BENEATH)?)
}

/// The names in a folder, `most` of them at most: others may have made any number.
fn names(folder: BorrowedFd<'_>, most: usize) -> io::Result<BTreeSet<Vec<u8>>> {
    // Its own descriptor: the position in it belongs to whoever lists it.
    let again = open(folder, ".", OFlags::RDONLY | OFlags::DIRECTORY)?;
    let mut names = BTreeSet::new();
    for entry in rustix::fs::Dir::new(again)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if !matches!(name.as_slice(), b"." | b"..") {
            names.insert(name);
        }
        if names.len() >= most {
            break;
        }
    }
    Ok(names)
}

const BENEATH: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);
const OWNERS_FOLDER: Bits = Bits::RWXU;
const OWNERS_FILE: Bits = Bits::from_raw_mode(0o600);

#[cfg(test)]
mod tests;
