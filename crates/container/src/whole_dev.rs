//! The machine's `/dev` in a container, as LinuxKit's images for disks ask for it (`binds: ["/dev:/dev"]`).
//!
//! libcontainer puts nodes and links into whatever is at `/dev` when its mounts are done, and fails when they are there already:
//! in the machine's they are, and what is not would be made for all to see. So it is given the configuration without this mount,
//! and the container gets it afterwards, over the `/dev` of its own, while its program waits.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread;

use libcontainer::oci_spec::runtime::{Mount, Spec};
use nix::sched::CloneFlags;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags};

use crate::sources::is_bind;

/// Where the mount belongs.
const DEV: &str = "/dev";

/// How the container is to have the machine's devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WholeDev {
    source: PathBuf,
    /// And what is mounted below it.
    recursive: bool,
    flags: MountFlags,
    /// Whether what is mounted there later is seen by the machine and the container: as libcontainer has it for every bind.
    propagation: Option<MountPropagationFlags>,
}

/// Takes the mount out of the configuration, if it is there, and puts in its place what other containers have: or nodes would
/// be made in the image. Of several the last one would lie on the others.
///
/// # Errors
/// As a line, when a file or a folder from elsewhere is to be bound on it: it would be below it.
pub(crate) fn take(spec: &mut Spec) -> Result<Option<WholeDev>, String> {
    let propagation = match spec.linux().as_ref().and_then(|linux| linux.rootfs_propagation().as_deref()) {
        Some("shared") => None,
        Some("private") => Some(MountPropagationFlags::PRIVATE | MountPropagationFlags::REC),
        _ => Some(MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC),
    };
    let mut found = None;
    for mount in spec.mounts_mut().iter_mut().flatten() {
        if let Some(whole) = WholeDev::of(mount, propagation) {
            let options = ["nosuid", "strictatime", "mode=755", "size=65536k"].map(str::to_owned).to_vec();
            mount.set_typ(Some("tmpfs".to_owned())).set_source(Some("tmpfs".into())).set_options(Some(options));
            found = Some(whole);
        } else if found.is_some() && is_hidden(mount) {
            return Err(format!(
                "config.json mounts {} on the machine's /dev, which hides it",
                mount.destination().display()
            ));
        }
    }
    Ok(found)
}

/// Whether it would be missed below the machine's `/dev`. The machine's own files are there anyway, and its `pts` and `shm`.
fn is_hidden(mount: &Mount) -> bool {
    let target = mount.destination();
    is_bind(mount) && target.starts_with(DEV) && target != Path::new(DEV) && mount.source().as_ref() != Some(target)
}

impl WholeDev {
    fn of(mount: &Mount, propagation: Option<MountPropagationFlags>) -> Option<Self> {
        let options = mount.options().as_deref().unwrap_or_default();
        let has = |word: &str| options.iter().any(|option| option == word);
        if mount.destination() != Path::new(DEV) || !is_bind(mount) {
            return None;
        }
        let known = [
            ("ro", MountFlags::RDONLY),
            ("nosuid", MountFlags::NOSUID),
            ("noexec", MountFlags::NOEXEC),
            ("nodev", MountFlags::NODEV),
        ];
        let flags = known.into_iter().filter(|(word, _)| has(word)).map(|(_, flag)| flag).collect();
        Some(Self { source: mount.source().clone()?, recursive: has("rbind"), flags, propagation })
    }

    /// Mounts it in the namespace of a container whose program waits.
    ///
    /// # Errors
    /// As a line, when there is nothing at its source, or the kernel refuses.
    pub(crate) fn put(&self, first: i32) -> Result<(), String> {
        let put = || -> io::Result<()> {
            let recursive = if self.recursive { OpenTreeFlags::AT_RECURSIVE } else { OpenTreeFlags::empty() };
            let clone = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
            let tree = rustix::mount::open_tree(CWD, &self.source, clone | recursive)?;
            let path = format!("/proc/{first}/ns/mnt");
            let namespace = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
            let (flags, propagation) = (self.flags, self.propagation);
            // A thread, so that we ourselves stay where we are.
            let inside = thread::Builder::new().spawn(move || mount_inside(&namespace, &tree, flags, propagation))?;
            inside.join().map_err(|_| io::Error::other("the thread that mounts it has ended"))?
        };
        put().map_err(|error| format!("cannot bind {} at {DEV}: {error}", self.source.display()))
    }
}

fn mount_inside(
    namespace: &OwnedFd,
    tree: &OwnedFd,
    flags: MountFlags,
    propagation: Option<MountPropagationFlags>,
) -> io::Result<()> {
    // Who shares root and working folder with others may not leave for another namespace.
    nix::sched::unshare(CloneFlags::CLONE_FS)?;
    nix::sched::setns(namespace, CloneFlags::CLONE_NEWNS)?;
    rustix::mount::move_mount(tree, "", CWD, DEV, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    if let Some(propagation) = propagation {
        rustix::mount::mount_change(DEV, propagation)?;
    }
    if !flags.is_empty() {
        rustix::mount::mount_remount(DEV, flags | MountFlags::BIND, c"")?;
    }
    Ok(())
}

/// A bundle with this configuration, and the root file system of another one. It is gone with the value.
#[derive(Debug)]
pub(crate) struct Changed(PathBuf);

impl Changed {
    /// # Errors
    /// When it cannot be written, as a line.
    pub(crate) fn write(root: &Path, id: &str, mut spec: Spec, bundle: &Path) -> Result<Self, String> {
        // No container has a name with a space in it.
        let folder = root.join(format!("{id} bundle"));
        let wrong = |error: &dyn core::fmt::Display| format!("cannot write {}: {error}", folder.display());
        spec.canonicalize_rootfs(bundle).map_err(|error| wrong(&error))?;
        fs::create_dir_all(&folder).map_err(|error| wrong(&error))?;
        spec.save(folder.join("config.json")).map_err(|error| wrong(&error))?;
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        // The next one of this name is written over it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use orlop_testbed::Folder;

    use super::*;

    fn spec(mounts: &str) -> Spec {
        serde_json::from_str(&format!(
            r#"{{"ociVersion":"1.0.2","root":{{"path":"rootfs"}},"mounts":[
            {{"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","mode=755"]}}{mounts}]}}"#
        ))
        .unwrap()
    }

    #[test]
    fn only_a_bind_of_all_of_dev_is_taken_out() {
        let down = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
        let (source, flags) = (PathBuf::from("/dev"), MountFlags::empty());
        let whole = WholeDev { source, recursive: true, flags, propagation: Some(down) };
        for (what, mounts, want, binds) in [
            ("none", "", None, 0),
            (
                "LinuxKit's",
                r#",{"destination":"/dev","source":"/dev","options":["rw","rbind","rshared"]}"#,
                Some(whole.clone()),
                0,
            ),
            (
                "read-only",
                r#",{"destination":"/dev/","source":"/dev","options":["bind","ro"]}"#,
                Some(WholeDev { recursive: false, flags: MountFlags::RDONLY, ..whole.clone() }),
                0,
            ),
            ("one of its files", r#",{"destination":"/dev/kmsg","source":"/dev/kmsg","options":["bind"]}"#, None, 1),
            ("elsewhere", r#",{"destination":"/host/dev","source":"/dev","options":["bind"]}"#, None, 1),
        ] {
            let mut spec = spec(mounts);
            assert_eq!(take(&mut spec), Ok(want), "{what}");
            let left: Vec<&Mount> = spec.mounts().iter().flatten().collect();
            let is_bind = |mount: &&&Mount| mount.options().iter().flatten().any(|option| option.contains("bind"));
            assert_eq!(left.iter().filter(is_bind).count(), binds, "{what}");
            let in_memory = |mount: &&Mount| mount.typ().as_deref() == Some("tmpfs");
            assert_eq!(left.iter().filter(|mount| in_memory(mount)).count(), left.len() - binds, "{what}");
        }
    }

    #[test]
    fn what_the_machines_dev_would_hide_is_refused() {
        let whole = r#"{"destination":"/dev","source":"/dev","options":["rbind"]}"#;
        let bind = |to: &str| format!(r#"{{"destination":"{to}","source":"/dev/log","options":["bind"]}}"#);
        for (what, mounts, good) in [
            ("a file of its own", format!(",{whole},{}", bind("/dev/x")), false),
            ("before the machine's, which is to lie over it", format!(",{},{whole}", bind("/dev/x")), true),
            ("the machine's own", format!(",{whole},{}", bind("/dev/log")), true),
            ("elsewhere", format!(",{whole},{}", bind("/devices")), true),
            (
                "LinuxKit's own",
                format!(r#",{whole},{{"destination":"/dev/pts","type":"devpts","source":"devpts"}}"#),
                true,
            ),
            ("without the machine's", format!(",{}", bind("/dev/x")), true),
        ] {
            assert_eq!(take(&mut spec(&mounts)).is_ok(), good, "{what}");
        }
    }

    #[test]
    fn mounts_are_seen_as_the_configuration_says() {
        let bind = r#",{"destination":"/dev","source":"/dev","options":["rbind","rshared"]}"#;
        for (what, word, want) in [
            ("shared", "shared", None),
            ("private", "private", Some(MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)),
            ("a slave", "slave", Some(MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)),
        ] {
            let mut spec = spec(bind);
            let mut linux = libcontainer::oci_spec::runtime::Linux::default();
            linux.set_rootfs_propagation(Some(word.to_owned()));
            spec.set_linux(Some(linux));
            assert_eq!(take(&mut spec).unwrap().unwrap().propagation, want, "{what}");
        }
    }

    #[test]
    fn a_changed_bundle_leads_to_the_same_root_and_leaves_nothing() {
        let folder = Folder::new("container-changed");
        let (root, bundle) = (folder.0.join("root"), folder.0.join("bundle"));
        fs::create_dir_all(bundle.join("rootfs")).unwrap();
        let changed = Changed::write(&root, "x", spec(""), &bundle).unwrap();
        let read = Spec::load(changed.path().join("config.json")).unwrap();
        assert_eq!(*read.root().as_ref().unwrap().path(), bundle.join("rootfs"));
        drop(changed);
        assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
    }
}
