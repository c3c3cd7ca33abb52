//! Memory: what is written must not be run, and there must be a limit to how much is taken.

use libc::{MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, PROT_EXEC, PROT_READ, PROT_WRITE};

use super::End::Killed;
use super::{Attack, End, UNKNOWN, attack};
use crate::syscall::{Attempt, call};

/// The attacks of this topic.
pub(super) const ATTACKS: &[Attack] = &[
    attack("map-executable", "write code and run it", UNKNOWN, |_| {
        map(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1)
    }),
    attack("map-file-executable", "run code out of a granted file", UNKNOWN, |scene| {
        map(PROT_READ | PROT_EXEC, MAP_PRIVATE, scene.grants.file)
    }),
    attack("map-file", "read a granted file without read(2)", UNKNOWN, |scene| {
        map(PROT_READ, MAP_PRIVATE, scene.grants.file)
    }),
    attack("map-shared", "share memory with the broker through a granted file", UNKNOWN, |scene| {
        map(PROT_READ | PROT_WRITE, MAP_SHARED, scene.grants.file)
    }),
    attack("map-fixed", "replace memory that is in use", UNKNOWN, |_| {
        call!(
            libc::SYS_mmap,
            0x7000_0000_0000_usize,
            4096,
            PROT_READ,
            MAP_PRIVATE | MAP_ANONYMOUS | libc::MAP_FIXED,
            -1,
            0
        )
    }),
    attack("map-locked", "take memory that cannot be paged out", UNKNOWN, |_| {
        map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | libc::MAP_LOCKED, -1)
    }),
    attack("map-gigabyte", "take a gigabyte", End::Refused(libc::ENOMEM), |_| {
        call!(libc::SYS_mmap, 0, 1_usize << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    }),
    attack("protect-executable", "make written memory executable", Killed, |_| {
        let page = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1)?;
        call!(libc::SYS_mprotect, page, 4096, PROT_READ | PROT_EXEC)
    }),
    attack("protect-key-executable", "the same by pkey_mprotect", Killed, |_| {
        let page = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1)?;
        call!(libc::SYS_pkey_mprotect, page, 4096, PROT_READ | PROT_EXEC, -1)
    }),
    attack("secret-memory", "memory that even the kernel does not see", Killed, |_| call!(libc::SYS_memfd_secret, 0)),
    attack("lock-memory", "lock all its memory", Killed, |_| call!(libc::SYS_mlockall, libc::MCL_CURRENT)),
    attack("resident-pages", "learn which pages are resident, a side channel", UNKNOWN, |_| {
        let page = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1)?;
        let mut resident = [0_u8; 1];
        call!(libc::SYS_mincore, page, 4096, resident.as_mut_slice())
    }),
    attack("advise-memory", "merge, poison or drop pages (madvise)", UNKNOWN, |_| {
        let page = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1)?;
        call!(libc::SYS_madvise, page, 4096, libc::MADV_DONTFORK)
    }),
    attack("remap-executable-window", "reorder the pages of a file mapping", UNKNOWN, |scene| {
        let window = map(PROT_READ | PROT_WRITE, MAP_SHARED, scene.grants.file)?;
        call!(libc::SYS_remap_file_pages, window, 4096, 0, 0, 0)
    }),
];

fn map(protection: i32, flags: i32, fd: i32) -> Attempt {
    call!(libc::SYS_mmap, 0, 4096, protection, flags, fd, 0)
}
