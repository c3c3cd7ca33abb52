//! What every applier may do: take a job, read and write the descriptor that comes with it, answer, end.

use super::denied::IN_WORKERS;
use crate::channel;
use crate::profile::{Denied, Pin, Rule, Syscall, Value};
use crate::sys::numbers;
use crate::syscall;

/// The first number that a job's descriptor can have. Below are the log and the channel.
const FIRST_GRANTED: Pin = Pin { arg: 0, is: Value::AtLeast(channel::SLOT.cast_unsigned() + 1) };
const STDERR: i32 = 2;
const READ_WRITE: u64 = (numbers::PROT_READ | numbers::PROT_WRITE).cast_unsigned() as u64;
const PRIVATE_ANONYMOUS: u64 = (numbers::MAP_PRIVATE | numbers::MAP_ANONYMOUS).cast_unsigned() as u64;

/// The rules of every applier: no `open`, no `socket`, no `ioctl`, no loop and no clock. What its capability could do
/// elsewhere takes a descriptor or a system call that it does not have.
pub const BASE: [Rule; 11] = [
    Rule::any(syscall!(SYS_recvmsg), "a job, and the descriptor that it is about"),
    Rule::when(
        syscall!(SYS_sendto),
        &[&[Pin::fd(channel::SLOT), Pin::new(4, Value::Null)]],
        "what came of it: to the broker, and without an address to nobody else",
    ),
    Rule::any(syscall!(SYS_pread64), "the value before, and after"),
    Rule::when(
        syscall!(SYS_pwrite64),
        &[&[FIRST_GRANTED]],
        "the new value: whole, and at the beginning; never the log",
    ),
    Rule::when(syscall!(SYS_close), &[&[FIRST_GRANTED]], "a job is done; but log and channel keep their numbers"),
    Rule::when(syscall!(SYS_write), &[&[Pin::fd(STDERR)]], "why it ends, if it does"),
    Rule::when(
        syscall!(SYS_mmap),
        &[&[Pin::new(2, Value::Within(READ_WRITE)), Pin::new(3, Value::Long(PRIVATE_ANONYMOUS))]],
        "a large allocation: fresh memory only, never executable, never shared",
    ),
    Rule::any(syscall!(SYS_munmap), "a large allocation ends"),
    Rule::any(syscall!(SYS_mremap), "a large allocation grows"),
    Rule::any(syscall!(SYS_brk), "small allocations"),
    Rule::any(syscall!(SYS_exit_group), "the end"),
];

/// What ends an applier: all that ends a worker, but for the one call by which it does its work.
pub const IN_APPLIERS: [Denied; IN_WORKERS.len() - 1] = without(syscall!(SYS_pwrite64));

const fn without(allowed: Syscall) -> [Denied; IN_WORKERS.len() - 1] {
    let mut denied = [IN_WORKERS[0]; IN_WORKERS.len() - 1];
    let (mut from, mut to) = (0, 0);
    while from < IN_WORKERS.len() {
        if IN_WORKERS[from].syscall.number != allowed.number {
            denied[to] = IN_WORKERS[from];
            to += 1;
        }
        from += 1;
    }
    assert!(to == denied.len(), "the call is not in the table, or twice");
    denied
}
