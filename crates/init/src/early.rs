//! Does the steps of [`crate::setup`] and of a container's [`crate::preparation`].

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use orlop_sandbox::steady;
use rustix::fs::{CWD, FileType, Mode, OFlags, StatVfsMountFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};

use crate::bounds;
use crate::preparation::{self, Options};
use crate::setup::{self, Mount};

/// Does one step of the machine's set-up.
///
/// # Errors
/// What could not be done, and why, as a line.
pub fn set_up(step: setup::Step) -> Result<(), String> {
    use setup::Step;
    let said = |what: String| move |error: io::Error| format!("cannot {what}: {error}");
    match step {
        Step::Mount(mount) => mount_early(mount),
        Step::Folder(path, mode) => make_folder(Path::new(path), mode).map(drop).map_err(said(format!("make {path}"))),
        Step::Link(path, to) => match rustix::fs::symlink(to, path) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(said(format!("make {path}"))(errno.into())),
        },
        Step::Device(path, major, minor, mode) => {
            let device = rustix::fs::makedev(major, minor);
            match rustix::fs::mknodat(CWD, path, FileType::CharacterDevice, Mode::from_raw_mode(mode), device) {
                // As devtmpfs made it; the mode may differ.
                Ok(()) | Err(Errno::EXIST) => rustix::fs::chmod(path, Mode::from_raw_mode(mode)),
                Err(errno) => Err(errno),
            }
            .map_err(|errno| said(format!("make {path}"))(errno.into()))
        }
        Step::Bounds => bounds::enclose(),
        Step::ReadOnlyRoot => rustix::mount::mount_remount("/", MountFlags::RDONLY, c"")
            .map_err(|errno| said("make / read-only".to_owned())(errno.into())),
        Step::ShareRoot => {
            let flags = MountPropagationFlags::SHARED | MountPropagationFlags::REC;
            rustix::mount::mount_change("/", flags).map_err(|errno| said("share /".to_owned())(errno.into()))
        }
        Step::Unbindable(path) => rustix::mount::mount_change(path, MountPropagationFlags::UNBINDABLE)
            .map_err(|errno| said(format!("keep {path} from containers"))(errno.into())),
    }
}

fn mount_early(mount: &Mount) -> Result<(), String> {
    let Mount { target, kind, flags, data, optional } = mount;
    let mounted = || -> io::Result<()> {
        // A folder below sysfs is there or cannot be made.
        if !Path::new(target).is_dir() {
            make_folder(Path::new(target), 0o755)?;
        }
        mount_new(kind, kind, target, *flags, data)
    };
    match mounted() {
        Err(error) if !optional => Err(format!("cannot mount {kind} at {target}: {error}")),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Does one step of a container's preparation; gives where it mounted something.
///
/// # Errors
/// What could not be done, and why, as a line.
pub fn prepare(step: &preparation::Step) -> Result<Option<&str>, String> {
    use preparation::Step;
    match step {
        Step::Folder(path) => {
            make_folder(Path::new(path), 0o755).map_err(|error| format!("cannot make {path}: {error}"))?;
            Ok(None)
        }
        Step::Shared(path) => {
            make_shared(path).map_err(|error| format!("cannot make {path}: {error}"))?;
            Ok(None)
        }
        Step::Mount { kind, source, target, options } => {
            let Options { flags, cleared: _, propagation, data } = options;
            mount_new(kind, source, target, *flags, data)
                .and_then(|()| propagate(target, *propagation))
                .map_err(|error| format!("cannot mount {kind} at {target}: {error}"))?;
            Ok(Some(target))
        }
        Step::Bind { source, target, recursive, options } => {
            bind(source, target, *recursive, options)
                .map_err(|error| format!("cannot bind {source} at {target}: {error}"))?;
            Ok(Some(target))
        }
        Step::Remount { target, options } => {
            remount(target, options).map_err(|error| format!("cannot remount {target}: {error}"))?;
            Ok(None)
        }
    }
}

fn bind(source: &str, target: &str, recursive: bool, options: &Options) -> io::Result<()> {
    if recursive {
        rustix::mount::mount_bind_recursive(source, target)?;
    } else {
        rustix::mount::mount_bind(source, target)?;
    }
    if !options.flags.is_empty() || !options.cleared.is_empty() {
        rustix::mount::mount_remount(target, options.over(present(target)?) | MountFlags::BIND, c"")?;
    }
    propagate(target, options.propagation)
}

fn remount(target: &str, options: &Options) -> io::Result<()> {
    let Options { flags, cleared, propagation, data } = options;
    // The kernel does not change propagation and anything else at once.
    if !flags.is_empty() || !cleared.is_empty() || !data.is_empty() || propagation.is_none() {
        let data = CString::new(data.as_str())?;
        rustix::mount::mount_remount(target, options.over(present(target)?), data.as_c_str())?;
    }
    propagate(target, *propagation)
}

/// How something is mounted now, in the words of `mount(2)` (`statvfs(3)`).
fn present(target: &str) -> io::Result<MountFlags> {
    let flags = rustix::fs::statvfs(target)?.f_flag;
    let known = [
        (StatVfsMountFlags::RDONLY, MountFlags::RDONLY),
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::SYNCHRONOUS, MountFlags::SYNCHRONOUS),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ];
    Ok(known.into_iter().filter(|(is, _)| flags.contains(*is)).map(|(_, flag)| flag).collect())
}

fn propagate(target: &str, propagation: Option<MountPropagationFlags>) -> io::Result<()> {
    propagation.map_or(Ok(()), |flags| Ok(rustix::mount::mount_change(target, flags)?))
}

/// Binds namespaces, by the kernel's name of each, to files through which others enter them.
///
/// # Errors
/// What could not be done, and why, as a line.
pub fn bind_namespaces(namespaces: &[(&str, OwnedFd, String)]) -> Result<(), String> {
    for (name, namespace, path) in namespaces {
        let bound = || -> io::Result<()> {
            if let Some(folder) = Path::new(path).parent() {
                make_folder(folder, 0o755)?;
            }
            // An earlier life's, which would be kept for ever below this one's.
            let _ = unmount(path);
            // Where others can write, too: neither a link nor a pipe of theirs.
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            rustix::fs::open(path, flags, Mode::from_raw_mode(0o644))?;
            Ok(rustix::mount::mount_bind(format!("/proc/self/fd/{}", namespace.as_raw_fd()), path.as_str())?)
        };
        bound().map_err(|error| format!("cannot bind the {name} namespace at {path}: {error}"))?;
    }
    Ok(())
}

/// Takes back what [`prepare`] mounted there, also while something still uses it.
///
/// # Errors
/// When nothing is mounted there.
pub fn unmount(target: &str) -> io::Result<()> {
    Ok(rustix::mount::unmount(target, UnmountFlags::DETACH)?)
}

fn mount_new(kind: &str, source: &str, target: &str, flags: MountFlags, data: &str) -> io::Result<()> {
    let data = CString::new(data)?;
    Ok(rustix::mount::mount(source, target, kind, flags, data.as_c_str())?)
}

/// Makes a folder and those above it; one that is there stays as it is. No link that a container may have made is followed.
fn make_folder(path: &Path, mode: u32) -> io::Result<bool> {
    steady::make_folder(path, Mode::from_raw_mode(mode))
}

/// A folder that containers share, with room for what daemons write there: some files of some kilobytes.
fn make_shared(path: &str) -> io::Result<()> {
    if make_folder(Path::new(path), 0o755)? {
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RELATIME;
        mount_new("tmpfs", "tmpfs", path, flags, "mode=755,size=1m,nr_inodes=256")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    use nix::sched::CloneFlags;
    use orlop_testbed::{Folder, Testbed};
    use rustix::mount::MountFlags;

    use super::*;

    #[test]
    fn a_bind_that_is_made_read_only_does_not_let_programs_and_devices_in() {
        let Some(_) = Testbed::with(&[]) else { return };
        let folder = Folder::new("init-early-bind");
        // A mount namespace of this thread's own: it ends with it.
        nix::sched::unshare(CloneFlags::CLONE_NEWNS).unwrap();
        rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
        let (from, to) = (folder.0.join("from"), folder.0.join("to"));
        for path in [&from, &to] {
            fs::create_dir(path).unwrap();
        }
        let safe = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        rustix::mount::mount("tmpfs", &from, "tmpfs", safe, None).unwrap();
        let options =
            Options { flags: MountFlags::RDONLY, cleared: MountFlags::empty(), propagation: None, data: String::new() };
        let (from, to) = (from.to_str().unwrap(), to.to_str().unwrap());
        bind(from, to, false, &options).unwrap();
        assert!(present(to).unwrap().contains(safe | MountFlags::RDONLY), "{:?}", present(to));
        assert!(!present(from).unwrap().contains(MountFlags::RDONLY), "only this place");
        let options =
            Options { flags: MountFlags::empty(), cleared: MountFlags::NOEXEC, propagation: None, data: String::new() };
        remount(from, &options).unwrap();
        assert_eq!(present(from).unwrap() & safe, MountFlags::NOSUID | MountFlags::NODEV);
        unmount(to).unwrap();
        unmount(from).unwrap();
    }

    #[test]
    fn who_fills_a_shared_folder_takes_no_room_from_others_and_what_is_there_is_not_covered() {
        let Some(_) = Testbed::with(&[]) else { return };
        let folder = Folder::new("init-early-shared");
        nix::sched::unshare(CloneFlags::CLONE_NEWNS).unwrap();
        rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
        let path = folder.0.join("orlop/metrics");
        let step = preparation::Step::Shared(path.to_str().unwrap().to_owned());
        assert_eq!(prepare(&step), Ok(None));
        let full = fs::write(path.join("much"), vec![1; 2 << 20]).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        let made = (0..).take_while(|n| fs::write(path.join(n.to_string()), "").is_ok()).take(1000).count();
        assert!(made < 300, "{made}");
        fs::write(folder.0.join("orlop/other"), vec![1; 2 << 20]).unwrap();
        assert_eq!(prepare(&step), Ok(None), "a second container");
        assert!(path.join("much").exists());
        unmount(path.to_str().unwrap()).unwrap();
        assert!(unmount(path.to_str().unwrap()).is_err(), "mounted once");
    }

    #[test]
    fn a_namespace_is_found_at_its_file_and_an_earlier_one_is_gone() {
        let Some(_) = Testbed::with(&[]) else { return };
        let folder = Folder::new("init-early-namespaces");
        nix::sched::unshare(CloneFlags::CLONE_NEWNS).unwrap();
        rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
        let path = folder.0.join("ns/net");
        let inode = |path: &Path| fs::metadata(path).unwrap().ino();
        let mut seen = Vec::new();
        for _ in 0..2 {
            nix::sched::unshare(CloneFlags::CLONE_NEWNET).unwrap();
            let namespace = fs::File::open("/proc/thread-self/ns/net").unwrap();
            bind_namespaces(&[("net", namespace.into(), path.to_str().unwrap().to_owned())]).unwrap();
            assert_eq!(inode(&path), inode(Path::new("/proc/thread-self/ns/net")));
            seen.push(inode(&path));
        }
        assert_ne!(seen[0], seen[1]);
        unmount(path.to_str().unwrap()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 0, "nothing is below it");
        assert!(unmount(path.to_str().unwrap()).is_err());
    }
}
