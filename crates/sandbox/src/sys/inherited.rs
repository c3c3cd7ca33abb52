//! Descriptors that were open before the program began.
#![allow(unsafe_code, reason = "an inherited number has no owner until somebody takes it")]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use rustix::io::Errno;

/// The numbers that have been taken.
static TAKEN: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// Takes the inherited descriptor `number`, once; it is not inherited any further.
///
/// # Errors
/// When nothing is open there, or it was taken before.
pub(crate) fn take_inherited(number: i32) -> io::Result<OwnedFd> {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if taken.contains(&number) {
        return Err(Errno::BADF.into());
    }
    // SAFETY: only compared with the table of open descriptors: fails with EBADF when nothing is open.
    if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    taken.push(number);
    // SAFETY: it is open, and the list above gives it to one caller only. A process takes its slots first of all,
    // before anything it opens could have been given the number.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Runs `look` on descriptor `number`, if something is open there.
pub(crate) fn with_descriptor<R>(number: i32, look: impl FnOnce(std::os::fd::BorrowedFd<'_>) -> R) -> Option<R> {
    // SAFETY: asks for the flags of a number, which may be closed.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
        return None;
    }
    // SAFETY: it is open, and this single-threaded process closes nothing while `look` runs.
    Some(look(unsafe { std::os::fd::BorrowedFd::borrow_raw(number) }))
}

/// How many descriptors are open.
pub(crate) fn open_files() -> u16 {
    let open = (0..MAX_COUNTED).filter(|fd| with_descriptor(*fd, |_| ()).is_some()).count();
    u16::try_from(open).unwrap_or(u16::MAX)
}

/// More than a process has before anything was granted to it.
const MAX_COUNTED: i32 = 64;
