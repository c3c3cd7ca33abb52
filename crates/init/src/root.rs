//! Moves the initramfs into a file system that containers can leave, and empties it.
//!
//! The kernel refuses `pivot_root` from the initramfs itself. There are three ways around that:
//!
//! - to let the runtime use `chroot` instead: no, because our daemons keep CAP_SYS_CHROOT, which leads out of a chroot;
//! - to bind the root over itself, which is a root like any other and costs nothing. But all files then also lie
//!   below the root of every container, and one with CAP_SYS_ADMIN and CAP_SYS_CHROOT gets there by unmounting its own
//!   (tried, in a guest);
//! - to move all files into a tmpfs, as LinuxKit's init does: below a container's root is then an empty folder. That is what
//!   is done here, file by file, so that it takes little more memory than the files themselves. Hard links stay links.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, Timespec, Timestamps, Uid};
use rustix::mount::MountFlags;

/// Kinds of file systems that hold an initramfs (`statfs(2)`).
const RAMFS: i64 = 0x8584_58f6;
const TMPFS: i64 = 0x0102_1994;
/// Where the new root is until it is the root.
const NEW: &str = "/run";

/// Takes everything to a new root, if we are in an initramfs. What could not be taken along is said.
///
/// # Errors
/// When there can be no new root; the machine goes on in the old one.
pub fn take() -> io::Result<Vec<String>> {
    let kind = rustix::fs::statfs("/")?.f_type;
    if kind != RAMFS && kind != TMPFS {
        return Ok(Vec::new());
    }
    fs::create_dir_all(NEW)?;
    // The files are in memory already, perhaps in more than the half of it that a tmpfs may take by itself.
    rustix::mount::mount("tmpfs", NEW, "tmpfs", MountFlags::empty(), c"mode=755,size=100%")?;
    let mut moving = Moving { device: fs::metadata("/")?.dev(), links: HashMap::new(), wrong: Vec::new() };
    moving.all(Path::new("/"), Path::new(NEW));
    rustix::process::chdir(NEW)?;
    rustix::mount::mount_move(".", "/")?;
    rustix::process::chroot(".")?;
    rustix::process::chdir("/")?;
    Ok(moving.wrong)
}

/// A move under way.
struct Moving {
    /// What lies on another is mounted there, and stays.
    device: u64,
    /// Files with several names: their inodes, and the first name at the new place.
    links: HashMap<u64, PathBuf>,
    wrong: Vec<String>,
}

impl Moving {
    /// Moves what is in a folder.
    fn all(&mut self, from: &Path, to: &Path) {
        let entries = match fs::read_dir(from) {
            Ok(entries) => entries,
            Err(error) => return self.wrong.push(format!("cannot list {}: {error}", from.display())),
        };
        for entry in entries.flatten() {
            let path = entry.path();
            if let Err(error) = self.one(&path, &to.join(entry.file_name())) {
                self.wrong.push(format!("cannot move {}: {error}", path.display()));
            }
        }
    }

    fn one(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let metadata = fs::symlink_metadata(from)?;
        if metadata.dev() != self.device {
            return Ok(());
        }
        let kind = metadata.file_type();
        if kind.is_dir() {
            fs::create_dir(to)?;
            self.all(from, to);
            keep(to, &metadata)?;
            // Where something is mounted the folder stays.
            let _ = fs::remove_dir(from);
            return Ok(());
        }
        if let Some(first) = self.links.get(&metadata.ino()) {
            fs::hard_link(first, to)?;
        } else {
            if kind.is_symlink() {
                std::os::unix::fs::symlink(fs::read_link(from)?, to)?;
            } else if kind.is_file() {
                fs::copy(from, to)?;
            } else {
                let kind = if kind.is_char_device() {
                    FileType::CharacterDevice
                } else if kind.is_block_device() {
                    FileType::BlockDevice
                } else {
                    FileType::Fifo
                };
                rustix::fs::mknodat(CWD, to, kind, Mode::empty(), metadata.rdev())?;
            }
            keep(to, &metadata)?;
            if metadata.nlink() > 1 {
                self.links.insert(metadata.ino(), to.to_owned());
            }
        }
        fs::remove_file(from)
    }
}

/// Owner, mode and time, as they were.
fn keep(path: &Path, metadata: &Metadata) -> io::Result<()> {
    let (user, group) = (Uid::from_raw(metadata.uid()), Gid::from_raw(metadata.gid()));
    rustix::fs::chownat(CWD, path, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
    if !metadata.file_type().is_symlink() {
        // After the owner, whose change takes special bits away.
        rustix::fs::chmod(path, Mode::from_raw_mode(metadata.mode() & 0o7777))?;
    }
    let time = Timespec { tv_sec: metadata.mtime(), tv_nsec: metadata.mtime_nsec() };
    let times = Timestamps { last_access: time, last_modification: time };
    Ok(rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use orlop_testbed::Folder;

    use super::*;

    #[test]
    fn everything_is_moved_as_it_was_and_nothing_stays() {
        let folder = Folder::new("init-root");
        let (from, to) = (folder.0.join("from"), folder.0.join("to"));
        fs::create_dir_all(from.join("a/b")).unwrap();
        fs::create_dir(&to).unwrap();
        fs::write(from.join("a/b/program"), "code").unwrap();
        fs::set_permissions(from.join("a/b/program"), fs::Permissions::from_mode(0o4755)).unwrap();
        fs::hard_link(from.join("a/b/program"), from.join("same")).unwrap();
        symlink("/run/x", from.join("a/link")).unwrap();
        fs::set_permissions(from.join("a"), fs::Permissions::from_mode(0o1777)).unwrap();
        rustix::fs::mknodat(CWD, from.join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let device = fs::metadata(&from).unwrap().dev();
        let before = fs::metadata(from.join("a")).unwrap();
        let mut moving = Moving { device, links: HashMap::new(), wrong: Vec::new() };
        moving.all(&from, &to);
        assert_eq!(moving.wrong, Vec::<String>::new());
        assert_eq!(fs::read_dir(&from).unwrap().count(), 0, "the old root is empty");
        let program = fs::metadata(to.join("a/b/program")).unwrap();
        assert_eq!((program.mode() & 0o7777, program.nlink(), program.len()), (0o4755, 2, 4));
        assert_eq!(fs::metadata(to.join("same")).unwrap().ino(), program.ino(), "one file with two names");
        assert_eq!(fs::read_link(to.join("a/link")).unwrap(), Path::new("/run/x"));
        let after = fs::metadata(to.join("a")).unwrap();
        assert_eq!(after.mode(), before.mode());
        assert_eq!((after.mtime(), after.mtime_nsec()), (before.mtime(), before.mtime_nsec()));
        assert!(fs::metadata(to.join("pipe")).unwrap().file_type().is_fifo());
    }

    #[test]
    fn what_lies_on_another_file_system_stays() {
        let folder = Folder::new("init-root-other");
        let (from, to) = (folder.0.join("from"), folder.0.join("to"));
        fs::create_dir(&from).unwrap();
        fs::create_dir(&to).unwrap();
        fs::write(from.join("file"), "").unwrap();
        let elsewhere = fs::metadata("/proc").unwrap().dev();
        let mut moving = Moving { device: elsewhere, links: HashMap::new(), wrong: Vec::new() };
        moving.all(&from, &to);
        assert!(from.join("file").exists() && !to.join("file").exists());
    }
}
