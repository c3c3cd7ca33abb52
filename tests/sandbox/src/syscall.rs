//! Raw system calls, as a compromised worker would make them: no library in between that could refuse first.
//!
//! This is the one place where the attacks are unsafe. The invariant all of it rests on: **the calling process is a
//! throw-away.** It was started for one attack, makes that attack, and reports through its exit status. Whatever a call
//! does to its memory, its descriptors or its identity, nothing runs afterwards that could rely on them. The arena, which does
//! live on, makes only calls whose every argument is a number or a reference that the call is known to stay within.

#![allow(unsafe_code, reason = "raw system calls are what an intruder makes")]

use std::ffi::{CStr, c_long};
use std::io;

/// Why the kernel refused a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Errno(pub i32);

impl Errno {
    /// What the last failed library call of this thread left behind.
    #[must_use]
    pub fn last() -> Self {
        Self(io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL))
    }

    /// The symbolic name, for tables a person reads; the number where the name is not one that occurs here.
    #[must_use]
    pub fn name(self) -> String {
        NAMES
            .iter()
            .find(|(number, _)| *number == self.0)
            .map_or_else(|| format!("errno {}", self.0), |(_, name)| (*name).to_owned())
    }
}

/// An attempt's result as an exit status, and back. A worker may not end with just any status (its profile pins that), so
/// a refusal is reported as its place in the table of names.
#[must_use]
pub fn to_status(attempt: Attempt) -> i32 {
    let place = |errno: Errno| {
        NAMES.iter().position(|(number, _)| *number == errno.0).and_then(|at| i32::try_from(at + 1).ok())
    };
    match attempt {
        Ok(_) => 0,
        Err(errno) => place(errno).unwrap_or(OTHER_STATUS),
    }
}

/// Reads [`to_status`] back; `None` for a status that no attempt reports.
#[must_use]
pub fn from_status(status: i32) -> Option<Attempt> {
    match usize::try_from(status).ok()? {
        0 => Some(Ok(0)),
        place => NAMES.get(place - 1).map(|(number, _)| Err(Errno(*number))),
    }
}

/// Reported for a refusal without a name here.
const OTHER_STATUS: i32 = 75;

/// How an attack ended from the attacker's point of view. `Ok` claims success; the judge may still disagree.
pub type Attempt = Result<usize, Errno>;

/// What can stand as an argument of a raw system call.
pub trait Raw {
    /// The register's content.
    fn raw(self) -> c_long;
}

macro_rules! numbers {
    ($($number:ty),*) => { $(impl Raw for $number {
        // A register has no sign: the kernel reads the bits.
        fn raw(self) -> c_long { self as c_long }
    })* };
}
numbers!(i32, u32, i64, u64, usize);

impl Raw for &CStr {
    fn raw(self) -> c_long {
        self.as_ptr() as c_long
    }
}

impl Raw for &[u8] {
    fn raw(self) -> c_long {
        self.as_ptr() as c_long
    }
}

impl Raw for &mut [u8] {
    fn raw(self) -> c_long {
        self.as_mut_ptr() as c_long
    }
}

impl<T> Raw for &T {
    fn raw(self) -> c_long {
        std::ptr::from_ref(self) as c_long
    }
}

impl<T> Raw for &mut T {
    fn raw(self) -> c_long {
        std::ptr::from_mut(self) as c_long
    }
}

/// `call!(number, arguments…)`: a raw system call with up to six arguments.
macro_rules! call {
    ($number:expr $(, $argument:expr)* $(,)?) => {
        $crate::syscall::invoke($number, &[$($crate::syscall::Raw::raw($argument)),*])
    };
}
pub(crate) use call;

/// Makes one system call. Pointers among the arguments come from references, through [`Raw`].
///
/// # Errors
/// The kernel's refusal.
pub fn invoke(number: c_long, arguments: &[c_long]) -> Attempt {
    let mut full = [0; 6];
    for (slot, argument) in full.iter_mut().zip(arguments) {
        *slot = *argument;
    }
    let [a, b, c, d, e, f] = full;
    // SAFETY: the process is a throw-away (module documentation); the pointers are of references that live in the caller's frame.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    usize::try_from(result).map_err(|_| Errno::last())
}

/// A message header with nothing in it: its padding differs between the C libraries, so it cannot be written down.
#[must_use]
pub fn empty_message() -> libc::mmsghdr {
    // SAFETY: every field is a number or a pointer, and zero is one of either.
    unsafe { std::mem::zeroed() }
}

/// Makes a system call of the fork family whose child, having no stack of its own to speak of, ends at once with status 0.
///
/// # Errors
/// The kernel's refusal, in the parent.
pub fn birth(number: c_long, a: c_long, b: c_long, c: c_long) -> Attempt {
    let result: c_long;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the child leaves this block never: it calls exit before touching memory, on whichever stack it was given.
    unsafe {
        core::arch::asm!(
            "syscall", "test rax, rax", "jnz 2f", "xor edi, edi", "mov eax, 60", "syscall", "ud2", "2:",
            inlateout("rax") number => result, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") 0_i64, in("r8") 0_i64,
            out("rcx") _, out("r11") _,
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the child leaves this block never: it calls exit before touching memory, on whichever stack it was given.
    unsafe {
        core::arch::asm!(
            "svc 0", "cbnz x0, 2f", "mov x8, 93", "svc 0", "brk 1", "2:",
            in("x8") number, inlateout("x0") a => result, in("x1") b, in("x2") c, in("x3") 0_i64, in("x4") 0_i64,
        );
    }
    usize::try_from(result).map_err(|_| Errno(i32::try_from(-result).unwrap_or(libc::EINVAL)))
}

/// `getpid` through the 32-bit entry of an x86-64 kernel, which a filter that looks only at 64-bit numbers would miss.
///
/// # Errors
/// The kernel's refusal. A kernel without the entry raises SIGSEGV instead.
#[cfg(target_arch = "x86_64")]
pub fn compat_getpid() -> Attempt {
    let result: i64;
    // SAFETY: getpid (20 in the 32-bit table) takes no argument and touches no memory.
    unsafe {
        core::arch::asm!("int 0x80", inlateout("rax") 20_i64 => result, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    usize::try_from(result).map_err(|_| Errno(i32::try_from(-result).unwrap_or(libc::EINVAL)))
}

macro_rules! names { ($($name:ident)*) => { &[$((libc::$name, stringify!($name))),*] }; }

/// The refusals that occur in the tables.
const NAMES: &[(i32, &str)] = names! {
    EPERM ENOENT ESRCH EINTR EIO E2BIG EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL
    ENFILE EMFILE ENOTTY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE ERANGE ENAMETOOLONG ENOSYS ELOOP EUSERS ENOTSOCK EDESTADDRREQ
    EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN
    ENETUNREACH ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ETIMEDOUT ECONNREFUSED EHOSTUNREACH EALREADY EINPROGRESS ENODATA
    ENXIO
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_survives_the_exit_status() {
        assert_eq!(from_status(to_status(Ok(17))), Some(Ok(0)), "success");
        for (number, name) in NAMES {
            let status = to_status(Err(Errno(*number)));
            assert!(status < OTHER_STATUS, "{name} needs a status that a worker may end with");
            assert_eq!(from_status(status), Some(Err(Errno(*number))), "{name}");
        }
        assert_eq!(from_status(to_status(Err(Errno(9999)))), None, "an errno without a name");
    }
}
