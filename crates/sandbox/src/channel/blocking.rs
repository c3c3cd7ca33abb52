//! The same conversation without a loop: between a broker and its appliers, where each waits for the other.

use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{RecvFlags, SendFlags};

use super::frames::Frames;
use super::{ChannelError, Message, Pieces, Received, frame_of_size, frame_size, frames_of, receive, transmit};

/// One end.
#[derive(Debug)]
pub(crate) struct Blocking {
    socket: OwnedFd,
    frames: Frames,
    pieces: Pieces,
}

impl Blocking {
    /// Takes a blocking socket.
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self { socket, frames: Frames::default(), pieces: Pieces::default() }
    }

    /// From here on receiving fails when the peer says nothing for so long, and sending when it reads nothing.
    pub(crate) fn expect_answers_within(&self, patience: Duration) -> io::Result<()> {
        set_socket_timeout(&self.socket, Timeout::Send, Some(patience))?;
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
        loop {
            let (len, fds) = match receive(self.socket.as_fd(), frame, accepted.into(), RecvFlags::empty()) {
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => return Err(ChannelError::Silent),
                result => result.map_err(io::Error::from)?,
            };
            if let Some(received) = self.pieces.add(frame, len, fds, accepted.into())? {
                return Ok(received);
            }
        }
    }

    /// Sends a message, waiting while the peer has too many unread.
    pub(crate) fn send<Out: Message>(&self, message: &Out) -> Result<(), ChannelError> {
        let mut buffer = Vec::new();
        let sent = frames_of(message, &self.frames, &mut buffer).and_then(|frames| self.send_frames(frames));
        self.frames.give(buffer);
        sent
    }

    fn send_frames<'f>(&self, mut frames: impl Iterator<Item = &'f [u8]>) -> Result<(), ChannelError> {
        frames.try_for_each(|frame| match transmit(self.socket.as_fd(), frame, &[], SendFlags::empty()) {
            // It had so much time to read.
            Err(Errno::AGAIN) => Err(ChannelError::Silent),
            result => result.map_err(|errno| io::Error::from(errno).into()),
        })
    }

    /// Sends a message, and a descriptor with it, if there is room for it now. One of several frames is sent only to a peer that
    /// is `idle`, and waits until that has read them: two that send to each other could wait for ever.
    pub(crate) fn try_send<Out: Message>(
        &self,
        message: &Out,
        fd: Option<BorrowedFd<'_>>,
        idle: bool,
    ) -> Result<(), ChannelError> {
        let mut buffer = Vec::new();
        let sent = frames_of(message, &self.frames, &mut buffer).and_then(|mut frames| {
            if frames.len() > 1 && !idle {
                return Err(ChannelError::Full);
            }
            let first = frames.next().unwrap_or_default();
            transmit(self.socket.as_fd(), first, fd.as_slice(), SendFlags::DONTWAIT).map_err(io::Error::from)?;
            self.send_frames(frames)
        });
        self.frames.give(buffer);
        sent
    }
}
