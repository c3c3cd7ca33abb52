//! The other doors into the same kernel: a filter that reads only the native numbers would not see them.

use super::End::Killed;
use super::{Attack, UNKNOWN, attack};
use crate::syscall::call;

/// The attacks of this topic.
pub(super) const ATTACKS: &[Attack] = &[
    #[cfg(target_arch = "x86_64")]
    attack("32-bit-entry", "make system calls by their 32-bit numbers (int 0x80)", Killed, |_| {
        crate::syscall::compat_getpid()
    }),
    #[cfg(target_arch = "x86_64")]
    attack("x32-entry", "make system calls by their x32 numbers", UNKNOWN, |_| {
        call!(0x4000_0000_i64 | libc::SYS_getpid)
    })
    .note("a kernel without x32 has no such numbers"),
    #[cfg(target_arch = "x86_64")]
    attack("x32-open", "open a file by its x32 number", UNKNOWN, |_| {
        call!(0x4000_0000_i64 | libc::SYS_open, c"/etc/passwd", 0, 0)
    })
    .note("a kernel without x32 has no such numbers"),
    attack("unknown-number", "call a number that the filter's author did not know", UNKNOWN, |_| {
        call!(100_000_i64).or_else(|errno| if errno.0 == libc::ENOSYS { Err(errno) } else { Ok(0) })
    })
    .note("no kernel has it: nothing can succeed"),
];
