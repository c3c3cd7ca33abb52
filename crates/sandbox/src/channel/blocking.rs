//! The same conversation without a loop: between a broker and its appliers, where each waits for the other.

use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{RecvFlags, SendFlags};

use super::{ChannelError, Message, Received, frame_of, frame_size, receive, transmit, understand};

/// One end.
#[derive(Debug)]
pub(crate) struct Blocking(OwnedFd);

impl Blocking {
    /// Takes a blocking socket.
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self(socket)
    }

    /// From here on receiving fails when the peer says nothing for so long.
    pub(crate) fn expect_answers_within(&self, patience: Duration) -> io::Result<()> {
        Ok(set_socket_timeout(&self.0, Timeout::Recv, Some(patience))?)
    }

    /// Waits for the next message, and takes a descriptor with it if one is `accepted`.
    pub(crate) fn recv<In: Message>(&self, accepted: bool) -> Result<Received<In>, ChannelError> {
        let mut frame = vec![0; frame_size::<In>()];
        let (len, fd) = loop {
            match receive(self.0.as_fd(), &mut frame, accepted, RecvFlags::empty()) {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Err(ChannelError::Silent),
                result => break result.map_err(io::Error::from)?,
            }
        };
        understand(&frame, len, fd)
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
        let mut buffer = vec![0; frame_size::<Out>()];
        let frame = frame_of(message, &mut buffer)?;
        transmit(self.0.as_fd(), frame, fd, flags).map_err(|errno| io::Error::from(errno).into())
    }
}
