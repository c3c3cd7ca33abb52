use orlop_sandbox::broker::STDERR_SLOT;
use orlop_sandbox::channel;
use orlop_sandbox::privileges::Capability;
use orlop_sandbox::profile::{
    Denied, Ids, Kind, Landlock, LandlockSpec, Layers, Limits, Need, Profile, Role, Root, Rule, Slot, Usage, join,
};
use orlop_sandbox::seccomp::{EPOLL_WAIT, EVERYWHERE, LEGACY, MEMORY};
use orlop_sandbox::syscall;

/// The process that has the files: it feeds the worker, opens the settings that the plan names, hands each to the
/// applier of its class, and writes down what came of it.
///
/// It is uid 0, because `/proc/sys` belongs to root, without any of root's powers: a setting that asks for one opens
/// here and can be written only elsewhere. It reads configuration files and parses none.
pub const BROKER: Profile = Profile {
    name: "sysctl-broker",
    role: Role::Broker,
    ids: Ids { uid: 0, gid: 0 },
    keep: &[],
    slots: &SLOTS,
    syscalls: &SYSCALLS,
    denied: &DENIED,
    root: Root::Keep,
    limits: Limits::BROKER,
    landlock: Landlock { need: Need::Prefer, spec: LandlockSpec::NamedPaths },
    layers: Layers::ALL,
};

/// [`BROKER`] where the container granted `CAP_SYS_RESOURCE`: without it the kernel does not even let settings below
/// `user/` be opened for writing.
pub const BROKER_RESOURCE: Profile = Profile { keep: &[Capability::SysResource], ..BROKER };

const SLOTS: [Slot; 5] = [
    Slot { fd: 0, kind: Kind::Any, usage: Usage::Read, why: "settings, when the user says `-`" },
    Slot { fd: 1, kind: Kind::Any, usage: Usage::Write, why: "what the user asked to be printed" },
    Slot { fd: 2, kind: Kind::Any, usage: Usage::Write, why: "the log" },
    Slot { fd: channel::SLOT, kind: Kind::Channel, usage: Usage::Both, why: "requests and notices" },
    Slot { fd: STDERR_SLOT, kind: Kind::Pipe, usage: Usage::Read, why: "the worker's log" },
];

/// What a broker of this daemon does once its appliers run. No `exec`, no `fork`, no socket.
const SYSCALLS: [Rule; MEMORY.len() + 21] = join(&[&MEMORY, &OWN]);

const OWN: [Rule; 21] = [
    Rule::any(EPOLL_WAIT, "the loop waits for the worker, signals and timers"),
    Rule::any(syscall!(SYS_epoll_ctl), "the loop's descriptors join and leave it"),
    Rule::any(syscall!(SYS_recvmsg), "requests of the worker and trials of the appliers, never with a descriptor"),
    Rule::any(syscall!(SYS_sendto), "notices to the worker"),
    Rule::any(syscall!(SYS_sendmsg), "a job for an applier, with the setting's descriptor"),
    Rule::any(syscall!(SYS_openat2), "a setting or a folder of them: below /proc/sys, and through no link"),
    Rule::any(syscall!(SYS_getdents64), "what is in a folder of settings"),
    Rule::any(syscall!(SYS_fstat), "whether what was opened is a setting or a folder"),
    Rule::any(syscall!(SYS_fstatfs), "whether it is the kernel's"),
    Rule::any(syscall!(SYS_openat), "audit, status and metrics"),
    Rule::any(syscall!(SYS_fchmod), "they have their mode before they have their name"),
    Rule::any(syscall!(SYS_renameat), "a file replaces its predecessor whole"),
    Rule::any(syscall!(SYS_unlinkat), "a file that could not be written whole goes"),
    Rule::any(syscall!(SYS_read), "the worker's log, signals, timers"),
    Rule::any(syscall!(SYS_write), "the log, the report, its own files; tokio waking its own loop"),
    Rule::any(syscall!(SYS_pread64), "what the kernel says about worker and appliers"),
    Rule::any(syscall!(SYS_close), "a setting has been handed on"),
    Rule::any(syscall!(SYS_timerfd_settime), "deadlines"),
    Rule::any(syscall!(SYS_clock_gettime), "drift: read without a system call, except on some clock sources"),
    Rule::any(syscall!(SYS_getrandom), "the keys of the first hash map"),
    Rule::any(syscall!(SYS_exit_group), "the end"),
];

const DENIED: [Denied; EVERYWHERE.len() + LEGACY.len()] = join(&[&EVERYWHERE, &LEGACY]);
