//! The same conversation without a loop: between a broker and its appliers, where each waits for the other.

use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{RecvFlags, SendFlags};

use super::frames::Frames;
use super::{ChannelError, Message, Received, frame_of, frame_of_size, frame_size, receive, transmit, understand};

/// One end.
#[derive(Debug)]
pub(crate) struct Blocking {
    socket: OwnedFd,
    frames: Frames,
}

impl Blocking {
    /// Takes a blocking socket.
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self { socket, frames: Frames::default() }
    }

    /// From here on receiving fails when the peer says nothing for so long.
    pub(crate) fn expect_answers_within(&self, patience: Duration) -> io::Result<()> {
        Ok(set_socket_timeout(&self.socket, Timeout::Recv, Some(patience))?)
    }

    /// Waits for the next message, and takes a descriptor with it if one is `accepted`.
    pub(crate) fn recv<In: Message>(&self, accepted: bool) -> Result<Received<In>, ChannelError> {
        let mut buffer = self.frames.take(frame_size::<In>());
        let received = self.recv_into(frame_of_size::<In>(&mut buffer), accepted);
        self.frames.give(buffer);
        received
    }

    fn recv_into<In: Message>(&self, frame: &mut [u8], accepted: bool) -> Result<Received<In>, ChannelError> {
        let (len, fds) = loop {
            match receive(self.socket.as_fd(), frame, accepted.into(), RecvFlags::empty()) {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Err(ChannelError::Silent),
                result => break result.map_err(io::Error::from)?,
            }
        };
        understand(frame, len, fds)
    }

    /// Sends a message, waiting while the peer has too many unread.
    pub(crate) fn send<Out: Message>(&self, message: &Out) -> Result<(), ChannelError> {
        self.transmit(message, None, SendFlags::empty())
    }

    /// Sends a message, and a descriptor with it, if there is room for it now.
    pub(crate) fn try_send<Out: Message>(&self, message: &Out, fd: Option<BorrowedFd<'_>>) -> Result<(), ChannelError> {
        self.transmit(message, fd, SendFlags::DONTWAIT)
    }

    fn transmit<Out: Message>(
        &self,
        message: &Out,
        fd: Option<BorrowedFd<'_>>,
        flags: SendFlags,
    ) -> Result<(), ChannelError> {
        let mut buffer = self.frames.take(frame_size::<Out>());
        let sent = frame_of(message, &mut buffer).and_then(|frame| {
            transmit(self.socket.as_fd(), frame, fd.as_slice(), flags).map_err(|errno| io::Error::from(errno).into())
        });
        self.frames.give(buffer);
        sent
    }
}
