//! The folder of the kernel's settings, and what is in it.
//!
//! Nothing here leads out of that folder: neither `..`, nor a link, nor another file system mounted inside (as
//! `binfmt_misc` is), and nothing is ever created or truncated. The folder stays open: a Landlock rule belongs to an
//! inode, and the kernel forgets those of `/proc/sys` as soon as nobody holds them.

use std::cell::Cell;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sysctl_contract::{Access, Directory, Key, MAX_NAMES, MAX_READING, Name};
use orlop_wire::Str;
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, PROC_SUPER_MAGIC, ResolveFlags, StatVfsMountFlags, fstat, fstatfs, fstatvfs,
    openat2, statat, statfs,
};
use rustix::io::Errno;

use crate::command_line::PROC_SYS;
use crate::reading::reading;

/// `/proc/sys`, or a folder that is shaped like it; open for as long as this lives.
#[derive(Debug)]
pub struct Tree {
    folder: OwnedFd,
    left_out: Cell<usize>,
    only_looked_at: bool,
}

impl Tree {
    /// Opens the folder.
    ///
    /// # Errors
    /// It is not there, or it should be the kernel's and is not.
    pub fn open(folder: &Path) -> Result<Self, Fatal> {
        let failed = |cause: Errno| {
            let fatal = Fatal::new(Exit::Permission, format!("cannot open {}", folder.display())).cause(cause);
            fatal.help("mount proc at /proc in the container; with --sysctl-dir, name a folder that exists")
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(folder, flags, Mode::empty()).map_err(failed)?;
        let is_proc = fstatfs(&opened).map_err(failed)?.f_type == PROC_SUPER_MAGIC;
        if folder == Path::new(PROC_SYS) && !is_proc {
            return Err(Fatal::new(Exit::Permission, "/proc/sys does not belong to the kernel")
                .cause("another file system is mounted there")
                .help("mount proc at /proc in the container"));
        }
        // Which capability a key needs, and whether it can be taken back, is known by its whole path. Where something is mounted
        // over a folder in it, the others are where they belong.
        let is_there = |path: &str| statat(&opened, path, AtFlags::SYMLINK_NOFOLLOW).is_ok();
        if is_proc && !is_there(OSTYPE) && !(is_there("kernel") && is_there("vm")) {
            return Err(Fatal::new(Exit::Usage, format!("{} is not the folder of all settings", folder.display()))
                .help("with --sysctl-dir, name /proc/sys, and after it the whole key"));
        }
        Ok(Self { folder: opened, left_out: Cell::new(0), only_looked_at: false })
    }

    /// From here on keys are opened for reading, whoever asks, and what could be written with privilege is told from their modes.
    #[must_use]
    pub fn only_looked_at(self) -> Self {
        Self { only_looked_at: true, ..self }
    }

    /// What helps, if nothing in it can be written, whatever it says about itself: containers that are not LinuxKit's have
    /// `/proc/sys` mounted like that.
    #[must_use]
    pub fn help_if_mounted_read_only(&self) -> Option<&'static str> {
        let read_only = fstatvfs(&self.folder).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::RDONLY));
        let is_proc = fstatfs(&self.folder).is_ok_and(|found| found.f_type == PROC_SUPER_MAGIC);
        read_only.then_some(if is_proc { UNMASK } else { "mount it writable: mount -o remount,rw" })
    }

    /// What is in `folder`, sorted; nothing when there is no such folder. Names that no setting has are left out, and of
    /// more than [`MAX_NAMES`] the first ones are given.
    #[must_use]
    pub fn list(&self, folder: &Directory) -> Vec<Name> {
        let path = if folder.path().is_empty() { "." } else { folder.path() };
        let Ok(folder) = self.open_at(path, OFlags::RDONLY | OFlags::DIRECTORY) else { return Vec::new() };
        let Ok(entries) = Dir::new(folder) else { return Vec::new() };
        let mut names: Vec<Name> = Vec::new();
        for entry in entries.map_while(Result::ok).filter(|entry| !matches!(entry.file_name().to_bytes(), b"." | b".."))
        {
            let name = entry.file_name().to_str().ok().and_then(|name| Name::new(name).ok());
            match name.filter(|_| names.len() < MAX_NAMES) {
                // The kernel lists them almost in order, so that this is almost always the end.
                Some(name) => names.insert(names.partition_point(|before| *before < name), name),
                None => self.left_out.set(self.left_out.get().saturating_add(1)),
            }
        }
        names
    }

    /// How many names were left out of lists so far. An interface can have almost any name, and whoever makes one must not
    /// escape a pattern unseen.
    #[must_use]
    pub const fn left_out(&self) -> usize {
        self.left_out.get()
    }

    /// Opens the file of `key` for as much as the kernel allows.
    ///
    /// # Errors
    /// What the kernel says: `ENOENT` and `ENOTDIR` when there is no such key, `EISDIR` when it is a folder, `ELOOP` and
    /// `EXDEV` when it leads elsewhere.
    pub fn open_key(&self, key: &Key) -> Result<(OwnedFd, Access), Errno> {
        if self.only_looked_at {
            let file = whole(self.open_at(key.path(), OFlags::RDONLY | OFlags::NONBLOCK)?)?;
            let writable = Mode::from_raw_mode(fstat(&file)?.st_mode).contains(Mode::WUSR);
            return Ok((file, if writable { Access::ReadWrite } else { Access::ReadOnly }));
        }
        // A setting that nobody may write can be read, a trigger only be written.
        let ways = [
            (OFlags::RDWR, Access::ReadWrite),
            (OFlags::RDONLY, Access::ReadOnly),
            (OFlags::WRONLY, Access::WriteOnly),
        ];
        let mut refused = Errno::ACCESS;
        for (flags, access) in ways {
            match self.open_at(key.path(), flags | OFlags::NONBLOCK) {
                Ok(file) if refused == Errno::ROFS => return whole(file).map(|file| (file, Access::MountedReadOnly)),
                Ok(file) => return whole(file).map(|file| (file, access)),
                Err(errno @ (Errno::ACCESS | Errno::PERM | Errno::ROFS)) => refused = errno,
                Err(errno) => return Err(errno),
            }
        }
        Err(refused)
    }

    /// What the kernel says `key` is now; nothing when it cannot be read from here.
    #[must_use]
    pub fn read(&self, key: &Key) -> Option<Str<MAX_READING>> {
        let file = whole(self.open_at(key.path(), OFlags::RDONLY | OFlags::NONBLOCK).ok()?).ok()?;
        reading(&file)
    }

    fn open_at(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY;
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
        openat2(&self.folder, path, flags, Mode::empty(), resolve)
    }
}

/// The folder of all settings, and the way from there to `folder`, which may be any folder in it, as for LinuxKit's sysctl. A
/// folder that is only shaped like one is its own.
#[must_use]
pub fn split(folder: &Path) -> (PathBuf, Directory) {
    let is_whole = |path: &&Path| statfs(path.join(OSTYPE)).is_ok_and(|found| found.f_type == PROC_SUPER_MAGIC);
    let parts = || {
        let path = folder.canonicalize().ok()?;
        let root = path.ancestors().find(is_whole)?;
        let below = Directory::new(path.strip_prefix(root).ok()?.to_str()?).ok()?;
        Some((root.to_owned(), below))
    };
    parts().unwrap_or_else(|| (folder.to_owned(), Directory::root()))
}

/// How to have `/proc/sys` writable in a container, and elsewhere.
const UNMASK: &str = "take it out of linux.readonlyPaths of the container's configuration (podman: --security-opt \
                      unmask=/proc/sys, Docker: --security-opt systempaths=unconfined; without a container: mount -o \
                      remount,rw /proc/sys)";

/// A setting that every kernel has, by which the folder of all of them is known.
const OSTYPE: &str = "kernel/ostype";

/// `file`, if it is one: in a folder that is only shaped like `/proc/sys` there may be anything.
fn whole(file: OwnedFd) -> Result<OwnedFd, Errno> {
    let kind = FileType::from_raw_mode(fstat(&file)?.st_mode);
    if kind == FileType::RegularFile {
        return Ok(file);
    }
    Err(if kind == FileType::Directory { Errno::ISDIR } else { Errno::NODEV })
}

/// Whether the kernel has this way of opening at all, which it has since Linux 5.6.
///
/// # Errors
/// The kernel is older than that.
pub fn require_openat2() -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    openat2(rustix::fs::CWD, ".", flags, Mode::empty(), ResolveFlags::BENEATH).map(drop).map_err(Into::into)
}

#[cfg(test)]
mod tests;
