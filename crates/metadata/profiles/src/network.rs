use orlop_sandbox::base;
use orlop_sandbox::profile::{Ids, Limits, Profile, Rule, join};
use orlop_sandbox::seccomp::SPEAKING_WORKER_BASE;
use orlop_sandbox::syscall;

/// The process that asks a metadata service and reads what it answers, and what users have put into the firmware or a file:
/// one connection that its broker has made, and nothing else.
pub const NETWORK: Profile = Profile {
    name: "metadata-network",
    ids: Ids { uid: USER, gid: USER },
    syscalls: &SYSCALLS,
    limits: Limits { open_files: OPEN_FILES, ..Limits::WORKER },
    ..base::SPEAKING_WORKER
};

const USER: u32 = 64_130;

/// A connection, the next one while it is being replaced, and what the worker has from the start.
const OPEN_FILES: u64 = 2 + 16;

const SYSCALLS: [Rule; SPEAKING_WORKER_BASE.len() + OWN.len()] = join(&[&SPEAKING_WORKER_BASE, OWN]);

const OWN: &[Rule] = &[Rule::any(syscall!(SYS_timerfd_settime), "when to ask again, and when to give up")];
