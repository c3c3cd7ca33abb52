//! The packet listeners that attackers are granted, kept from trial to trial.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use anyhow::Result;
use rustix::net::{RecvFlags, recv};

use crate::column::Column;
use crate::listener::Listener;
use crate::syscall::call;

/// The listeners of the last trial, on the test's interface and on the loopback. Closing a packet socket makes the kernel wait
/// for all its processors, so they are kept for as long as nobody could have changed them, and closed aside.
#[derive(Default)]
pub(super) struct Listeners {
    open: Option<(Listener, OwnedFd, OwnedFd)>,
}

impl Listeners {
    /// The listeners for a trial under `column`, with nothing in their queues.
    ///
    /// # Errors
    /// What the kernel refused.
    pub(super) fn of(&mut self, column: &Column, ifindex: i32) -> Result<(BorrowedFd<'_>, BorrowedFd<'_>)> {
        let usable = |(kind, ..): &(Listener, OwnedFd, OwnedFd)| *kind == column.listener && column.profile.is_some();
        if !self.open.as_ref().is_some_and(usable) {
            self.close();
        }
        let (_, packet, loopback): &(Listener, OwnedFd, OwnedFd) = match &mut self.open {
            Some(open) => open,
            none => none.insert((column.listener, column.listener.open(ifindex)?, column.listener.open(LOOPBACK)?)),
        };
        for listener in [packet, loopback] {
            while recv(listener, &mut [0; 1], RecvFlags::DONTWAIT).is_ok() {}
        }
        Ok((packet.as_fd(), loopback.as_fd()))
    }

    /// Lets the listeners go: the next trial gets new ones.
    pub(super) fn close(&mut self) {
        let sockets = self.open.take().map(|(_, packet, loopback)| [packet, loopback]);
        let aside = |socket: OwnedFd| {
            let number = socket.as_raw_fd();
            let _thread = std::thread::spawn(move || drop(socket));
            number
        };
        for number in sockets.into_iter().flatten().map(aside).collect::<Vec<_>>() {
            // Nobody waits for the kernel, but for the number to be free: an attacker that is started before has a copy, is the
            // last to close it, and waits in the thread's place.
            while call!(libc::SYS_fcntl, number, libc::F_GETFD).is_ok() {
                std::thread::sleep(Duration::from_micros(50));
            }
        }
    }
}

/// The index of `lo`, in every network namespace.
const LOOPBACK: i32 = 1;
