//! Control groups whose processes may use some devices only: the kernel asks a program. What the program is is its author's
//! affair; the kernel checks that it ends and reads nothing else.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};

pub use crate::sys::Instruction;
use crate::sys::{attach_program, load_program};

/// Has the kernel ask this program about every device that a process in this control group, or in one below it, opens or makes.
/// It is attached beside others, all of which must agree, and is gone with the group.
///
/// # Errors
/// When the kernel has no such programs (`CONFIG_CGROUP_BPF`), or does not accept this one, or we may not.
pub fn attach(group: BorrowedFd<'_>, program: &[Instruction]) -> io::Result<()> {
    attach_program(group, load_program(program)?.as_fd())
}

/// Has the kernel look at a program without using it.
///
/// # Errors
/// As [`attach`].
pub fn check(program: &[Instruction]) -> io::Result<()> {
    load_program(program).map(drop)
}
