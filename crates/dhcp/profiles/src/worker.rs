use orlop_sandbox::channel;
use orlop_sandbox::profile::{
    Denied, Ids, Kind, Landlock, LandlockSpec, Layers, Limits, Need, Profile, Role, Root, Rule, Slot, Usage, join,
};
use orlop_sandbox::seccomp::{EVERYWHERE, IN_WORKERS, LEGACY, WORKER_BASE};
use orlop_sandbox::syscall;

/// The process that parses DHCP: descriptors that its broker grants, and nothing else.
///
/// It hears through packet sockets and could transmit on them: Linux has no filter for that. So its system calls
/// are pinned: it writes to stderr and to its own eventfd, and sends to the broker without an address.
pub const WORKER: Profile = Profile {
    name: "dhcp-worker",
    role: Role::Worker,
    ids: Ids { uid: USER, gid: USER },
    keep: &[],
    slots: &SLOTS,
    syscalls: &SYSCALLS,
    denied: &DENIED,
    root: Root::Empty,
    limits: Limits { open_files: OPEN_FILES, ..Limits::WORKER },
    landlock: Landlock { need: Need::Prefer, spec: LandlockSpec::Nothing },
    layers: Layers::ALL,
};

/// The first of the numbers that Orlop's workers use, one each; images have no passwd file to clash with.
const USER: u32 = 64_101;

/// One packet socket for each of 128 interfaces, and what the worker has from the start.
const OPEN_FILES: u64 = 128 + 16;

const SLOTS: [Slot; 4] = [
    Slot { fd: 0, kind: Kind::Null, usage: Usage::Placeholder, why: "nothing to read" },
    Slot { fd: 1, kind: Kind::Null, usage: Usage::Placeholder, why: "nothing to print" },
    Slot { fd: 2, kind: Kind::Pipe, usage: Usage::Write, why: "its log, which the broker relays" },
    Slot { fd: channel::SLOT, kind: Kind::Channel, usage: Usage::Both, why: "requests and notices" },
];

const SYSCALLS: [Rule; WORKER_BASE.len() + 1] = join(&[
    &WORKER_BASE,
    &[Rule::any(syscall!(SYS_timerfd_settime), "when to retransmit, renew, rebind, expire: counts the time asleep")],
]);

const DENIED: [Denied; EVERYWHERE.len() + IN_WORKERS.len() + LEGACY.len()] = join(&[&EVERYWHERE, &IN_WORKERS, &LEGACY]);
