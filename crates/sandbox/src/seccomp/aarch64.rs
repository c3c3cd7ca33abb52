//! Names that only aarch64 has, or that it never had.

use crate::profile::{Denied, Syscall};
use crate::syscall;

/// How a loop waits here: there is no `epoll_wait`.
pub const EPOLL_WAIT: Syscall = syscall!(SYS_epoll_pwait);

/// Older names of what the other tables deny: this architecture started without them.
pub const LEGACY: [Denied; 0] = [];

/// What starting a program needs of [`LEGACY`].
pub(super) const LEGACY_UNTIL_CONFINED: [Syscall; 0] = [];
