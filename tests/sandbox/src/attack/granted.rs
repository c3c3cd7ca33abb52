//! Descriptors beyond the granted ones: leaked over the exec, duplicated, or newly made.

use super::End::Killed;
use super::{Attack, End, UNKNOWN, attack};
use crate::scene::{CHANNEL, LEAKED_FILE, LEAKED_SOCKET, STDERR};
use crate::syscall::call;

/// The attacks of this topic.
pub(super) const ATTACKS: &[Attack] = &[
    attack("leaked-file", "read a file that was left open over the exec", End::Refused(libc::EBADF), |_| {
        let mut room = [0_u8; 64];
        call!(libc::SYS_read, LEAKED_FILE, room.as_mut_slice(), room.len())
    }),
    attack(
        "leaked-socket",
        "receive from a socket that was left open over the exec",
        End::Refused(libc::EBADF),
        |_| {
            let mut room = [0_u8; 64];
            super::landing::receive(LEAKED_SOCKET, &mut room, libc::MSG_DONTWAIT).map(|(length, _)| length)
        },
    ),
    attack("leaked-socket-by-recvfrom", "the same with the older call", UNKNOWN, |_| {
        let mut room = [0_u8; 64];
        call!(libc::SYS_recvfrom, LEAKED_SOCKET, room.as_mut_slice(), room.len(), libc::MSG_DONTWAIT, 0, 0)
    }),
    attack("read-granted-file", "read a descriptor that is not its timer", UNKNOWN, |scene| {
        let mut room = [0_u8; 64];
        call!(libc::SYS_pread64, scene.grants.file, room.as_mut_slice(), room.len(), 0)
    }),
    attack("write-granted-file", "change a file that it was given to read", Killed, |scene| {
        call!(libc::SYS_pwrite64, scene.grants.file, scene.mark().as_slice(), scene.mark().len(), 0)
    }),
    attack("rewrite-log", "change what the log already says", Killed, |scene| {
        call!(libc::SYS_pwrite64, STDERR, scene.mark().as_slice(), scene.mark().len(), 0)
    })
    .note("needs a log in a file; a worker's is a pipe"),
    attack("dup", "number a descriptor as it likes", Killed, |scene| call!(libc::SYS_dup, scene.grants.packet)),
    attack("dup-over-stderr", "put a socket where write(2) is allowed", Killed, |scene| {
        call!(libc::SYS_dup3, scene.grants.udp, STDERR, 0)
    }),
    attack("dup-over-channel", "put a socket where sendto(2) is allowed", Killed, |scene| {
        call!(libc::SYS_dup3, scene.grants.udp, CHANNEL, 0)
    }),
    attack("fcntl-dup", "number a descriptor as it likes, by fcntl", UNKNOWN, |scene| {
        call!(libc::SYS_fcntl, scene.grants.packet, libc::F_DUPFD, 20)
    }),
    attack("fcntl-own", "have the kernel send signals to the broker", UNKNOWN, |scene| {
        call!(libc::SYS_fcntl, scene.grants.udp, libc::F_SETOWN, scene.broker)
    }),
    attack("fcntl-async", "have the kernel send signals for a socket", UNKNOWN, |scene| {
        call!(libc::SYS_fcntl, scene.grants.udp, libc::F_SETFL, libc::O_ASYNC | libc::O_NONBLOCK)
    }),
    attack("fcntl-blocking", "make the channel it shares blocking", UNKNOWN, |_| {
        call!(libc::SYS_fcntl, CHANNEL, libc::F_SETFL, 0)
    }),
    attack("fcntl-lock", "lock a granted file against the broker", UNKNOWN, |scene| {
        call!(libc::SYS_flock, scene.grants.file, libc::LOCK_EX | libc::LOCK_NB)
    }),
    attack("memfd-create", "make a file in memory to run or to share", Killed, |_| {
        call!(libc::SYS_memfd_create, c"x", 0)
    }),
    attack("eventfd", "make an event descriptor", Killed, |_| call!(libc::SYS_eventfd2, 0, 0)),
    attack("timerfd", "make a timer", Killed, |_| call!(libc::SYS_timerfd_create, libc::CLOCK_BOOTTIME, 0)),
    attack("signalfd", "take signals away from their handlers", Killed, |_| {
        let every = u64::MAX;
        call!(libc::SYS_signalfd4, -1, &every, 8, 0)
    }),
    attack("epoll-create", "make another event queue", Killed, |_| call!(libc::SYS_epoll_create1, 0)),
    attack("pipe", "make a pipe, the usual tool of kernel exploits", Killed, |_| {
        let mut pipe = [0_i32; 2];
        call!(libc::SYS_pipe2, &mut pipe, 0)
    }),
    attack("asynchronous-io", "set up the other asynchronous interface", Killed, |_| {
        let mut context = 0_u64;
        call!(libc::SYS_io_setup, 8, &mut context)
    }),
    attack("close-range", "close everything, to choose what number comes next", UNKNOWN, |_| {
        call!(libc::SYS_close_range, 4, i32::MAX, 0)
    }),
    attack("hand-back-a-descriptor", "pass a descriptor to the broker", Killed, |scene| {
        super::landing::pass(CHANNEL, scene.grants.udp)
    })
    .judged_by(super::Judge::Broker),
];
