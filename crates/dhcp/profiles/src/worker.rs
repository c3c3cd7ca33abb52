use orlop_sandbox::base;
use orlop_sandbox::profile::{Ids, Limits, Profile, Rule, join};
use orlop_sandbox::seccomp::WORKER_BASE;
use orlop_sandbox::syscall;

/// The process that parses DHCP: descriptors that its broker grants, and nothing else.
///
/// It hears through packet sockets and could transmit on them: Linux has no filter for that. So its system calls
/// are pinned: it writes to stderr and to its own eventfd, and sends to the broker without an address.
pub const WORKER: Profile = Profile {
    name: "dhcp-worker",
    ids: Ids { uid: USER, gid: USER },
    syscalls: &SYSCALLS,
    limits: Limits { open_files: OPEN_FILES, ..Limits::WORKER },
    ..base::WORKER
};

/// The first of the numbers that Orlop's workers use, one each; images have no passwd file to clash with.
const USER: u32 = 64_101;

/// Two packet sockets for each of 128 interfaces, for DHCP and for ARP, and what the worker has from the start.
const OPEN_FILES: u64 = 2 * 128 + 16;

const SYSCALLS: [Rule; WORKER_BASE.len() + OWN.len()] = join(&[&WORKER_BASE, OWN]);

const OWN: &[Rule] =
    &[Rule::any(syscall!(SYS_timerfd_settime), "when to retransmit, renew, rebind, expire: counts the time asleep")];
