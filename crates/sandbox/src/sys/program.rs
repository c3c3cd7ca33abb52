//! Loading programs of the kernel's own, and attaching them to control groups (`bpf(2)`).
#![allow(unsafe_code, reason = "bpf has no safe wrapper")]

use core::ffi::c_long;
use core::mem::size_of;
use core::ptr;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

/// One instruction, as the kernel has it (`struct bpf_insn`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// What.
    pub code: u8,
    /// The destination register in the lower half, the source register in the upper one.
    pub registers: u8,
    /// How far to jump, or where in memory.
    pub offset: i16,
    /// A constant.
    pub constant: i32,
}

/// The beginning of `union bpf_attr` for [`LOAD`]; the kernel takes the rest as zeros.
#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    licence: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
}

/// The same for [`ATTACH`].
#[repr(C)]
struct Attach {
    target: u32,
    program: u32,
    kind: u32,
    flags: u32,
}

const LOAD: c_long = 5;
const ATTACH: c_long = 8;
/// `BPF_PROG_TYPE_CGROUP_DEVICE`.
const OF_DEVICES: u32 = 15;
/// `BPF_CGROUP_DEVICE`.
const AT_DEVICES: u32 = 6;
/// `BPF_F_ALLOW_MULTI`: groups below may have more, and all must agree.
const AND_OTHERS: u32 = 2;

/// Has the kernel check a program that decides who may use which device.
pub(crate) fn load(instructions: &[Instruction]) -> io::Result<OwnedFd> {
    let attributes = Load {
        kind: OF_DEVICES,
        count: instructions.len().try_into().map_err(io::Error::other)?,
        instructions: instructions.as_ptr() as u64,
        licence: c"Apache-2.0".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
    };
    // SAFETY: `attributes` is a whole prefix of the union for this command, and its size is passed; the instructions and
    // the licence that it points to live through the call, and the kernel only reads them.
    let program = unsafe { libc::syscall(libc::SYS_bpf, LOAD, ptr::from_ref(&attributes), size_of::<Load>()) };
    let program = check(program)?;
    // SAFETY: bpf(2) has just returned this descriptor, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(program) })
}

/// Has the kernel ask a program about every device that a process in this control group, or in one below it, opens or makes.
pub(crate) fn attach(group: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    let number = |fd: BorrowedFd<'_>| u32::try_from(fd.as_raw_fd()).map_err(io::Error::other);
    let attributes = Attach { target: number(group)?, program: number(program)?, kind: AT_DEVICES, flags: AND_OTHERS };
    // SAFETY: `attributes` is a whole prefix of the union for this command, and its size is passed; it holds no pointer.
    let result = unsafe { libc::syscall(libc::SYS_bpf, ATTACH, ptr::from_ref(&attributes), size_of::<Attach>()) };
    check(result).map(drop)
}

fn check(result: c_long) -> io::Result<i32> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    i32::try_from(result).map_err(io::Error::other)
}
