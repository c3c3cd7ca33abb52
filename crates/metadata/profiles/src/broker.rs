use orlop_sandbox::base;
use orlop_sandbox::capability::Capability;
use orlop_sandbox::profile::{BROKER_SLOTS, Pin, Profile, Rule, Slot, Value, join, request_slot};
use orlop_sandbox::seccomp::BROKER_BASE;
use orlop_sandbox::sys::numbers;
use orlop_sandbox::syscall;

/// The process that writes `/run/config` and names the machine. It opens disks and reads none of them, connects to metadata
/// services and hears none of them. Scaleway gives user data only to who asks from a port that an ordinary user cannot have.
pub const BROKER: Profile = Profile {
    name: "metadata-broker",
    keep: &[Capability::NetBindService],
    slots: &SLOTS,
    syscalls: &SYSCALLS,
    ..base::BROKER
};

/// Two more, to ask for each of the workers.
const SLOTS: [Slot; BROKER_SLOTS.len() + 2] = join(&[&BROKER_SLOTS, &[request_slot(0), request_slot(1)]]);

const SYSCALLS: [Rule; BROKER_BASE.len() + OWN.len()] = join(&[&BROKER_BASE, OWN]);

const INTERNET: u32 = numbers::AF_INET.cast_unsigned();
const INTERNET_6: u32 = numbers::AF_INET6.cast_unsigned();
/// `SOCK_STREAM`, non-blocking and not inherited: nothing else is opened after narrowing.
const STREAM: u32 = (numbers::SOCK_STREAM | numbers::SOCK_NONBLOCK | numbers::SOCK_CLOEXEC).cast_unsigned();
const SOCKET: u32 = numbers::SOL_SOCKET.cast_unsigned();
const INTERFACE: u32 = numbers::SO_BINDTOIFINDEX.cast_unsigned();

const OWN: &[Rule] = &[
    Rule::any(syscall!(SYS_openat2), "what is below /run/config, through no link and never out of it"),
    Rule::any(syscall!(SYS_mkdirat), "a folder there"),
    Rule::any(syscall!(SYS_getdents64), "what is in a folder there, and which disks there are"),
    Rule::any(syscall!(SYS_renameat2), "a folder replaces its predecessor whole"),
    Rule::any(syscall!(SYS_pwrite64), "the machine's name"),
    Rule::when(
        syscall!(SYS_socket),
        &[
            &[Pin::new(0, Value::Int(INTERNET)), Pin::new(1, Value::Int(STREAM))],
            &[Pin::new(0, Value::Int(INTERNET_6)), Pin::new(1, Value::Int(STREAM))],
        ],
        "a connection to a metadata service",
    ),
    Rule::when(
        syscall!(SYS_setsockopt),
        &[&[Pin::new(1, Value::Int(SOCKET)), Pin::new(2, Value::Int(INTERFACE))]],
        "it stays on the interface that leads there",
    ),
    Rule::any(syscall!(SYS_bind), "from a port that only root has"),
    Rule::any(syscall!(SYS_connect), "to an endpoint of the table"),
];
