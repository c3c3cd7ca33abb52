//! What every applier may do: take a job, read and write the descriptor that comes with it, answer, end.

use super::MEMORY;
use crate::profile::{CHANNEL_SLOT, Pin, Rule, Value, join};
use crate::syscall;

/// The first number that a job's descriptor can have. Below are the log and the channel.
const FIRST_GRANTED: Pin = Pin { arg: 0, is: Value::AtLeast(CHANNEL_SLOT.cast_unsigned() + 1) };
const STDERR: i32 = 2;

/// The rules of every applier: no `open`, no `socket`, no `ioctl`, no loop and no clock. What its capability could do
/// elsewhere takes a descriptor or a system call that it does not have.
pub const BASE: [Rule; MEMORY.len() + OWN.len()] = join(&[&MEMORY, OWN]);

const OWN: &[Rule] = &[
    Rule::any(syscall!(SYS_recvmsg), "a job, and the descriptor that it is about"),
    Rule::when(
        syscall!(SYS_sendto),
        &[&[Pin::fd(CHANNEL_SLOT), Pin::new(4, Value::Null)]],
        "what came of it: to the broker, and without an address to nobody else",
    ),
    Rule::any(syscall!(SYS_pread64), "the value before, and after"),
    Rule::when(
        syscall!(SYS_pwrite64),
        &[&[FIRST_GRANTED]],
        "the new value, at the beginning, and where the kernel takes a long list in pieces, the next one; never the log",
    ),
    Rule::when(syscall!(SYS_close), &[&[FIRST_GRANTED]], "a job is done; but log and channel keep their numbers"),
    Rule::when(syscall!(SYS_write), &[&[Pin::fd(STDERR)]], "why it ends, if it does"),
    Rule::any(syscall!(SYS_exit_group), "the end"),
];
