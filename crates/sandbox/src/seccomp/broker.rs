//! What every broker may do: hear its workers, log, write small files, end.

use super::{EPOLL_WAIT, MEMORY, clocks};
use crate::profile::{Pin, Rule, Value, join};
use crate::sys::numbers;
use crate::syscall;

/// The rules of every broker. A profile appends what its daemon needs. No `exec`, no `fork`, no `ptrace`, no `mount`, no
/// `listen`.
pub const BASE: [Rule; MEMORY.len() + OWN.len()] = join(&[&MEMORY, OWN]);

const OWN: &[Rule] = &[
    Rule::any(EPOLL_WAIT, "the loop waits for workers, the kernel, users and timers"),
    Rule::any(syscall!(SYS_epoll_ctl), "what is watched joins the loop and leaves it"),
    Rule::any(syscall!(SYS_recvmsg), "the roster; requests of the workers, never with a descriptor"),
    Rule::any(syscall!(SYS_sendto), "notices to the workers"),
    Rule::any(syscall!(SYS_sendmsg), "what comes with a descriptor: grants to a worker, jobs for an applier"),
    Rule::any(syscall!(SYS_read), "the workers' logs, timers, signals, its own files"),
    Rule::any(syscall!(SYS_write), "the log, what the user asked for, its own files; tokio waking its own loop"),
    Rule::any(syscall!(SYS_pread64), "what the kernel says about its processes"),
    Rule::any(syscall!(SYS_openat), "its own files"),
    Rule::any(syscall!(SYS_fstat), "what kind of file it has opened"),
    Rule::any(syscall!(SYS_fchmod), "a file has its mode before it has its name"),
    Rule::any(syscall!(SYS_renameat), "a file replaces its predecessor whole"),
    Rule::any(syscall!(SYS_unlinkat), "a file that could not be written whole goes, and one that is not true any more"),
    Rule::any(syscall!(SYS_close), "a file or socket is no longer needed"),
    Rule::any(syscall!(SYS_timerfd_settime), "deadlines"),
    Rule::when(
        syscall!(SYS_clock_gettime),
        clocks::PLAIN,
        "drift: read without a system call, except on some clock sources",
    ),
    Rule::any(syscall!(SYS_getrandom), "the keys of the first hash map"),
    Rule::any(syscall!(SYS_exit_group), "the end"),
];

/// What a broker needs besides to take orders at its control socket: it joins this to [`BASE`], if it does.
pub const ORDERS: [Rule; 3] = [
    Rule::any(syscall!(SYS_recvfrom), "an order at the control socket"),
    Rule::any(syscall!(SYS_accept4), "a user connects to it"),
    Rule::when(
        syscall!(SYS_getsockopt),
        PEER,
        "who that user is: not a handle on its process, which the kernel offers, too",
    ),
];

/// The one question to a connection that takes orders: which user is at its other end.
pub const PEER: &[&[Pin]] = &[&[Pin::new(1, Value::Int(SOCKET_LEVEL)), Pin::new(2, Value::Int(PEER_CREDENTIALS))]];
const SOCKET_LEVEL: u32 = numbers::SOL_SOCKET.cast_unsigned();
const PEER_CREDENTIALS: u32 = numbers::SO_PEERCRED.cast_unsigned();
