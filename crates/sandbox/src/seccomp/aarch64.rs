//! Names that only aarch64 has, or that libc does not know here.

use crate::profile::{Denied, Syscall};
use crate::syscall;

/// How a loop waits here: there is no `epoll_wait`.
pub const EPOLL_WAIT: Syscall = syscall!(SYS_epoll_pwait);

/// What libc has no constant for here in one of its variants. Older names this architecture never had.
pub const LEGACY: [Denied; 2] = [
    Denied { syscall: SETRLIMIT, why: "lift a limit" },
    Denied {
        syscall: Syscall { name: "kexec_file_load", number: 294 },
        why: "load code into the kernel or replace it",
    },
];

/// From the generic table of the kernel (`asm-generic/unistd.h`), like the other number here.
const SETRLIMIT: Syscall = Syscall { name: "setrlimit", number: 164 };

/// What starting a program needs of [`LEGACY`].
pub(super) const LEGACY_UNTIL_CONFINED: [Syscall; 1] = [SETRLIMIT];
