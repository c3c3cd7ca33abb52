//! Names that only x86-64 has, or that libc knows only there.

use crate::profile::{Denied, Syscall};
use crate::syscall;

/// How a loop waits here.
#[cfg(not(target_env = "musl"))]
pub const EPOLL_WAIT: Syscall = syscall!(SYS_epoll_wait);
/// How a loop waits here: musl makes this call first, and `epoll_wait` only where the kernel does not know it.
#[cfg(target_env = "musl")]
pub const EPOLL_WAIT: Syscall = syscall!(SYS_epoll_pwait);

const fn deny(syscall: Syscall, why: &'static str) -> Denied {
    Denied { syscall, why }
}

/// Older names of what the other tables deny, and what only this architecture can do.
pub const LEGACY: [Denied; 20] = [
    deny(syscall!(SYS_setrlimit), "lift a limit"),
    deny(syscall!(SYS_kexec_file_load), "load code into the kernel or replace it"),
    deny(syscall!(SYS_fork), "have a second process"),
    deny(syscall!(SYS_vfork), "have a second process"),
    deny(syscall!(SYS_creat), "change a file or directory"),
    deny(syscall!(SYS_rmdir), "change a file or directory"),
    deny(syscall!(SYS_link), "change a file or directory"),
    deny(syscall!(SYS_symlink), "change a file or directory"),
    deny(syscall!(SYS_mknod), "change a file or directory"),
    deny(syscall!(SYS_lchown), "change a file or directory"),
    deny(syscall!(SYS_inotify_init), "watch what others do with files"),
    deny(syscall!(SYS_iopl), "reach the hardware"),
    deny(syscall!(SYS_ioperm), "reach the hardware"),
    deny(syscall!(SYS_modify_ldt), "reach a rarely used part of the kernel"),
    deny(syscall!(SYS_arch_prctl), "undo what the sandbox set"),
    deny(syscall!(SYS_uselib), "run another program"),
    deny(syscall!(SYS_dup2), "move a descriptor to a number that the rules allow"),
    deny(syscall!(SYS_signalfd), "reach a rarely used part of the kernel"),
    deny(syscall!(SYS_epoll_create), "reach a rarely used part of the kernel"),
    deny(syscall!(SYS_eventfd), "reach a rarely used part of the kernel"),
];

/// What starting a program needs of [`LEGACY`].
pub(super) const LEGACY_UNTIL_CONFINED: [Syscall; 8] = [
    syscall!(SYS_setrlimit),
    syscall!(SYS_fork),
    syscall!(SYS_vfork),
    syscall!(SYS_arch_prctl),
    syscall!(SYS_dup2),
    syscall!(SYS_signalfd),
    syscall!(SYS_epoll_create),
    syscall!(SYS_eventfd),
];
