use orlop_sandbox::base;
use orlop_sandbox::profile::{Ids, Limits, Profile, Rule, join};
use orlop_sandbox::seccomp::LISTENING_WORKER_BASE;
use orlop_sandbox::syscall;

/// The process that programs ask and that asks servers: listeners of the machine's own device, sockets that its broker has
/// connected, and nothing else.
///
/// A connected UDP socket sends anywhere when it is given an address, so that `sendto` is pinned to none but on the two listeners,
/// from which no address leads off the machine.
pub const WORKER: Profile = Profile {
    name: "resolver-worker",
    ids: Ids { uid: USER, gid: USER },
    syscalls: &SYSCALLS,
    limits: Limits { open_files: OPEN_FILES, ..Limits::WORKER },
    ..base::LISTENING_WORKER
};

const USER: u32 = 64_140;

/// A pool of 256 sockets for each of 16 servers and as many under way, 128 connections of clients, 64 to servers, and what the
/// worker has from the start.
const OPEN_FILES: u64 = 16 * 256 + 1024 + 128 + 64 + 32;

const SYSCALLS: [Rule; LISTENING_WORKER_BASE.len() + OWN.len()] = join(&[&LISTENING_WORKER_BASE, OWN]);

const OWN: &[Rule] =
    &[Rule::any(syscall!(SYS_timerfd_settime), "when to ask again, and when to give up: counts the time asleep")];
