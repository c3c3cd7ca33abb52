use orlop_sandbox::base;
use orlop_sandbox::capability::Capability;
use orlop_sandbox::profile::{Limits, Pin, Profile, Rule, Value, join};
use orlop_sandbox::seccomp::{BROKER_BASE, PEER};
use orlop_sandbox::sys::numbers;
use orlop_sandbox::syscall;

/// The process that acts on what the worker asks: addresses, routes, resolv.conf, packets by their fields.
///
/// It is uid 0, because what it writes belongs to root, but without root's powers. It reads no byte from the
/// network and links no parser of one.
pub const BROKER: Profile = Profile {
    name: "dhcp-broker",
    keep: &[Capability::NetAdmin, Capability::NetRaw, Capability::NetBindService],
    syscalls: &SYSCALLS,
    limits: Limits { open_files: OPEN_FILES, ..Limits::BROKER },
    ..base::BROKER
};

/// Two sockets for each of 128 interfaces, and a few for itself.
const OPEN_FILES: u64 = 2 * 128 + 64;

const PACKET: u32 = numbers::AF_PACKET.cast_unsigned();
const INTERNET: u32 = numbers::AF_INET.cast_unsigned();
/// `SOCK_DGRAM`, non-blocking and not inherited: nothing else is opened after narrowing.
const DATAGRAM: u32 = (numbers::SOCK_DGRAM | numbers::SOCK_NONBLOCK | numbers::SOCK_CLOEXEC).cast_unsigned();

/// The netlink sockets and the control socket are open before this table is in force.
const SYSCALLS: [Rule; BROKER_BASE.len() + OWN.len()] = join(&[&BROKER_BASE, OWN]);

const OWN: &[Rule] = &[
    Rule::any(syscall!(SYS_recvfrom), "netlink; commands of the control socket"),
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
    Rule::when(syscall!(SYS_getsockopt), PEER, "who that user is"),
    Rule::any(syscall!(SYS_pwrite64), "resolv.conf in place, in one piece"),
    Rule::any(syscall!(SYS_ftruncate), "a resolv.conf of before us that is longer than any of ours"),
    Rule::any(syscall!(SYS_flock), "who owns resolv.conf"),
];
