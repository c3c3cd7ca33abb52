//! What ends a process at once.
//!
//! These tables name what no correct process makes in any version of its C library. What a library might one day
//! try on its own (`openat` of a configuration file, `fstat`, `fcntl`, `madvise`, `getrandom`, `futex`, signal
//! masks) is not here: it fails with `ENOSYS`, softly.

use super::LEGACY;
use crate::profile::{Denied, Syscall, join, spared};
use crate::syscall;

const fn deny(syscall: Syscall, why: &'static str) -> Denied {
    Denied { syscall, why }
}

const PROGRAM: &str = "run another program";
const PROCESS: &str = "have a second process or thread, without these filters' owner noticing";
const OTHERS: &str = "read or steer another process";
const SIGNAL: &str = "signal another process";
const MOUNT: &str = "change what the file system shows";
const NAMESPACE: &str = "enter or make a namespace";
const SURFACE: &str = "reach a large part of the kernel";
const KEYS: &str = "use the kernel's key store";
const IPC: &str = "meet another process through named shared memory or queues";
const KERNEL: &str = "load code into the kernel or replace it";
const MACHINE: &str = "stop, rename or account for the machine";
const CLOCK: &str = "set the clock";
const IDENTITY: &str = "become another user or regain a capability";
const PRIORITY: &str = "starve other processes";
const LIMIT: &str = "lift a limit, here or elsewhere";
const SELF: &str = "undo what the sandbox set";
const CODE: &str = "make memory executable";
const HANDLE: &str = "open a file past its path";
const WATCH: &str = "watch what others do with files";
const FILES: &str = "change a file or directory";
const SOCKET: &str = "have a socket that was not granted, or point a granted one elsewhere";
const SPEAK: &str = "transmit on a granted socket";
const COPY: &str = "move bytes into a granted socket past the rules for writing";
const DUPLICATE: &str = "move a descriptor to a number that the rules allow";

/// What ends a worker.
pub const WORKER_DENIED: [Denied; EVERYWHERE.len() + IN_WORKERS.len() + LEGACY.len()] =
    join(&[&EVERYWHERE, &IN_WORKERS, &LEGACY]);
/// What ends a worker that listens: it takes the connections that come to its listeners.
pub const LISTENING_WORKER_DENIED: [Denied; WORKER_DENIED.len() - 1] = spared(&WORKER_DENIED, syscall!(SYS_accept4));
/// What ends a broker.
pub const BROKER_DENIED: [Denied; EVERYWHERE.len() + LEGACY.len()] = join(&[&EVERYWHERE, &LEGACY]);
/// What ends an applier.
pub const APPLIER_DENIED: [Denied; EVERYWHERE.len() + IN_APPLIERS.len() + LEGACY.len()] =
    join(&[&EVERYWHERE, &IN_APPLIERS, &LEGACY]);

/// For brokers and workers alike.
pub const EVERYWHERE: [Denied; 112] = [
    deny(syscall!(SYS_execve), PROGRAM),
    deny(syscall!(SYS_execveat), PROGRAM),
    deny(syscall!(SYS_memfd_create), PROGRAM),
    deny(syscall!(SYS_memfd_secret), PROGRAM),
    deny(syscall!(SYS_clone), PROCESS),
    deny(syscall!(SYS_clone3), PROCESS),
    deny(syscall!(SYS_ptrace), OTHERS),
    deny(syscall!(SYS_process_vm_readv), OTHERS),
    deny(syscall!(SYS_process_vm_writev), OTHERS),
    deny(syscall!(SYS_process_madvise), OTHERS),
    deny(syscall!(SYS_process_mrelease), OTHERS),
    deny(syscall!(SYS_pidfd_open), OTHERS),
    deny(syscall!(SYS_pidfd_getfd), OTHERS),
    deny(syscall!(SYS_kcmp), OTHERS),
    deny(syscall!(SYS_get_robust_list), OTHERS),
    deny(syscall!(SYS_move_pages), OTHERS),
    deny(syscall!(SYS_migrate_pages), OTHERS),
    deny(syscall!(SYS_pidfd_send_signal), SIGNAL),
    deny(syscall!(SYS_kill), SIGNAL),
    deny(syscall!(SYS_tkill), SIGNAL),
    deny(syscall!(SYS_tgkill), SIGNAL),
    deny(syscall!(SYS_rt_sigqueueinfo), SIGNAL),
    deny(syscall!(SYS_rt_tgsigqueueinfo), SIGNAL),
    deny(syscall!(SYS_timer_create), SIGNAL),
    deny(syscall!(SYS_mount), MOUNT),
    deny(syscall!(SYS_umount2), MOUNT),
    deny(syscall!(SYS_pivot_root), MOUNT),
    deny(syscall!(SYS_chroot), MOUNT),
    deny(syscall!(SYS_open_tree), MOUNT),
    deny(syscall!(SYS_move_mount), MOUNT),
    deny(syscall!(SYS_fsopen), MOUNT),
    deny(syscall!(SYS_fsconfig), MOUNT),
    deny(syscall!(SYS_fsmount), MOUNT),
    deny(syscall!(SYS_fspick), MOUNT),
    deny(syscall!(SYS_mount_setattr), MOUNT),
    deny(syscall!(SYS_quotactl), MOUNT),
    deny(syscall!(SYS_quotactl_fd), MOUNT),
    deny(syscall!(SYS_unshare), NAMESPACE),
    deny(syscall!(SYS_setns), NAMESPACE),
    deny(syscall!(SYS_bpf), SURFACE),
    deny(syscall!(SYS_perf_event_open), SURFACE),
    deny(syscall!(SYS_io_uring_setup), SURFACE),
    deny(syscall!(SYS_io_uring_enter), SURFACE),
    deny(syscall!(SYS_io_uring_register), SURFACE),
    deny(syscall!(SYS_io_setup), SURFACE),
    deny(syscall!(SYS_userfaultfd), SURFACE),
    deny(syscall!(SYS_add_key), KEYS),
    deny(syscall!(SYS_request_key), KEYS),
    deny(syscall!(SYS_keyctl), KEYS),
    deny(syscall!(SYS_shmget), IPC),
    deny(syscall!(SYS_shmat), IPC),
    deny(syscall!(SYS_shmctl), IPC),
    deny(syscall!(SYS_semget), IPC),
    deny(syscall!(SYS_semctl), IPC),
    deny(syscall!(SYS_semop), IPC),
    deny(syscall!(SYS_semtimedop), IPC),
    deny(syscall!(SYS_msgget), IPC),
    deny(syscall!(SYS_msgctl), IPC),
    deny(syscall!(SYS_msgsnd), IPC),
    deny(syscall!(SYS_msgrcv), IPC),
    deny(syscall!(SYS_mq_open), IPC),
    deny(syscall!(SYS_mq_unlink), IPC),
    deny(syscall!(SYS_init_module), KERNEL),
    deny(syscall!(SYS_finit_module), KERNEL),
    deny(syscall!(SYS_delete_module), KERNEL),
    deny(syscall!(SYS_kexec_load), KERNEL),
    deny(syscall!(SYS_reboot), MACHINE),
    deny(syscall!(SYS_swapon), MACHINE),
    deny(syscall!(SYS_swapoff), MACHINE),
    deny(syscall!(SYS_syslog), MACHINE),
    deny(syscall!(SYS_acct), MACHINE),
    deny(syscall!(SYS_vhangup), MACHINE),
    deny(syscall!(SYS_sethostname), MACHINE),
    deny(syscall!(SYS_setdomainname), MACHINE),
    deny(syscall!(SYS_settimeofday), CLOCK),
    deny(syscall!(SYS_setuid), IDENTITY),
    deny(syscall!(SYS_setgid), IDENTITY),
    deny(syscall!(SYS_setreuid), IDENTITY),
    deny(syscall!(SYS_setregid), IDENTITY),
    deny(syscall!(SYS_setresuid), IDENTITY),
    deny(syscall!(SYS_setresgid), IDENTITY),
    deny(syscall!(SYS_setfsuid), IDENTITY),
    deny(syscall!(SYS_setfsgid), IDENTITY),
    deny(syscall!(SYS_setgroups), IDENTITY),
    deny(syscall!(SYS_capset), IDENTITY),
    deny(syscall!(SYS_setpriority), PRIORITY),
    deny(syscall!(SYS_sched_setscheduler), PRIORITY),
    deny(syscall!(SYS_sched_setparam), PRIORITY),
    deny(syscall!(SYS_sched_setattr), PRIORITY),
    deny(syscall!(SYS_sched_setaffinity), PRIORITY),
    deny(syscall!(SYS_ioprio_set), PRIORITY),
    deny(syscall!(SYS_mbind), PRIORITY),
    deny(syscall!(SYS_set_mempolicy), PRIORITY),
    deny(syscall!(SYS_mlockall), PRIORITY),
    deny(syscall!(SYS_prlimit64), LIMIT),
    deny(syscall!(SYS_seccomp), SELF),
    deny(syscall!(SYS_prctl), SELF),
    deny(syscall!(SYS_personality), SELF),
    deny(syscall!(SYS_landlock_create_ruleset), SELF),
    deny(syscall!(SYS_landlock_add_rule), SELF),
    deny(syscall!(SYS_landlock_restrict_self), SELF),
    deny(syscall!(SYS_mprotect), CODE),
    deny(syscall!(SYS_pkey_mprotect), CODE),
    deny(syscall!(SYS_remap_file_pages), CODE),
    deny(syscall!(SYS_open_by_handle_at), HANDLE),
    deny(syscall!(SYS_name_to_handle_at), HANDLE),
    deny(syscall!(SYS_fanotify_init), WATCH),
    deny(syscall!(SYS_fanotify_mark), WATCH),
    deny(syscall!(SYS_inotify_init1), WATCH),
    deny(syscall!(SYS_inotify_add_watch), WATCH),
    deny(syscall!(SYS_mknodat), FILES),
    deny(syscall!(SYS_vmsplice), COPY),
];

/// For workers, too: all that ends an applier, and the one call by which an applier does its work.
pub const IN_WORKERS: [Denied; IN_APPLIERS.len() + 1] = join(&[&IN_APPLIERS, &[deny(syscall!(SYS_pwrite64), SPEAK)]]);

/// For appliers, too (to set the clock is the business of one broker, so it is here): files, sockets, clocks and every way to
/// write but those that their rules pin.
pub const IN_APPLIERS: [Denied; 46] = [
    deny(syscall!(SYS_clock_settime), CLOCK),
    deny(syscall!(SYS_adjtimex), CLOCK),
    deny(syscall!(SYS_clock_adjtime), CLOCK),
    deny(syscall!(SYS_unlinkat), FILES),
    deny(syscall!(SYS_renameat2), FILES),
    deny(syscall!(SYS_linkat), FILES),
    deny(syscall!(SYS_symlinkat), FILES),
    deny(syscall!(SYS_mkdirat), FILES),
    deny(syscall!(SYS_fchmod), FILES),
    deny(syscall!(SYS_fchmodat), FILES),
    deny(syscall!(SYS_fchown), FILES),
    deny(syscall!(SYS_fchownat), FILES),
    deny(syscall!(SYS_truncate), FILES),
    deny(syscall!(SYS_ftruncate), FILES),
    deny(syscall!(SYS_fallocate), FILES),
    deny(syscall!(SYS_utimensat), FILES),
    deny(syscall!(SYS_setxattr), FILES),
    deny(syscall!(SYS_lsetxattr), FILES),
    deny(syscall!(SYS_fsetxattr), FILES),
    deny(syscall!(SYS_chdir), FILES),
    deny(syscall!(SYS_fchdir), FILES),
    deny(syscall!(SYS_openat2), FILES),
    deny(syscall!(SYS_socket), SOCKET),
    deny(syscall!(SYS_socketpair), SOCKET),
    deny(syscall!(SYS_connect), SOCKET),
    deny(syscall!(SYS_bind), SOCKET),
    deny(syscall!(SYS_listen), SOCKET),
    deny(syscall!(SYS_accept), SOCKET),
    deny(syscall!(SYS_accept4), SOCKET),
    deny(syscall!(SYS_setsockopt), SOCKET),
    deny(syscall!(SYS_shutdown), SOCKET),
    deny(syscall!(SYS_sendmsg), SPEAK),
    deny(syscall!(SYS_sendmmsg), SPEAK),
    deny(syscall!(SYS_pwritev), SPEAK),
    deny(syscall!(SYS_pwritev2), SPEAK),
    deny(syscall!(SYS_splice), COPY),
    deny(syscall!(SYS_tee), COPY),
    deny(syscall!(SYS_sendfile), COPY),
    deny(syscall!(SYS_copy_file_range), COPY),
    deny(syscall!(SYS_dup), DUPLICATE),
    deny(syscall!(SYS_dup3), DUPLICATE),
    deny(syscall!(SYS_epoll_create1), SURFACE),
    deny(syscall!(SYS_eventfd2), SURFACE),
    deny(syscall!(SYS_signalfd4), SURFACE),
    deny(syscall!(SYS_timerfd_create), SURFACE),
    deny(syscall!(SYS_pipe2), SURFACE),
];

/// What a supervisor needs to start its children, or they need to confine themselves: all of [`EVERYWHERE`] but this
/// is denied to the three of them from the start.
pub(super) const UNTIL_CONFINED: [Syscall; 21] = [
    syscall!(SYS_execve),
    syscall!(SYS_execveat),
    syscall!(SYS_clone),
    syscall!(SYS_clone3),
    syscall!(SYS_kill),
    syscall!(SYS_tkill),
    syscall!(SYS_tgkill),
    syscall!(SYS_chroot),
    syscall!(SYS_setresuid),
    syscall!(SYS_setresgid),
    syscall!(SYS_setgroups),
    syscall!(SYS_capset),
    syscall!(SYS_prlimit64),
    syscall!(SYS_seccomp),
    syscall!(SYS_prctl),
    syscall!(SYS_landlock_create_ruleset),
    syscall!(SYS_landlock_add_rule),
    syscall!(SYS_landlock_restrict_self),
    // The C library makes its own tables read-only before `main`.
    syscall!(SYS_mprotect),
    // A broker that follows what others publish makes its watch while it still can.
    syscall!(SYS_inotify_init1),
    syscall!(SYS_inotify_add_watch),
];
