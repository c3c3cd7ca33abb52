use orlop_sandbox::broker::STDERR_SLOT;
use orlop_sandbox::channel;
use orlop_sandbox::privileges::Capability;
use orlop_sandbox::profile::{
    Denied, Ids, Kind, Landlock, LandlockSpec, Layers, Limits, Need, Pin, Profile, Role, Root, Rule, Slot, Usage,
    Value, join,
};
use orlop_sandbox::seccomp::{EPOLL_WAIT, EVERYWHERE, LEGACY, MEMORY};
use orlop_sandbox::sys::numbers;
use orlop_sandbox::syscall;

/// The process that acts on what the worker asks: addresses, routes, resolv.conf, packets by their fields.
///
/// It is uid 0, because what it writes belongs to root, but without root's powers. It reads no byte from the
/// network and links no parser of one.
pub const BROKER: Profile = Profile {
    name: "dhcp-broker",
    role: Role::Broker,
    ids: Ids { uid: 0, gid: 0 },
    keep: &[Capability::NetAdmin, Capability::NetRaw, Capability::NetBindService],
    slots: &SLOTS,
    syscalls: &SYSCALLS,
    denied: &DENIED,
    root: Root::Keep,
    limits: Limits { open_files: OPEN_FILES, ..Limits::BROKER },
    landlock: Landlock { need: Need::Prefer, spec: LandlockSpec::NamedPaths },
    layers: Layers::ALL,
};

/// Two sockets for each of 128 interfaces, and a few for itself.
const OPEN_FILES: u64 = 2 * 128 + 64;

const SLOTS: [Slot; 5] = [
    Slot { fd: 0, kind: Kind::Any, usage: Usage::Placeholder, why: "what the container gave us" },
    Slot { fd: 1, kind: Kind::Any, usage: Usage::Write, why: "what the user asked to be printed" },
    Slot { fd: 2, kind: Kind::Any, usage: Usage::Write, why: "the log" },
    Slot { fd: channel::SLOT, kind: Kind::Channel, usage: Usage::Both, why: "requests and notices" },
    Slot { fd: STDERR_SLOT, kind: Kind::Pipe, usage: Usage::Read, why: "the worker's log" },
];

const PACKET: u32 = numbers::AF_PACKET.cast_unsigned();
const INTERNET: u32 = numbers::AF_INET.cast_unsigned();
/// `SOCK_DGRAM`, non-blocking and not inherited: nothing else is opened after narrowing.
const DATAGRAM: u32 = (numbers::SOCK_DGRAM | numbers::SOCK_NONBLOCK | numbers::SOCK_CLOEXEC).cast_unsigned();

/// What a broker of this daemon does all day. No `exec`, no `fork`, no `ptrace`, no `mount`, no `listen`: the netlink
/// sockets and the control socket are open before this table is in force.
const SYSCALLS: [Rule; MEMORY.len() + 27] = join(&[&MEMORY, &OWN]);

const OWN: [Rule; 27] = [
    Rule::any(EPOLL_WAIT, "the loop waits for the worker, the kernel, users and timers"),
    Rule::any(syscall!(SYS_epoll_ctl), "a new socket joins the loop"),
    Rule::any(syscall!(SYS_recvmsg), "requests of the worker, never with a descriptor; netlink"),
    Rule::any(syscall!(SYS_recvfrom), "netlink; commands of the control socket"),
    Rule::any(syscall!(SYS_sendmsg), "notices that grant a descriptor; netlink"),
    Rule::any(syscall!(SYS_sendto), "notices; packets; RENEW and RELEASE; netlink"),
    Rule::when(
        syscall!(SYS_socket),
        &[
            &[Pin::new(0, Value::Int(PACKET)), Pin::new(1, Value::Int(DATAGRAM))],
            &[Pin::new(0, Value::Int(INTERNET)), Pin::new(1, Value::Int(DATAGRAM))],
        ],
        "an interface that arrives gets a listener, and port 68",
    ),
    Rule::any(syscall!(SYS_setsockopt), "its filter, locked; its device"),
    Rule::any(syscall!(SYS_bind), "the listener to its interface, the other to port 68"),
    Rule::any(syscall!(SYS_accept4), "a user connects to the control socket"),
    Rule::any(syscall!(SYS_getsockopt), "who that user is"),
    Rule::any(syscall!(SYS_read), "the worker's log, timers, signals, its own files"),
    Rule::any(syscall!(SYS_write), "the log, status and answers; tokio waking its own loop"),
    Rule::any(syscall!(SYS_pread64), "what the kernel says about the worker"),
    Rule::any(syscall!(SYS_pwrite64), "resolv.conf in place, in one piece"),
    Rule::any(syscall!(SYS_openat), "status, lease, resolv.conf, settings of an interface under /proc/sys"),
    Rule::any(syscall!(SYS_close), "a file or socket is no longer needed"),
    Rule::any(syscall!(SYS_fstat), "what kind of file resolv.conf is"),
    Rule::any(syscall!(SYS_ftruncate), "resolv.conf became shorter"),
    Rule::any(syscall!(SYS_flock), "who owns resolv.conf"),
    Rule::any(syscall!(SYS_fchmod), "status and lease files have their mode before they have their name"),
    Rule::any(syscall!(SYS_renameat), "a file replaces its predecessor whole"),
    Rule::any(syscall!(SYS_unlinkat), "what was published about an interface that is gone"),
    Rule::any(syscall!(SYS_timerfd_settime), "deadlines"),
    Rule::any(syscall!(SYS_clock_gettime), "drift: read without a system call, except on some clock sources"),
    Rule::any(syscall!(SYS_getrandom), "the keys of the first hash map"),
    Rule::any(syscall!(SYS_exit_group), "the end"),
];

const DENIED: [Denied; EVERYWHERE.len() + LEGACY.len()] = join(&[&EVERYWHERE, &LEGACY]);
