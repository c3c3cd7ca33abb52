//! What every worker may do: wait, talk to its broker, manage its memory, end.

use super::{EPOLL_WAIT, MEMORY, clocks};
use crate::profile::{CHANNEL_SLOT, FIRST_LISTENER, JOINT_SLOT, LISTENER_SLOTS, Pin, Rule, Value, join, without};
use crate::sys::numbers;
use crate::syscall;

/// The eventfd with which tokio wakes its own loop: the second descriptor of the runtime, which a worker builds
/// before anything else is open. The ladder looks, and refuses to lock when another number turns out.
pub const WAKE_FD: i32 = CHANNEL_SLOT + 2;
/// The same in a worker that is joined to another one.
const JOINED_WAKE_FD: i32 = JOINT_SLOT + 2;

/// The same in a worker that listens.
const LISTENING_WAKE_FD: i32 = LISTENER_SLOTS[LISTENER_SLOTS.len() - 1].fd + 2;

const STDERR: i32 = 2;
/// The last exit code before [`Exit::Permission`](crate::fatal::Exit::Permission) in the table.
const LAST_HONEST_EXIT: u32 = 76;

/// The rules of every worker. A profile appends what its daemon needs, and never replaces one.
///
/// No `open`, no `socket`, no `mprotect`: what a worker holds when it locks, and what its broker grants, is all it
/// will ever have. Nothing for `abort` either: refused its signal, it dies of the trap behind it. musl's allocator
/// would call `mprotect` when `brk` fails, which is when the limit on address space is reached: the end in any case.
pub const BASE: [Rule; MEMORY.len() + OWN.len()] = join(&[&MEMORY, OWN]);

/// [`BASE`] for a worker that is joined to another one, to which it may send as to its broker.
pub const JOINED_BASE: [Rule; MEMORY.len() + JOINED_OWN.len()] = join(&[&MEMORY, JOINED_OWN]);

/// [`BASE`] for a worker that is granted connected sockets and speaks to their peers. The flags are pinned as well as the
/// address: with `MSG_FASTOPEN` a refused TCP socket connects anew.
pub const SPEAKING_BASE: [Rule; MEMORY.len() + SPEAKING_OWN.len()] = join(&[&MEMORY, SPEAKING_OWN]);

/// [`SPEAKING_BASE`] for a worker that listens besides: it answers whoever asks through the two numbers that are kept for its UDP
/// listeners, which it cannot close or move, and it takes the connections that come to those of TCP. Its listeners are of the
/// machine's own device, so that no address leads further.
pub const LISTENING_BASE: [Rule; MEMORY.len() + LISTENING_OWN.len() + 1] = join(&[&MEMORY, LISTENING_OWN, &[ACCEPT]]);

/// [`BASE`] for a worker that is granted no descriptor and has no timer: none joins its loop, is read or is closed.
pub const UNGRANTED_BASE: [Rule; BASE.len() - 3] =
    without(&BASE, &[syscall!(SYS_epoll_ctl), syscall!(SYS_read), syscall!(SYS_close)]);

/// [`BASE`] for a worker that is granted descriptors and has no timer.
pub const TIMELESS_BASE: [Rule; BASE.len() - 1] = without(&BASE, &[syscall!(SYS_read)]);

const OWN: &[Rule] = &rules(
    &[&[Pin::fd(CHANNEL_SLOT), Pin::new(4, Value::Null)]],
    &[&[Pin::fd(STDERR)], &[Pin::fd(WAKE_FD)]],
    &[&[Pin::new(0, Value::AtLeast(WAKE_FD.cast_unsigned() + 1))]],
);

const SPEAKING_OWN: &[Rule] = &rules(
    &[&[Pin::fd(CHANNEL_SLOT), Pin::new(4, Value::Null)], &[Pin::new(3, Value::Int(PLAIN)), Pin::new(4, Value::Null)]],
    &[&[Pin::fd(STDERR)], &[Pin::fd(WAKE_FD)]],
    &[&[Pin::new(0, Value::AtLeast(WAKE_FD.cast_unsigned() + 1))]],
);

/// How everything is sent here: without waiting, and without a signal where nobody listens any more.
const PLAIN: u32 = (numbers::MSG_DONTWAIT | numbers::MSG_NOSIGNAL).cast_unsigned();

const JOINED_OWN: &[Rule] = &rules(
    &[&[Pin::fd(CHANNEL_SLOT), Pin::new(4, Value::Null)], &[Pin::fd(JOINT_SLOT), Pin::new(4, Value::Null)]],
    &[&[Pin::fd(STDERR)], &[Pin::fd(JOINED_WAKE_FD)]],
    &[&[Pin::new(0, Value::AtLeast(JOINED_WAKE_FD.cast_unsigned() + 1))]],
);

const LISTENING_OWN: &[Rule] = &rules(
    &[
        &[Pin::fd(CHANNEL_SLOT), Pin::new(4, Value::Null)],
        &[Pin::new(3, Value::Int(PLAIN)), Pin::new(4, Value::Null)],
        &[Pin::fd(FIRST_LISTENER), Pin::new(3, Value::Int(PLAIN))],
        &[Pin::fd(FIRST_LISTENER + 1), Pin::new(3, Value::Int(PLAIN))],
    ],
    &[&[Pin::fd(STDERR)], &[Pin::fd(LISTENING_WAKE_FD)]],
    &[&[Pin::new(0, Value::AtLeast(LISTENING_WAKE_FD.cast_unsigned() + 1))]],
);

const ACCEPT: Rule =
    Rule::any(syscall!(SYS_accept4), "a program of this machine connects to a listener that was granted");

const HONEST: Pins = &[&[Pin::new(0, Value::AtMost(LAST_HONEST_EXIT))]];

type Pins = &'static [&'static [Pin]];

/// What differs is to whom a worker may send, what it may write to, and which descriptors it may close.
const fn rules(to: Pins, written: Pins, granted: Pins) -> [Rule; 9] {
    [
        Rule::any(EPOLL_WAIT, "the loop waits for the channel, packets and timers"),
        Rule::any(syscall!(SYS_epoll_ctl), "a granted descriptor joins the loop, a closed one leaves it"),
        Rule::any(syscall!(SYS_recvmsg), "messages and descriptors from the broker; packets with their checksum state"),
        Rule::when(
            syscall!(SYS_sendto),
            to,
            "messages to the broker: on any other socket, or to any address, this would speak to the network",
        ),
        Rule::when(
            syscall!(SYS_write),
            written,
            "the log, and tokio waking its own loop when many sockets are closed: on a packet socket this would transmit",
        ),
        Rule::any(syscall!(SYS_read), "how often a timer expired"),
        Rule::when(
            syscall!(SYS_close),
            granted,
            "a granted descriptor is no longer needed; but a number that other rules name must not become free, because \
             the next descriptor to be granted would get it",
        ),
        Rule::when(
            syscall!(SYS_clock_gettime),
            clocks::PLAIN,
            "drift: read without a system call, except where the machine's clock source does not allow it",
        ),
        Rule::when(
            syscall!(SYS_exit_group),
            HONEST,
            "the end; but not with 77 or 78, which would end the service for good instead of restarting it",
        ),
    ]
}
