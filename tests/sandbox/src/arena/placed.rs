//! The descriptors that a process is started with, each under its number.
#![allow(unsafe_code, reason = "the standard library has no other way to number descriptors")]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::syscall::{Errno, call};

/// Has `command` start with the second of each pair open as a copy of the first, with a host name and System V objects of its
/// own, and mounts if asked for, so that no attack is felt by the next one.
pub(super) fn place(command: &mut Command, numbers: Numbers, own_mounts: bool) {
    // SAFETY: between fork and exec this makes system calls with numbers, which allocate nothing and take no lock.
    unsafe { command.pre_exec(move || arrange(numbers, own_mounts)) };
}

/// In two steps: a number may still be somebody else's.
fn arrange(numbers: Numbers, own_mounts: bool) -> io::Result<()> {
    let refused = |errno: Errno| io::Error::from_raw_os_error(errno.0);
    let mut aside = [0; NUMBERS];
    for (slot, (from, _)) in aside.iter_mut().zip(numbers) {
        *slot = call!(libc::SYS_fcntl, from, libc::F_DUPFD_CLOEXEC, ABOVE).map_err(refused)?;
    }
    for (from, (_, to)) in aside.into_iter().zip(numbers) {
        call!(libc::SYS_dup3, from, to, 0).map_err(refused)?;
    }
    let mounts = if own_mounts { libc::CLONE_NEWNS } else { 0 };
    call!(libc::SYS_unshare, mounts | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC).map_err(refused)?;
    Ok(())
}

/// Each descriptor, and the number that it gets.
pub(super) type Numbers = [(i32, i32); NUMBERS];
const NUMBERS: usize = 5;

/// Above every number that is given out.
const ABOVE: i32 = 200;
