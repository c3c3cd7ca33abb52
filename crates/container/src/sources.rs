//! What a configuration binds from elsewhere: looked up once, through no link that a container may have made, and held until the
//! container has it.
//!
//! The path of a bind's source is otherwise looked up when the container is made, as whoever shares a folder of it has left it:
//! a link in the place of `resolv.conf` would lead into the container that reads it, with all that is there. What a container can
//! change is therefore mounted at a place of our own first, and the configuration is given that.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use libcontainer::oci_spec::runtime::{Mount, Spec};
use orlop_sandbox::steady::{self, Steady};
use rustix::fs::FileType;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};

/// Every container of LinuxKit's has it; nobody who shares its folder keeps others from starting.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The mounts of our own, gone with the value.
#[derive(Debug)]
pub(crate) struct Sources(PathBuf);

/// What came of looking.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// For as long as the container is being made.
    pub(crate) held: Option<Sources>,
    /// What the container is made without, as a line.
    pub(crate) left_out: Option<String>,
}

/// Puts into the place of each bind's source what it leads to.
///
/// # Errors
/// As a line, when a source is not there, leads through a link of a container's, or cannot be held.
pub(crate) fn take(spec: &mut Spec, root: &Path, id: &str) -> Result<Taken, String> {
    let mut taken = Taken::default();
    let Some(mounts) = spec.mounts().clone() else { return Ok(taken) };
    let mut kept = Vec::with_capacity(mounts.len());
    for mut mount in mounts {
        let Some(source) = mount.source().clone().filter(|_| is_bind(&mount)) else {
            kept.push(mount);
            continue;
        };
        let wrong = |error: io::Error| format!("cannot bind {}: {error}", source.display());
        let found = match found(&mount, &source) {
            Ok(found) => found,
            Err(error) if mount.destination() == Path::new(RESOLV_CONF) => {
                taken.left_out = Some(format!("{RESOLV_CONF} is left out: {}", wrong(error)));
                continue;
            }
            Err(error) => return Err(wrong(error)),
        };
        let steady = if found.is_fixed {
            found.path
        } else {
            if taken.held.is_none() {
                taken.held = Some(Sources::new(root, id).map_err(wrong)?);
            }
            let held = taken.held.as_ref().map(|held| held.hold(&found, kept.len(), is_recursive(&mount)));
            held.transpose().map_err(wrong)?.unwrap_or(found.path)
        };
        mount.set_source(Some(steady));
        kept.push(mount);
    }
    spec.set_mounts(Some(kept));
    Ok(taken)
}

fn found(mount: &Mount, source: &Path) -> io::Result<Steady> {
    let found = steady::open(source)?;
    if mount.destination() == Path::new(RESOLV_CONF) && kind(&found)? != FileType::RegularFile {
        return Err(io::Error::other("it is no file"));
    }
    Ok(found)
}

fn kind(found: &Steady) -> io::Result<FileType> {
    Ok(FileType::from_raw_mode(rustix::fs::fstat(&found.opened)?.st_mode))
}

pub(crate) fn is_bind(mount: &Mount) -> bool {
    mount.options().iter().flatten().any(|option| ["bind", "rbind"].contains(&option.as_str()))
}

fn is_recursive(mount: &Mount) -> bool {
    mount.options().iter().flatten().any(|option| option == "rbind")
}

impl Sources {
    fn new(root: &Path, id: &str) -> io::Result<Self> {
        // No container has a name with a space in it.
        let folder = root.join(format!("{id} sources"));
        fs::create_dir_all(&folder)?;
        // Of a runtime that was killed.
        let _ = rustix::mount::unmount(&folder, UnmountFlags::DETACH);
        rustix::mount::mount("tmpfs", &folder, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"mode=700,size=256k")?;
        let held = Self(folder);
        rustix::mount::mount_change(&held.0, MountPropagationFlags::PRIVATE)?;
        Ok(held)
    }

    /// Mounts it at a name that no other has; gives its path.
    fn hold(&self, found: &Steady, number: usize, is_recursive: bool) -> io::Result<PathBuf> {
        let path = self.0.join(number.to_string());
        if kind(found)? == FileType::Directory {
            fs::create_dir(&path)?;
        } else {
            File::create_new(&path)?;
        }
        let opened = format!("/proc/self/fd/{}", found.opened.as_raw_fd());
        if is_recursive {
            rustix::mount::mount_bind_recursive(opened, &path)?;
        } else {
            rustix::mount::mount_bind(opened, &path)?;
        }
        Ok(path)
    }
}

impl Drop for Sources {
    fn drop(&mut self) {
        // With all that is mounted in it; the container has its own mounts of the same.
        let _ = rustix::mount::unmount(&self.0, UnmountFlags::DETACH);
        let _ = fs::remove_dir(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, symlink};
    use std::{panic, thread};

    use nix::sched::CloneFlags;
    use orlop_testbed::{Folder, Testbed};
    use serde_json::json;

    use super::*;

    /// Where the runtime has what it knows.
    const STATE: &str = "/state";

    /// Whatever `scene` says, with `/run` as the file system that containers write to, and `/fixed` on the root that none does:
    /// in a mount namespace and a root that end with it, for the machine's own may be of any kind.
    fn on_a_machine(test: &str, scene: fn()) {
        if Testbed::with(&[]).is_none() {
            return;
        }
        let folder = Folder::new(test);
        let enter = || {
            // The root of this thread becomes its own, too (`CLONE_FS`).
            nix::sched::unshare(CloneFlags::CLONE_NEWNS).unwrap();
            rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
            let empty = |path: &Path| rustix::mount::mount("tmpfs", path, "tmpfs", MountFlags::empty(), c"mode=755");
            empty(&folder.0).unwrap();
            fs::create_dir(folder.0.join("proc")).unwrap();
            rustix::mount::mount_bind_recursive("/proc", folder.0.join("proc")).unwrap();
            rustix::process::chroot(&folder.0).unwrap();
            fs::create_dir("/run").unwrap();
            empty(Path::new("/run")).unwrap();
            for path in ["/run/shared/sub", "/run/other", "/fixed"] {
                fs::create_dir_all(path).unwrap();
            }
            fs::write("/run/shared/resolv.conf", "nameserver 192.0.2.53\n").unwrap();
            symlink("/run/shared/resolv.conf", "/fixed/resolv.conf").unwrap();
            scene();
        };
        if let Err(panic) = thread::scope(|threads| threads.spawn(enter).join()) {
            panic::resume_unwind(panic);
        }
    }

    fn spec(binds: &[(&str, &str)]) -> Spec {
        let bind = |(source, destination): &(&str, &str)| json!({"destination": destination, "source": source, "options": ["rbind", "ro"]});
        let mut mounts = vec![json!({"destination": "/proc", "type": "proc", "source": "proc"})];
        mounts.extend(binds.iter().map(bind));
        serde_json::from_value(json!({"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "mounts": mounts})).unwrap()
    }

    fn sources(spec: &Spec) -> Vec<PathBuf> {
        spec.mounts().iter().flatten().filter_map(|mount| mount.source().clone()).collect()
    }

    #[test]
    fn what_a_container_can_change_is_held_as_it_was_found() {
        on_a_machine("sources-held", || {
            let mut spec = spec(&[("/run/shared", "/a"), ("/fixed/resolv.conf", "/etc/resolv.conf"), ("/fixed", "/b")]);
            let before = spec.clone();
            let taken = take(&mut spec, Path::new(STATE), "x").unwrap();
            assert!(spec != before && taken.left_out.is_none());
            let [_, shared, resolv_conf, fixed] = &sources(&spec)[..] else { panic!("{spec:?}") };
            assert_eq!(fixed, Path::new("/fixed"), "nobody changes that");
            let inode = |path: &Path| fs::metadata(path).unwrap().ino();
            let found = inode(Path::new("/run/shared"));
            assert_eq!(inode(shared), found);
            // What is put into the place of both afterwards is not what the container gets.
            fs::rename("/run/shared", "/run/away").unwrap();
            symlink("/proc", "/run/shared").unwrap();
            assert_eq!(inode(shared), found);
            assert_eq!(fs::read_to_string(resolv_conf).unwrap(), "nameserver 192.0.2.53\n");
            drop(taken);
            assert_eq!(fs::read_dir(STATE).unwrap().count(), 0, "nothing stays");
        });
    }

    #[test]
    fn a_link_that_a_container_may_have_made_is_not_followed_and_costs_resolv_conf_alone() {
        on_a_machine("sources-links", || {
            fs::remove_file("/run/shared/resolv.conf").unwrap();
            for (what, plant) in [
                ("a link to a file of the kernel's", "/proc/sys/kernel/core_pattern"),
                ("a link to a folder", "/proc"),
                ("a link to nothing", "/nothing"),
            ] {
                symlink(plant, "/run/shared/resolv.conf").unwrap();
                let mut own = spec(&[("/run/shared/resolv.conf", "/x")]);
                let error = take(&mut own, Path::new(STATE), "x").unwrap_err();
                assert!(error.contains("is a link"), "{what}: {error}");
                assert_left_out(what);
                fs::remove_file("/run/shared/resolv.conf").unwrap();
            }
            assert_left_out("nothing");
            fs::create_dir("/run/shared/resolv.conf").unwrap();
            assert_left_out("a folder");
            symlink("/proc", "/run/link").unwrap();
            let mut below = spec(&[("/run/link/sys", "/y")]);
            assert!(take(&mut below, Path::new(STATE), "x").is_err(), "on the way");
        });
    }

    fn assert_left_out(what: &str) {
        let mut every = spec(&[("/fixed/resolv.conf", "/etc/resolv.conf"), ("/run/other", "/z")]);
        let taken = take(&mut every, Path::new(STATE), "x").unwrap();
        assert!(
            taken.left_out.as_ref().is_some_and(|line| line.contains("resolv.conf is left out")),
            "{what}: {taken:?}"
        );
        assert_eq!(sources(&every).len(), 2, "{what}: the others are there");
    }

    #[test]
    fn a_bind_of_what_is_not_there_is_an_error() {
        on_a_machine("sources-missing", || {
            let mut none = spec(&[("/run/none", "/x")]);
            let error = take(&mut none, Path::new(STATE), "x").unwrap_err();
            assert!(error.contains("cannot bind") && error.contains("No such file"), "{error}");
        });
    }
}
