use orlop_sandbox::base;
use orlop_sandbox::profile::{Ids, Limits, Profile, Rule, join, without};
use orlop_sandbox::seccomp::WORKER_BASE;
use orlop_sandbox::syscall;

/// The process that reads the file systems of disks, which nobody mounts: descriptors that its broker has opened for reading,
/// and nothing else. It has no socket but its channel.
pub const MEDIA: Profile = Profile {
    name: "metadata-media",
    ids: Ids { uid: USER, gid: USER },
    syscalls: &SYSCALLS,
    limits: Limits { open_files: MAX_DISKS as u64 + 16, ..Limits::WORKER },
    ..base::WORKER
};

/// Disks and their partitions that it is handed at the same time, at most.
pub const MAX_DISKS: u8 = 32;

const USER: u32 = 64_131;

/// None of what it is granted can be waited for, and it has no timer.
const BASE: [Rule; WORKER_BASE.len() - 2] = without(&WORKER_BASE, &[syscall!(SYS_epoll_ctl), syscall!(SYS_read)]);

const SYSCALLS: [Rule; BASE.len() + OWN.len()] = join(&[&BASE, OWN]);

const OWN: &[Rule] = &[Rule::any(syscall!(SYS_pread64), "sectors of a disk")];
