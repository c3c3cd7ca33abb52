use orlop_sandbox::base;
use orlop_sandbox::profile::{Ids, Layers, Limits, Profile, Rule, without};
use orlop_sandbox::seccomp::WORKER_BASE;
use orlop_sandbox::syscall;

/// The process that reads the text of sysctl.d files: what its broker sends, and nothing else.
pub const WORKER: Profile = Profile {
    name: "sysctl-worker",
    ids: Ids { uid: USER, gid: USER },
    syscalls: &SYSCALLS,
    limits: Limits { open_files: OPEN_FILES, ..Limits::WORKER },
    ..base::WORKER
};

/// [`WORKER`] for a user who has no capability: the same program, which reads the same text and can do as little, but stays that user.
pub const LINT_WORKER: Profile = Profile { name: "sysctl-lint-worker", layers: Layers::UNPRIVILEGED, ..WORKER };

/// The fifth of the numbers that Orlop's workers use, one each; images have no passwd file to clash with.
const USER: u32 = 64_105;

/// It is granted none: what it has from the start.
const OPEN_FILES: u64 = 16;

/// Less than other workers have: it is granted no descriptor, so that none joins its loop, is read or is closed.
const SYSCALLS: [Rule; WORKER_BASE.len() - 3] =
    without(&WORKER_BASE, &[syscall!(SYS_epoll_ctl), syscall!(SYS_read), syscall!(SYS_close)]);
