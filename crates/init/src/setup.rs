//! What a machine needs before its first container, as a list of steps. Pure; [`crate::early`] does them.
//!
//! It is what LinuxKit's init does, in its order, without the file systems that nobody here asks for.

use rustix::mount::MountFlags;

/// One thing to do. What fails is said, and the boot goes on: half a machine can still say what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Mount a file system; its folder is made if it is not there.
    Mount(&'static Mount),
    /// Make a folder with this mode.
    Folder(&'static str, u32),
    /// Make a symbolic link: where, and to what.
    Link(&'static str, &'static str),
    /// Make a device that is read and written by characters, unless it is there: path, major and minor number, mode.
    Device(&'static str, u32, u32, u32),
    /// Containers together get less than the machine has.
    Bounds,
    /// Nothing below `/` itself may be changed from here on.
    ReadOnlyRoot,
    /// What is mounted from here on is also seen in containers that bind a folder above it.
    ShareRoot,
    /// What is mounted here is left out when a folder above it is bound.
    Unbindable(&'static str),
}

/// A file system to mount.
#[derive(Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where.
    pub target: &'static str,
    /// What kind.
    pub kind: &'static str,
    /// How.
    pub flags: MountFlags,
    /// What only this kind understands.
    pub data: &'static str,
    /// A kernel without it is no reason to say anything.
    pub optional: bool,
}

/// Where process 1 and the runtime keep what they know of containers: process ids, and the runtime's state. No container gets
/// there. It is not below `/run`, which containers bind and could rename things in, and a bind of `/` leaves it out.
pub const PRIVATE: &str = "/.orlop";

const SAFE: MountFlags =
    MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC).union(MountFlags::RELATIME);
const DEVICES: MountFlags = MountFlags::NOSUID.union(MountFlags::NOEXEC).union(MountFlags::RELATIME);

const fn needed(target: &'static str, kind: &'static str, flags: MountFlags, data: &'static str) -> Mount {
    Mount { target, kind, flags, data, optional: false }
}

const fn optional(target: &'static str, kind: &'static str) -> Mount {
    Mount { target, kind, flags: SAFE, data: "", optional: true }
}

/// In this order: what is mounted below another comes after it. `/proc` and `/dev` come first, so that what is wrong can be said.
const MOUNTS: &[Mount] = &[
    needed("/proc", "proc", SAFE, ""),
    needed("/dev", "devtmpfs", DEVICES, "size=10m,mode=755"),
    needed("/dev/pts", "devpts", DEVICES, "gid=5,mode=620,ptmxmode=666"),
    needed("/dev/shm", "tmpfs", SAFE, "mode=1777"),
    needed("/dev/mqueue", "mqueue", SAFE, ""),
    needed("/run", "tmpfs", SAFE, "size=10%,mode=755"),
    // Whoever fills the rest of `/run` keeps neither `boot.json` nor the name servers from being written.
    needed("/run/orlop", "tmpfs", SAFE, "size=4m,mode=755"),
    needed("/run/resolvconf", "tmpfs", SAFE, "size=256k,nr_inodes=64,mode=755"),
    needed("/tmp", "tmpfs", SAFE, "size=10%,mode=1777"),
    needed("/var", "tmpfs", SAFE, "size=50%,mode=755"),
    needed("/sys", "sysfs", SAFE, ""),
    needed("/sys/fs/cgroup", "cgroup2", SAFE, ""),
    optional("/sys/kernel/security", "securityfs"),
    optional("/sys/kernel/config", "configfs"),
    optional("/sys/fs/bpf", "bpf"),
    optional("/sys/fs/pstore", "pstore"),
    optional("/sys/firmware/efi/efivars", "efivarfs"),
    // A runtime's state is some ten kilobytes per container.
    needed(PRIVATE, "tmpfs", SAFE, "size=64m,mode=700"),
];

/// Where devtmpfs has not made them already: `Documentation/admin-guide/devices.txt`.
const DEVICES_NEEDED: &[Step] = &[
    Step::Device("/dev/console", 5, 1, 0o600),
    Step::Device("/dev/tty", 5, 0, 0o666),
    Step::Device("/dev/tty1", 4, 1, 0o620),
    Step::Device("/dev/null", 1, 3, 0o666),
    Step::Device("/dev/zero", 1, 5, 0o666),
    Step::Device("/dev/full", 1, 7, 0o666),
    Step::Device("/dev/random", 1, 8, 0o666),
    Step::Device("/dev/urandom", 1, 9, 0o666),
    Step::Device("/dev/kmsg", 1, 11, 0o660),
];

const LINKS: &[Step] = &[
    Step::Link("/dev/fd", "/proc/self/fd"),
    Step::Link("/dev/stdin", "/proc/self/fd/0"),
    Step::Link("/dev/stdout", "/proc/self/fd/1"),
    Step::Link("/dev/stderr", "/proc/self/fd/2"),
    Step::Link("/dev/core", "/proc/kcore"),
    Step::Link("/var/run", "/run"),
];

/// What programs expect in `/var`, which is empty at every boot.
const FOLDERS: &[Step] = &[
    Step::Folder("/var/cache", 0o755),
    Step::Folder("/var/empty", 0o555),
    Step::Folder("/var/lib", 0o755),
    Step::Folder("/var/local", 0o755),
    Step::Folder("/var/lock", 0o755),
    Step::Folder("/var/log", 0o755),
    Step::Folder("/var/opt", 0o755),
    Step::Folder("/var/spool", 0o755),
    Step::Folder("/var/tmp", 0o1777),
];

/// The kinds of file systems that a machine begins with. None of them keeps anything when it goes off.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    MOUNTS.iter().map(|mount| mount.kind)
}

/// Everything, in order.
#[must_use]
pub fn steps() -> Vec<Step> {
    let mounts = MOUNTS.iter().map(Step::Mount);
    let listed = [DEVICES_NEEDED, LINKS, FOLDERS].into_iter().flatten().copied();
    // Folders for mounts are made before the root cannot be changed any more.
    mounts.chain(listed).chain([Step::Bounds, Step::ReadOnlyRoot, Step::ShareRoot, Step::Unbindable(PRIVATE)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_lies_where_no_container_can_rename_what_is_above_it() {
        let private: Vec<_> = MOUNTS.iter().filter(|mount| mount.target == PRIVATE).collect();
        assert!(matches!(private[..], [mount] if mount.kind == "tmpfs" && mount.data.contains("mode=700")));
        // All above it is the root, which is read-only.
        assert_eq!(PRIVATE.matches('/').count(), 1, "{PRIVATE}");
    }

    /// Where a step works, if it works at one place.
    fn place(step: Step) -> Option<&'static str> {
        match step {
            Step::Mount(mount) => Some(mount.target),
            Step::Folder(path, _) | Step::Link(path, _) | Step::Device(path, ..) => Some(path),
            Step::Bounds | Step::ReadOnlyRoot | Step::ShareRoot | Step::Unbindable(_) => None,
        }
    }

    #[test]
    fn nothing_is_made_where_something_is_mounted_later() {
        let steps = steps();
        for (n, step) in steps.iter().enumerate() {
            let Step::Mount(mount) = step else { continue };
            let hidden = steps[..n]
                .iter()
                .filter_map(|step| place(*step))
                .find(|path| path.strip_prefix(mount.target).is_some_and(|rest| rest.starts_with('/')));
            assert_eq!(hidden, None, "{} hides it", mount.target);
        }
    }

    #[test]
    fn only_console_and_kernel_log_are_not_for_everybody() {
        for step in steps() {
            if let Step::Device(path, _, _, mode) = step {
                let private = ["/dev/console", "/dev/tty1", "/dev/kmsg"].contains(&path);
                assert_eq!(mode & 0o006 == 0, private, "{path}");
            }
        }
    }

    #[test]
    fn no_file_system_but_the_root_has_programs_or_devices() {
        for mount in MOUNTS {
            assert!(mount.flags.contains(MountFlags::NOSUID | MountFlags::NOEXEC), "{}", mount.target);
            let devices = mount.target == "/dev" || mount.target == "/dev/pts";
            assert_eq!(mount.flags.contains(MountFlags::NODEV), !devices, "{}", mount.target);
        }
    }

    #[test]
    fn the_root_is_closed_last_and_once() {
        let steps = steps();
        // Sharing takes "unbindable" away again.
        assert!(steps.ends_with(&[Step::ReadOnlyRoot, Step::ShareRoot, Step::Unbindable(PRIVATE)]));
        assert_eq!(steps.iter().filter(|step| place(**step).is_none()).count(), 4);
    }
}
