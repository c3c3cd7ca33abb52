use orlop_sandbox::base;
use orlop_sandbox::capability::Capability;
use orlop_sandbox::hardware_clock::REQUESTS;
use orlop_sandbox::profile::{BROKER_SLOTS, Pin, Profile, Rule, Slot, Value, join, request_slot};
use orlop_sandbox::seccomp::{BROKER_BASE, BROKER_ORDERS};
use orlop_sandbox::sys::numbers;
use orlop_sandbox::syscall;

/// The process that owns the clock. It reads no byte from the network and links no parser of one.
pub const BROKER: Profile =
    Profile { name: "ntp-broker", keep: &[Capability::SysTime], slots: &SLOTS, syscalls: &SYSCALLS, ..base::BROKER };

/// Two more, to ask for the workers that look up names and exchange keys.
const SLOTS: [Slot; BROKER_SLOTS.len() + 2] = join(&[&BROKER_SLOTS, &[request_slot(0), request_slot(1)]]);

const INTERNET: u32 = numbers::AF_INET.cast_unsigned();
const INTERNET_6: u32 = numbers::AF_INET6.cast_unsigned();
/// `SOCK_DGRAM`, non-blocking and not inherited: nothing else is opened after narrowing.
const DATAGRAM: u32 = (numbers::SOCK_DGRAM | numbers::SOCK_NONBLOCK | numbers::SOCK_CLOEXEC).cast_unsigned();
const STREAM: u32 = (numbers::SOCK_STREAM | numbers::SOCK_NONBLOCK | numbers::SOCK_CLOEXEC).cast_unsigned();
const LOCAL: u32 = numbers::AF_UNIX.cast_unsigned();
const PAIR: u32 = (numbers::SOCK_SEQPACKET | numbers::SOCK_NONBLOCK | numbers::SOCK_CLOEXEC).cast_unsigned();
const SOCKET: u32 = numbers::SOL_SOCKET.cast_unsigned();
const TIMES: u32 = numbers::SO_TIMESTAMPNS.cast_unsigned();
const WALL: u32 = numbers::CLOCK_REALTIME.cast_unsigned();

const SYSCALLS: [Rule; BROKER_BASE.len() + BROKER_ORDERS.len() + OWN.len()] =
    join(&[&BROKER_BASE, &BROKER_ORDERS, OWN]);

const OWN: &[Rule] = &[
    Rule::any(syscall!(SYS_adjtimex), "the clock: its offset, its rate, whether it is right (musl)"),
    Rule::when(
        syscall!(SYS_clock_adjtime),
        &[&[Pin::new(0, Value::Int(WALL))]],
        "the same by the other name (glibc), of the wall clock alone",
    ),
    Rule::when(
        syscall!(SYS_socket),
        &[
            &[Pin::new(0, Value::Int(INTERNET)), Pin::new(1, Value::Int(DATAGRAM))],
            &[Pin::new(0, Value::Int(INTERNET_6)), Pin::new(1, Value::Int(DATAGRAM))],
            &[Pin::new(0, Value::Int(INTERNET)), Pin::new(1, Value::Int(STREAM))],
            &[Pin::new(0, Value::Int(INTERNET_6)), Pin::new(1, Value::Int(STREAM))],
        ],
        "a server gets a socket of its own, a name server of long answers two, a key exchange one",
    ),
    Rule::when(
        syscall!(SYS_socketpair),
        &[&[Pin::new(0, Value::Int(LOCAL)), Pin::new(1, Value::Int(PAIR))]],
        "through which keys pass from one worker to the other",
    ),
    Rule::when(
        syscall!(SYS_setsockopt),
        &[&[Pin::new(1, Value::Int(SOCKET)), Pin::new(2, Value::Int(TIMES))]],
        "when the kernel got what it hears",
    ),
    Rule::any(syscall!(SYS_connect), "to that server alone"),
    Rule::when(
        syscall!(SYS_ioctl),
        &[
            &[Pin::new(1, Value::Int(REQUESTS[0]))],
            &[Pin::new(1, Value::Int(REQUESTS[1]))],
            &[Pin::new(1, Value::Int(REQUESTS[2]))],
        ],
        "the hardware clock is read, in the best way that it has, and nothing is set",
    ),
    Rule::any(syscall!(SYS_getdents64), "which interfaces the DHCP client has told of"),
];
