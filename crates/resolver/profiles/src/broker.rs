use orlop_sandbox::base;
use orlop_sandbox::capability::Capability;
use orlop_sandbox::profile::{BROKER_SLOTS, Limits, Pin, Profile, Rule, Slot, Value, join, request_slot};
use orlop_sandbox::seccomp::{BROKER_BASE, BROKER_ORDERS};
use orlop_sandbox::sys::numbers;
use orlop_sandbox::syscall;

/// The process that opens the sockets and owns resolv.conf. It reads no byte from the network and links no parser of one.
pub const BROKER: Profile = Profile {
    name: "resolver-broker",
    keep: &[Capability::NetBindService],
    slots: &SLOTS,
    syscalls: &SYSCALLS,
    limits: Limits { open_files: OPEN_FILES, ..Limits::BROKER },
    ..base::BROKER
};

/// One more, to ask for the worker.
const SLOTS: [Slot; BROKER_SLOTS.len() + 1] = join(&[&BROKER_SLOTS, &[request_slot(0)]]);

/// The kernel lets as many descriptors be under way: sixteen messages full of sockets.
const OPEN_FILES: u64 = 1024;

const INTERNET: u32 = numbers::AF_INET.cast_unsigned();
const INTERNET_6: u32 = numbers::AF_INET6.cast_unsigned();
const DATAGRAM: u32 = (numbers::SOCK_DGRAM | numbers::SOCK_NONBLOCK | numbers::SOCK_CLOEXEC).cast_unsigned();
const STREAM: u32 = (numbers::SOCK_STREAM | numbers::SOCK_NONBLOCK | numbers::SOCK_CLOEXEC).cast_unsigned();

const SOCKET: u32 = numbers::SOL_SOCKET.cast_unsigned();
const DEVICE: u32 = numbers::SO_BINDTODEVICE.cast_unsigned();

const SYSCALLS: [Rule; BROKER_BASE.len() + BROKER_ORDERS.len() + OWN.len()] =
    join(&[&BROKER_BASE, &BROKER_ORDERS, OWN]);

/// The listeners are open before this table is in force: no `bind`, no `listen`.
const OWN: &[Rule] = &[
    Rule::when(
        syscall!(SYS_socket),
        &[
            &[Pin::new(0, Value::Int(INTERNET)), Pin::new(1, Value::Int(DATAGRAM))],
            &[Pin::new(0, Value::Int(INTERNET_6)), Pin::new(1, Value::Int(DATAGRAM))],
            &[Pin::new(0, Value::Int(INTERNET)), Pin::new(1, Value::Int(STREAM))],
            &[Pin::new(0, Value::Int(INTERNET_6)), Pin::new(1, Value::Int(STREAM))],
        ],
        "each question to a server goes through a socket of its own",
    ),
    Rule::when(
        syscall!(SYS_setsockopt),
        &[&[Pin::new(1, Value::Int(SOCKET)), Pin::new(2, Value::Int(DEVICE))]],
        "through the interface whose network names it",
    ),
    Rule::any(syscall!(SYS_connect), "to that server alone"),
    Rule::any(syscall!(SYS_getdents64), "which interfaces the DHCP client has told of"),
    Rule::any(syscall!(SYS_pwrite64), "resolv.conf in place, in one piece"),
    Rule::any(syscall!(SYS_ftruncate), "a resolv.conf of before us that is longer than any of ours"),
    Rule::any(syscall!(SYS_flock), "who owns resolv.conf"),
];
