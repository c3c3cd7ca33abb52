use orlop_sandbox::base;
use orlop_sandbox::profile::{Ids, Limits, Profile, Rule, join};
use orlop_sandbox::seccomp::SPEAKING_WORKER_BASE;
use orlop_sandbox::syscall;

/// The process that asks servers what time it is: sockets that its broker has connected, and nothing else.
///
/// A connected UDP socket sends anywhere when it is given an address, so that `sendto` is pinned to none.
pub const WORKER: Profile = Profile {
    name: "ntp-worker",
    ids: Ids { uid: USER, gid: USER },
    syscalls: &SYSCALLS,
    limits: Limits { open_files: OPEN_FILES, ..Limits::WORKER },
    ..base::SPEAKING_WORKER
};

const USER: u32 = 64_120;

/// One socket for each of 16 servers, one more for each while it is being replaced, and what the worker has from the start.
const OPEN_FILES: u64 = 2 * 16 + 16;

const SYSCALLS: [Rule; SPEAKING_WORKER_BASE.len() + OWN.len()] = join(&[&SPEAKING_WORKER_BASE, OWN]);

const OWN: &[Rule] = &[Rule::any(syscall!(SYS_timerfd_settime), "when to ask again: counts the time asleep")];
