use orlop_sandbox::channel;
use orlop_sandbox::profile::{
    Denied, Ids, Kind, Landlock, LandlockSpec, Layers, Limits, Need, Profile, Role, Root, Rule, Slot, Usage, join,
    without,
};
use orlop_sandbox::seccomp::{EVERYWHERE, IN_WORKERS, LEGACY, WORKER_BASE};
use orlop_sandbox::syscall;

/// The process that reads the text of sysctl.d files: what its broker sends, and nothing else.
pub const WORKER: Profile = Profile {
    name: "sysctl-worker",
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

/// The fifth of the numbers that Orlop's workers use, one each; images have no passwd file to clash with.
const USER: u32 = 64_105;

/// It is granted none: what it has from the start.
const OPEN_FILES: u64 = 16;

const SLOTS: [Slot; 4] = [
    Slot { fd: 0, kind: Kind::Null, usage: Usage::Placeholder, why: "nothing to read" },
    Slot { fd: 1, kind: Kind::Null, usage: Usage::Placeholder, why: "nothing to print" },
    Slot { fd: 2, kind: Kind::Pipe, usage: Usage::Write, why: "its log, which the broker relays" },
    Slot { fd: channel::SLOT, kind: Kind::Channel, usage: Usage::Both, why: "requests and notices" },
];

/// Less than other workers have: it is granted no descriptor, so that none joins its loop, is read or is closed.
const SYSCALLS: [Rule; WORKER_BASE.len() - 3] =
    without(&WORKER_BASE, &[syscall!(SYS_epoll_ctl), syscall!(SYS_read), syscall!(SYS_close)]);

const DENIED: [Denied; EVERYWHERE.len() + IN_WORKERS.len() + LEGACY.len()] = join(&[&EVERYWHERE, &IN_WORKERS, &LEGACY]);
