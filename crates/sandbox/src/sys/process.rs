//! Starting, ending and restricting processes.
#![allow(unsafe_code, reason = "fork, exec by descriptor, signal masks and seccomp have no safe wrapper")]

use core::ffi::{CStr, c_int, c_uint};
use core::mem::MaybeUninit;
use core::ptr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::panic::{UnwindSafe, catch_unwind};

use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions};
use seccompiler::sock_filter;

/// A program to start.
pub(crate) struct Spawn<'a> {
    /// The binary, opened.
    pub(crate) program: BorrowedFd<'a>,
    /// Its arguments, its own name first. It gets no environment.
    pub(crate) arguments: &'a [&'a CStr],
    /// Which of our descriptors becomes which of its, in order of the latter; all above the last are closed.
    pub(crate) descriptors: &'a [(BorrowedFd<'a>, c_int)],
}

/// Starts a program as a child that dies with us, with default signal handling and no signal blocked.
///
/// # Errors
/// When there can be no more processes or descriptors. A program that cannot be executed shows as a child that
/// ends with [`CANNOT_EXECUTE`].
pub(crate) fn spawn(spawn: &Spawn<'_>) -> io::Result<Pid> {
    // Copies above every target, so that no target overwrites a source that is still needed.
    let above = spawn.descriptors.iter().map(|(_, target)| *target).max().unwrap_or(2) + 1;
    let copies: Vec<(OwnedFd, c_int)> = spawn
        .descriptors
        .iter()
        .map(|(fd, target)| Ok((rustix::io::fcntl_dupfd_cloexec(fd, above)?, *target)))
        .collect::<io::Result<_>>()?;
    let program = rustix::io::fcntl_dupfd_cloexec(spawn.program, above)?;
    let mut arguments: Vec<*const libc::c_char> = spawn.arguments.iter().map(|argument| argument.as_ptr()).collect();
    arguments.push(ptr::null());
    let environment = [ptr::null()];
    let parent = rustix::process::getpid();
    // SAFETY: this process has one thread, so the child's memory is consistent; the child makes system calls and
    // nothing else until it executes or ends.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => child(program.as_fd(), &arguments, &environment, &copies, above, parent),
        pid => Pid::from_raw(pid).ok_or_else(|| io::Error::other("fork returned no process")),
    }
}

/// Starts a copy of this process that holds `descriptor` as number `slot`, the numbers below as we do and nothing above,
/// dies with us, runs `work`, and ends with its result.
///
/// This process must have one thread. `work` may use none of its descriptors but the one that it is given.
///
/// # Errors
/// When there can be no more processes.
pub(crate) fn fork(
    descriptor: BorrowedFd<'_>,
    slot: c_int,
    work: impl FnOnce(OwnedFd) -> u8 + UnwindSafe,
) -> io::Result<Pid> {
    let parent = rustix::process::getpid();
    // SAFETY: this process has one thread, so the child's memory is consistent, allocator included. The child never
    // leaves this arm, so nothing that its parent owns is dropped a second time.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let code = match hold_only(descriptor, slot, parent) {
                // A panic must not unwind into what the child shares with its parent's call.
                Some(descriptor) => catch_unwind(|| work(descriptor)).unwrap_or(ABORTED),
                None => ABORTED,
            };
            // SAFETY: _exit ends the process without running anything of it.
            unsafe { libc::_exit(code.into()) }
        }
        pid => Pid::from_raw(pid).ok_or_else(|| io::Error::other("fork returned no process")),
    }
}

/// The status of a copy that ended before its work had a result.
const ABORTED: u8 = 70;

/// The child's side of [`fork`], until its work begins.
fn hold_only(descriptor: BorrowedFd<'_>, slot: c_int, parent: Pid) -> Option<OwnedFd> {
    // SAFETY: prctl with integers only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    if rustix::process::getppid() != Some(parent) {
        return None;
    }
    default_fault_signals();
    set_blocked(&[], libc::SIG_SETMASK).ok()?;
    // SAFETY: both are descriptor numbers, and the source is open. What the target number held is replaced, which
    // nothing in this copy uses.
    if unsafe { libc::dup2(descriptor.as_raw_fd(), slot) } < 0 {
        return None;
    }
    close_from(slot + 1).ok()?;
    // SAFETY: it has just been put there, and whatever had this number in the parent is not used in this copy.
    let held = unsafe { OwnedFd::from_raw_fd(slot) };
    rustix::io::fcntl_setfd(&held, rustix::io::FdFlags::CLOEXEC).ok()?;
    Some(held)
}

/// With which status a child ends whose program cannot be executed.
pub(crate) const CANNOT_EXECUTE: c_int = 126;

/// The child's side of [`spawn`]: no allocation, no lock, no return.
fn child(
    program: BorrowedFd<'_>,
    arguments: &[*const libc::c_char],
    environment: &[*const libc::c_char],
    descriptors: &[(OwnedFd, c_int)],
    above: c_int,
    parent: Pid,
) -> ! {
    // SAFETY: prctl with integers only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    // Set too late if the parent is gone by now: then somebody else has adopted us.
    if rustix::process::getppid() != Some(parent) {
        // SAFETY: _exit ends the process without running anything of it.
        unsafe { libc::_exit(CANNOT_EXECUTE) };
    }
    default_signals();
    let _unblocked = set_blocked(&[], libc::SIG_SETMASK);
    for (source, target) in descriptors {
        // SAFETY: both are descriptor numbers; the source is open. What the target number held is replaced.
        if unsafe { libc::dup2(source.as_raw_fd(), *target) } < 0 {
            // SAFETY: as above.
            unsafe { libc::_exit(CANNOT_EXECUTE) };
        }
    }
    // What our own parent left open for us is not for our children. Closing happens at exec: the program to
    // execute is one of them.
    let _best_effort = close_range(above, CLOSE_RANGE_CLOEXEC);
    // SAFETY: both arrays end with a null pointer and point to strings that live until the exec.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            program.as_raw_fd(),
            c"".as_ptr(),
            arguments.as_ptr(),
            environment.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    // SAFETY: as above.
    unsafe { libc::_exit(CANNOT_EXECUTE) }
}

/// Closes every descriptor from `first` on.
pub(crate) fn close_from(first: c_int) -> Result<(), Errno> {
    close_range(first, 0)
}

const CLOSE_RANGE_CLOEXEC: c_uint = 1 << 2;

fn close_range(first: c_int, flags: c_uint) -> Result<(), Errno> {
    // SAFETY: callers pass numbers above everything that this process still uses: the ladder before it has opened
    // anything, a child just before it executes, a copy before its work begins.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first.cast_unsigned(), c_uint::MAX, flags) };
    check(result)
}

/// Whether capability `number` is in the bounding set; `INVAL` when the kernel has no such capability.
pub(crate) fn is_bounding(number: u8) -> Result<bool, Errno> {
    // SAFETY: prctl with integers only.
    match unsafe { libc::prctl(libc::PR_CAPBSET_READ, libc::c_ulong::from(number), 0, 0, 0) } {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Errno::INVAL),
    }
}

/// Takes capability `number` out of the bounding set.
pub(crate) fn drop_bounding(number: u8) -> Result<(), Errno> {
    // SAFETY: prctl with integers only.
    check(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(number), 0, 0, 0) }.into())
}

/// The name that `ps` shows; the kernel keeps 15 bytes of it.
pub(crate) fn set_name(name: &str) {
    let mut bytes = [0_u8; 16];
    for (to, from) in bytes.iter_mut().take(15).zip(name.bytes()) {
        *to = from;
    }
    // SAFETY: the buffer ends with a zero byte and lives through the call.
    let _cosmetic = unsafe { libc::prctl(libc::PR_SET_NAME, bytes.as_ptr()) };
}

/// Lets a memory fault end the process. The handler that Rust installs would return into the fault for ever once
/// `sigaction` is filtered.
pub(crate) fn default_fault_signals() {
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: SIG_DFL is a valid disposition for both.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Takes back, in a child, what this process or whoever started it decided about signals: what is ignored stays so over an exec.
/// What says that a limit is reached is ignored: see [`ignore_limits`].
fn default_signals() {
    for signal in 1..=LAST_SIGNAL {
        // SAFETY: SIG_DFL is a valid disposition for every signal; where the kernel or the C library allows no change, it refuses.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    ignore_limits();
}

/// The last signal of the kernel (`_NSIG`).
const LAST_SIGNAL: c_int = 64;

/// Ignores what says that a limit on the size of files or on processor time is reached: a write that is too long then fails, and
/// says why, instead of ending who wrote.
pub(crate) fn ignore_limits() {
    for signal in [libc::SIGXFSZ, libc::SIGXCPU] {
        // SAFETY: SIG_IGN is a valid disposition for both.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Lets children that end wait until they are collected.
pub(crate) fn default_child_signal() {
    // SAFETY: SIG_DFL is a valid disposition for it.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// Adds a system call filter to this thread, which needs `no_new_privs` or CAP_SYS_ADMIN.
pub(crate) fn install_filter(program: &[sock_filter]) -> Result<(), Errno> {
    #[repr(C)]
    struct Program {
        length: u16,
        instructions: *const sock_filter,
    }
    let length = u16::try_from(program.len()).map_err(|_| Errno::TOOBIG)?;
    let program = Program { length, instructions: program.as_ptr() };
    // SAFETY: the struct is the kernel's sock_fprog; it and its instructions are read during the call only.
    check(unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) })
}

/// Blocks `signals`, so that they wait for [`wait_for_signal`]: also as PID 1, which ignores what it does not handle.
pub(crate) fn block_signals(signals: &[c_int]) -> io::Result<()> {
    set_blocked(signals, libc::SIG_BLOCK)
}

fn set_blocked(signals: &[c_int], how: c_int) -> io::Result<()> {
    let set = signal_set(signals);
    // SAFETY: the set is initialised and lives through the call; the old one is not asked for.
    match unsafe { libc::sigprocmask(how, &raw const set, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A descriptor that becomes readable for each of `signals`, which must be blocked.
pub(crate) fn signal_descriptor(signals: &[c_int]) -> io::Result<OwnedFd> {
    let set = signal_set(signals);
    // SAFETY: the set is initialised and lives through the call.
    let fd = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: signalfd has just returned it; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Waits until a child has ended, which [`reap`] then collects, for a tenth of a second at most. SIGCHLD must be blocked.
pub(crate) fn wait_for_child() {
    let set = signal_set(&[libc::SIGCHLD]);
    let limit = libc::timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    // SAFETY: set and timespec live through the call; information about the signal is not asked for.
    let _early = unsafe { libc::sigtimedwait(&raw const set, ptr::null_mut(), &raw const limit) };
}

fn signal_set(signals: &[c_int]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set it is given and cannot fail for a valid pointer.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for signal in signals {
        // SAFETY: the set is initialised; an invalid number would be refused without effect.
        unsafe { libc::sigaddset(set.as_mut_ptr(), *signal) };
    }
    // SAFETY: initialised by sigemptyset above.
    unsafe { set.assume_init() }
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// With this code.
    Exited(u8),
    /// By this signal.
    Killed(c_int),
}

/// Collects one ended child, any of them, without waiting.
pub(crate) fn reap() -> Option<(Pid, Waited)> {
    let (pid, status) = rustix::process::wait(WaitOptions::NOHANG).ok()??;
    let waited = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Waited::Exited(u8::try_from(code).unwrap_or(u8::MAX)),
        (None, signal) => Waited::Killed(signal.unwrap_or(libc::SIGKILL)),
    };
    Some((pid, waited))
}

fn check(result: libc::c_long) -> Result<(), Errno> {
    if result < 0 {
        return Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO));
    }
    Ok(())
}
