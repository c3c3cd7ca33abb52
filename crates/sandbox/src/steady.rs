//! Paths below folders that containers write to: they are followed through no link that one of those containers may have made.
//!
//! A link on the root file system, on one that is mounted read-only, or one of the kernel's own is as good as the name that was
//! written: no container makes one there. Any other is an error, so that nobody who shares a folder leads whoever uses it elsewhere.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, StatVfsMountFlags};
use rustix::io::Errno;

/// Links in a path, as the kernel has it.
const MAX_LINKS: usize = 40;
/// Magic numbers of file systems in which the kernel makes every link (`statfs(2)`).
const PROC: i64 = 0x9fa0;
const SYSFS: i64 = 0x6265_6572;
/// What process 1 makes in a file system that containers may share: where, and what it leads to.
const KNOWN: (&str, &str) = ("/var/run", "/run");

/// What a path leads to.
#[derive(Debug)]
pub struct Steady {
    /// It itself, opened with `O_PATH`: whatever its name leads to later, this stays what it was.
    pub opened: OwnedFd,
    /// The way to it, without links.
    pub path: PathBuf,
    /// Whether no container can put anything else at any part of this path.
    pub is_fixed: bool,
}

/// What is at `path`, which begins at the root.
///
/// # Errors
/// It is not there, or is reached only through a link that a container may have made.
pub fn open(path: &Path) -> io::Result<Steady> {
    Walk::new()?.along(path, None)
}

/// Makes the folder at `path`, and those above it that are missing; what is there stays as it is. Says whether the last one was missing.
///
/// # Errors
/// As [`open`], or where there is something that is no folder.
pub fn make_folder(path: &Path, mode: Mode) -> io::Result<bool> {
    let mut walk = Walk::new()?;
    let found = walk.along(path, Some(mode))?;
    if kind(found.opened.as_fd())? != FileType::Directory {
        return Err(Errno::NOTDIR.into());
    }
    Ok(walk.made_last)
}

struct Walk {
    root: OwnedFd,
    /// The device of the root file system.
    device: u64,
    made_last: bool,
}

impl Walk {
    fn new() -> io::Result<Self> {
        Self::from(rustix::fs::open("/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
    }

    fn from(root: OwnedFd) -> io::Result<Self> {
        let device = rustix::fs::fstat(&root)?.st_dev;
        Ok(Self { root, device, made_last: false })
    }

    fn along(&mut self, path: &Path, missing: Option<Mode>) -> io::Result<Steady> {
        if !path.is_absolute() {
            return Err(io::Error::other(format!("{} does not begin at the root", path.display())));
        }
        let mut rest = parts(path);
        // Each folder on the way, with its name, from below the root.
        let mut way: Vec<(OwnedFd, OsString)> = Vec::new();
        let mut links = 0;
        let mut is_fixed = true;
        while let Some(name) = rest.pop_front() {
            if name == ".." {
                way.pop();
                continue;
            }
            let here = way.last().map_or(self.root.as_fd(), |(folder, _)| folder.as_fd());
            let is_own = self.is_own(here)?;
            is_fixed &= is_own;
            let next = match (look(here, &name), missing) {
                (Err(Errno::NOENT), Some(mode)) => {
                    self.made_last = true;
                    make(here, &name, mode)?
                }
                (looked, _) => {
                    self.made_last = false;
                    looked?
                }
            };
            if kind(next.as_fd())? != FileType::Symlink {
                way.push((next, name));
                continue;
            }
            let to = PathBuf::from(OsStr::from_bytes(rustix::fs::readlinkat(&next, "", Vec::new())?.as_bytes()));
            let place = joined(&way).join(&name);
            if !is_own && (place.as_path(), to.as_path()) != (Path::new(KNOWN.0), Path::new(KNOWN.1)) {
                let place = place.display();
                return Err(io::Error::other(format!(
                    "{place} is a link, and may be of a container that shares its folder"
                )));
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(Errno::LOOP.into());
            }
            if to.is_absolute() {
                way.clear();
            }
            let mut before = parts(&to);
            before.append(&mut rest);
            rest = before;
        }
        let path = joined(&way);
        let opened = match way.pop() {
            Some((opened, _)) => opened,
            None => self.root.try_clone()?,
        };
        Ok(Steady { opened, path, is_fixed })
    }

    /// Whether no container makes anything in this folder.
    fn is_own(&self, folder: BorrowedFd<'_>) -> io::Result<bool> {
        if rustix::fs::fstat(folder)?.st_dev == self.device {
            return Ok(true);
        }
        let is_read_only = rustix::fs::fstatvfs(folder)?.f_flag.contains(StatVfsMountFlags::RDONLY);
        Ok(is_read_only || [PROC, SYSFS].contains(&rustix::fs::fstatfs(folder)?.f_type))
    }
}

/// The names of a path, and what leads upwards in it.
fn parts(path: &Path) -> VecDeque<OsString> {
    let named = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    named.map(|part| part.as_os_str().to_owned()).collect()
}

fn joined(way: &[(OwnedFd, OsString)]) -> PathBuf {
    Path::new("/").join(way.iter().map(|(_, name)| name).collect::<PathBuf>())
}

fn look(folder: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(folder, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

fn make(folder: BorrowedFd<'_>, name: &OsStr, mode: Mode) -> io::Result<OwnedFd> {
    match rustix::fs::mkdirat(folder, name, mode) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno.into()),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = rustix::fs::openat(folder, name, flags, Mode::empty())?;
    // Whatever our mask says.
    rustix::fs::fchmod(&made, mode)?;
    Ok(made)
}

fn kind(opened: BorrowedFd<'_>) -> io::Result<FileType> {
    Ok(FileType::from_raw_mode(rustix::fs::fstat(opened)?.st_mode))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder as the root, in which nothing is of a machine's own unless `is_own` says so.
    fn walk(root: &Path, is_own: bool) -> Walk {
        let mut walk =
            Walk::from(rustix::fs::open(root, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap()).unwrap();
        if !is_own {
            walk.device = u64::MAX;
        }
        walk
    }

    struct Scene(PathBuf);

    impl Scene {
        fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Scene {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn scene(test: &str) -> Scene {
        let folder = Scene(std::env::temp_dir().join(format!("orlop-steady-{}-{test}", std::process::id())));
        let root = folder.path();
        for path in ["a/b", "run", "var"] {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        fs::write(root.join("a/b/file"), "").unwrap();
        symlink("b/file", root.join("a/near")).unwrap();
        symlink("/a/b", root.join("a/far")).unwrap();
        symlink("../../a/b/../near", root.join("a/b/up")).unwrap();
        symlink("/run", root.join("var/run")).unwrap();
        symlink("/run", root.join("a/run")).unwrap();
        symlink("round", root.join("a/round")).unwrap();
        folder
    }

    #[test]
    fn links_are_followed_where_no_container_makes_any_and_nowhere_else() {
        let folder = scene("links");
        for (what, path, to) in [
            ("beside", "/a/near", Some("/a/b/file")),
            ("from the root", "/a/far/file", Some("/a/b/file")),
            ("upwards, and then another", "/a/b/up", Some("/a/b/file")),
            ("round and round", "/a/round", None),
        ] {
            let own = walk(folder.path(), true).along(Path::new(path), None);
            assert_eq!(own.ok().map(|found| found.path).as_deref(), to.map(Path::new), "{what}");
            assert!(walk(folder.path(), false).along(Path::new(path), None).is_err(), "{what}, of a container's");
        }
    }

    #[test]
    fn a_path_without_a_link_is_what_it_says_wherever_it_is() {
        let folder = scene("plain");
        for is_own in [true, false] {
            let found = walk(folder.path(), is_own).along(Path::new("/a/b/file"), None).unwrap();
            assert_eq!((found.path.as_path(), found.is_fixed), (Path::new("/a/b/file"), is_own));
            let none = walk(folder.path(), is_own).along(Path::new("/a/none"), None).unwrap_err();
            assert_eq!(none.kind(), io::ErrorKind::NotFound);
            assert!(walk(folder.path(), is_own).along(Path::new("/a/b/file/x"), None).is_err(), "below a file");
            assert!(walk(folder.path(), is_own).along(Path::new("a"), None).is_err(), "from nowhere");
        }
        assert_eq!(walk(folder.path(), false).along(Path::new("/"), None).unwrap().path, Path::new("/"));
    }

    #[test]
    fn the_link_that_process_1_makes_is_known_at_its_place_only() {
        let folder = scene("known");
        assert_eq!(walk(folder.path(), false).along(Path::new("/var/run"), None).unwrap().path, Path::new("/run"));
        let error = walk(folder.path(), false).along(Path::new("/a/run"), None).unwrap_err();
        assert!(error.to_string().contains("/a/run is a link"), "{error}");
        fs::remove_file(folder.path().join("var/run")).unwrap();
        symlink("/a", folder.path().join("var/run")).unwrap();
        assert!(walk(folder.path(), false).along(Path::new("/var/run"), None).is_err(), "another in its place");
    }

    #[test]
    fn missing_folders_are_made_and_never_behind_a_containers_link() {
        let folder = scene("missing");
        let make = |is_own, path: &str| {
            let mut walk = walk(folder.path(), is_own);
            walk.along(Path::new(path), Some(Mode::from_raw_mode(0o755))).map(|found| (found.path, walk.made_last))
        };
        assert_eq!(make(false, "/a/new/deep").unwrap(), ("/a/new/deep".into(), true));
        assert!(folder.path().join("a/new/deep").is_dir());
        assert_eq!(make(false, "/a/new").unwrap(), ("/a/new".into(), false), "it is there");
        assert!(make(false, "/a/far/x").is_err());
        assert!(!folder.path().join("a/b/x").exists());
        assert_eq!(make(true, "/a/far/x").unwrap(), ("/a/b/x".into(), true), "control");
    }

    #[test]
    fn the_kernels_own_links_are_followed() {
        // `/proc/mounts` leads to `self/mounts`, and that to the process.
        let found = open(Path::new("/proc/mounts")).unwrap();
        assert_eq!(found.path, Path::new(&format!("/proc/{}/mounts", std::process::id())));
        assert!(make_folder(Path::new("/proc/mounts"), Mode::from_raw_mode(0o755)).is_err(), "no folder");
        assert!(!make_folder(Path::new("/proc/self"), Mode::from_raw_mode(0o755)).unwrap(), "it is there");
    }
}
