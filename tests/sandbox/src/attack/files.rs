//! Paths: a worker has none. Every row uses a file whose permission bits would let anybody in, so that nothing but the
//! sandbox stands in the way; rows named after a real target (`/etc/passwd`, `/proc`) use that target.

use std::ffi::CStr;

use libc::{AT_FDCWD, O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR, O_WRONLY};

use super::End::Killed;
use super::{Attack, UNKNOWN, attack};
use crate::syscall::{Attempt, call};

/// The attacks of this topic.
pub(super) const ATTACKS: &[Attack] = &[
    attack("open-passwd", "read the host's files", UNKNOWN, |_| open(c"/etc/passwd", O_RDONLY)),
    attack("open-root-directory", "list the host's root directory", UNKNOWN, |_| open(c"/", O_RDONLY | O_DIRECTORY)),
    #[cfg(target_arch = "x86_64")]
    attack("open-old-call", "open(2), which a filter of openat(2) alone would miss", UNKNOWN, |_| {
        call!(libc::SYS_open, c"/etc/passwd", O_RDONLY, 0)
    }),
    attack("openat2", "the newest member of the open family", Killed, |_| {
        let how = [O_RDONLY.unsigned_abs().into(), 0_u64, 0];
        call!(libc::SYS_openat2, AT_FDCWD, c"/etc/passwd", &how, size_of_val(&how))
    }),
    attack("open-own-memory", "rewrite its own code through /proc/self/mem", UNKNOWN, |_| {
        open(c"/proc/self/mem", O_RDWR)
    }),
    attack("create-file", "drop a file where anyone may", UNKNOWN, |_| {
        open(c"/var/arena/open/dropped", O_CREAT | O_WRONLY)
    }),
    attack("unlink", "delete a file", Killed, |_| call!(libc::SYS_unlinkat, AT_FDCWD, c"/var/arena/open/victim", 0)),
    attack("rename", "replace a file", Killed, |_| {
        call!(libc::SYS_renameat2, AT_FDCWD, c"/var/arena/open/victim", AT_FDCWD, c"/var/arena/open/moved", 0)
    }),
    attack("hard-link", "keep a file alive under another name", Killed, |_| {
        call!(libc::SYS_linkat, AT_FDCWD, c"/var/arena/open/victim", AT_FDCWD, c"/var/arena/open/linked", 0)
    }),
    attack("symbolic-link", "redirect a privileged writer", Killed, |_| {
        call!(libc::SYS_symlinkat, c"/etc/shadow", AT_FDCWD, c"/var/arena/open/redirect")
    }),
    attack("make-directory", "build a tree of its own", Killed, |_| {
        call!(libc::SYS_mkdirat, AT_FDCWD, c"/var/arena/open/tree", 0o755)
    }),
    attack("make-device", "make a device node of the kernel log", Killed, |_| {
        call!(libc::SYS_mknodat, AT_FDCWD, c"/var/arena/open/kmsg", libc::S_IFCHR | 0o666, libc::makedev(1, 11))
    }),
    attack("chmod", "open a file to everybody", Killed, |_| {
        call!(libc::SYS_fchmodat, AT_FDCWD, c"/var/arena/open/victim", 0o777)
    }),
    attack("chown", "take a file over", Killed, |_| {
        call!(libc::SYS_fchownat, AT_FDCWD, c"/var/arena/open/victim", 12_345, 12_345, 0)
    }),
    attack("set-times", "disguise a changed file", Killed, |_| {
        call!(libc::SYS_utimensat, AT_FDCWD, c"/var/arena/open/writable", 0_usize, 0)
    }),
    attack("truncate", "empty a file", Killed, |_| call!(libc::SYS_truncate, c"/var/arena/open/writable", 0)),
    attack("stat", "learn which files exist (Landlock does not see it)", UNKNOWN, |_| {
        let mut room = [0_u8; 256];
        call!(libc::SYS_newfstatat, AT_FDCWD, c"/etc/passwd", room.as_mut_slice(), 0)
    }),
    attack("statx", "the newer stat", UNKNOWN, |_| {
        let mut room = [0_u8; 256];
        call!(libc::SYS_statx, AT_FDCWD, c"/etc/passwd", 0, libc::STATX_BASIC_STATS, room.as_mut_slice())
    }),
    attack("access", "learn what it could read", UNKNOWN, |_| {
        call!(libc::SYS_faccessat, AT_FDCWD, c"/etc/passwd", libc::R_OK)
    }),
    attack("readlink", "learn where a link leads", UNKNOWN, |_| {
        let mut room = [0_u8; 256];
        call!(libc::SYS_readlinkat, AT_FDCWD, c"/var/arena/open/link", room.as_mut_slice(), 256)
    }),
    attack("statfs", "learn what is mounted", UNKNOWN, |_| {
        let mut room = [0_u8; 256];
        call!(libc::SYS_statfs, c"/var/arena", room.as_mut_slice())
    }),
    attack("change-directory", "walk out of an empty root", Killed, |_| call!(libc::SYS_chdir, c"/var/arena")),
    attack("list-granted-directory", "list a directory through a descriptor", UNKNOWN, |scene| {
        let mut room = [0_u8; 2048];
        call!(libc::SYS_getdents64, scene.grants.directory, room.as_mut_slice(), 2048)
    }),
    attack("walk-out-of-root", "leave an empty root through a granted directory", UNKNOWN, |scene| {
        call!(libc::SYS_openat, scene.grants.directory, c"../../etc/passwd", O_RDONLY, 0)
    }),
    attack("change-to-granted-directory", "leave an empty root by fchdir", Killed, |scene| {
        call!(libc::SYS_fchdir, scene.grants.directory)
    }),
    attack("open-by-handle", "open any file of a mounted file system by its number", Killed, |scene| {
        let handle = FileHandle(scene.handle.len, scene.handle.kind, scene.handle.bytes);
        call!(libc::SYS_open_by_handle_at, scene.grants.directory, &handle, O_RDONLY)
    }),
    attack("watch-files", "be told what others do with files", Killed, |_| {
        let watch = call!(libc::SYS_inotify_init1, 0)?;
        call!(libc::SYS_inotify_add_watch, watch, c"/var/arena/open", libc::IN_ALL_EVENTS)
    }),
    attack("fanotify", "be asked before others open files", Killed, |_| {
        call!(libc::SYS_fanotify_init, libc::FAN_CLASS_NOTIF, O_RDONLY)
    }),
    attack("core-pattern", "have the kernel run a program as root at the next crash", UNKNOWN, |_| {
        open(c"/proc/sys/kernel/core_pattern", O_WRONLY)
    })
    .note("opens for writing and writes nothing: the pattern belongs to the whole machine"),
    attack("broker-memory", "write into the broker's memory through /proc", UNKNOWN, |scene| {
        open(&scene.of_broker("mem")?, O_RDWR)
    }),
    attack("broker-environment", "read the broker's environment", UNKNOWN, |scene| {
        open(&scene.of_broker("environ")?, O_RDONLY)
    }),
    attack("broker-descriptors", "reopen one of the broker's descriptors", UNKNOWN, |scene| {
        open(&scene.of_broker("fd/0")?, O_RDONLY)
    }),
];

/// `struct file_handle` with room for what [`crate::scene::Handle`] holds.
#[repr(C)]
struct FileHandle(u32, i32, [u8; 16]);

fn open(path: &CStr, flags: i32) -> Attempt {
    call!(libc::SYS_openat, AT_FDCWD, path, flags, 0o600)
}
