use orlop_sandbox::base;
use orlop_sandbox::profile::{Ids, Limits, Profile, Rule, join};
use orlop_sandbox::seccomp::SPEAKING_WORKER_BASE;
use orlop_sandbox::syscall;

/// The process that asks name servers: sockets that its broker has connected, and nothing else. It has no word to those who
/// keep the time.
pub const LOOKUP: Profile = Profile {
    name: "ntp-lookup",
    ids: Ids { uid: USER, gid: USER },
    syscalls: &SYSCALLS,
    limits: Limits { open_files: OPEN_FILES, ..Limits::WORKER },
    ..base::SPEAKING_WORKER
};

const USER: u32 = 64_121;

/// A socket for each of 32 names at each of three servers, and what the worker has from the start.
const OPEN_FILES: u64 = 32 * 3 + 16;

const SYSCALLS: [Rule; SPEAKING_WORKER_BASE.len() + OWN.len()] = join(&[&SPEAKING_WORKER_BASE, OWN]);

const OWN: &[Rule] = &[Rule::any(syscall!(SYS_timerfd_settime), "when to ask again: counts the time asleep")];
