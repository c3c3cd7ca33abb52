use orlop_sandbox::base;
use orlop_sandbox::profile::{Ids, Limits, Profile, Rule, join};
use orlop_sandbox::seccomp::SPEAKING_WORKER_BASE;
use orlop_sandbox::syscall;

/// The process that exchanges keys with a server, over TLS: one socket that its broker has connected, the trusted certificates as an
/// open file, and an end of a pair for the keys.
pub const KEYS: Profile = Profile {
    name: "ntp-ke",
    ids: Ids { uid: USER, gid: USER },
    syscalls: &SYSCALLS,
    limits: Limits { open_files: OPEN_FILES, ..Limits::WORKER },
    ..base::SPEAKING_WORKER
};

const USER: u32 = 64_122;

/// A socket, a file, an end of a pair, and what the worker has from the start.
const OPEN_FILES: u64 = 3 + 16;

const SYSCALLS: [Rule; SPEAKING_WORKER_BASE.len() + OWN.len()] = join(&[&SPEAKING_WORKER_BASE, OWN]);

const OWN: &[Rule] = &[
    Rule::any(syscall!(SYS_timerfd_settime), "how long an exchange may take"),
    Rule::any(syscall!(SYS_getrandom), "ring makes the secrets of TLS itself, and takes no seed"),
];
