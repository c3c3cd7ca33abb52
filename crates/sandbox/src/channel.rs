//! Typed messages between broker and worker, over one end each of a `SOCK_SEQPACKET` pair.
//!
//! One frame is one message in its only encoding ([`orlop_wire`]); a message of a type that may be longer than a frame
//! says its length first, and takes as many frames as it needs ([`pieces`]). Anything else, a frame that is too long
//! included, ends the conversation: the peer is broken or hostile. Descriptors go one way, from
//! [`BrokerChannel`] to [`WorkerChannel`]; what a worker attaches to a message is dropped by the kernel.

use core::marker::PhantomData;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};

use orlop_wire::{DecodeError, MaxSize};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;

use crate::relay::Relay;
use crate::sys::Watched;

mod blocking;
mod frames;
mod one_frame;
mod pieces;

pub(crate) use blocking::Blocking;
use frames::Frames;
pub use one_frame::MAX_DESCRIPTORS;
pub(crate) use one_frame::{Descriptors, receive, transmit};
pub use pieces::accepts;
pub(crate) use pieces::message_of;
use pieces::{Pieces, fits_a_frame, frame_of_size, frame_size, frames_of};

/// What may pass through a channel: bounded, and with one encoding.
pub trait Message: Serialize + DeserializeOwned + MaxSize {}

impl<T: Serialize + DeserializeOwned + MaxSize> Message for T {}

/// Why a conversation ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The other process has ended or closed its end.
    #[error("the peer is gone")]
    PeerGone,
    /// A frame longer than the longest message.
    #[error("a frame of {len} bytes, the longest message has {max}")]
    Oversize {
        /// Bytes of the frame.
        len: usize,
        /// Bytes of the longest message.
        max: usize,
    },
    /// A message of several frames, one of which is neither full nor the last.
    #[error("a piece of a message that ends too soon")]
    Uneven,
    /// A frame that is no message.
    #[error("a malformed frame: {0}")]
    Malformed(#[from] DecodeError),
    /// More descriptors with a message than belong there: one, or none, or as many as are in a bundle.
    #[error("more descriptors with a message than belong there")]
    Surplus,
    /// The peer has not answered in time.
    #[error("the peer does not answer")]
    Silent,
    /// The peer does not read, and the queue is full.
    #[error("the peer does not read its messages")]
    Full,
    /// The kernel.
    #[error("the channel failed: {0}")]
    Io(#[source] io::Error),
}

impl From<io::Error> for ChannelError {
    fn from(error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            // The second: of descriptors there are too many under way.
            Some(Errno::AGAIN | Errno::TOOMANYREFS) => Self::Full,
            Some(Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN) => Self::PeerGone,
            _ => Self::Io(error),
        }
    }
}

/// One message that has arrived.
#[derive(Debug)]
pub struct Received<In> {
    /// The message.
    pub message: In,
    /// The descriptor that came with it; never inherited by another program.
    pub fd: Option<OwnedFd>,
    /// The further ones, where the message came with a [bundle](WorkerChannel::accept_bundles).
    pub more: Vec<OwnedFd>,
}

impl<In> Received<In> {
    fn new(message: In, fds: Vec<OwnedFd>) -> Self {
        let mut more = fds.into_iter();
        Self { message, fd: more.next(), more: more.collect() }
    }
}

/// A worker's end: sends `Out`, receives `In`, and descriptors from its broker.
#[derive(Debug)]
pub struct WorkerChannel<Out, In> {
    end: End<Out, In>,
    /// How many descriptors a message may bring.
    granted: usize,
}

/// A broker's end, for a worker whose posture is known: sends `Out` and descriptors, receives `In`.
///
/// There is no way to make one but [`Narrow::attest`](crate::broker::Narrow::attest).
#[derive(Debug)]
pub struct BrokerChannel<Out, In> {
    /// Let go of before the channel: what the worker said until then is in the log, and that it notices is not.
    _log: Option<Relay>,
    end: End<Out, In>,
}

impl<Out: Message, In: Message> WorkerChannel<Out, In> {
    pub(crate) fn new(socket: Socket) -> Self {
        Self { end: End::new(socket), granted: 1 }
    }

    /// Its end of what joins it to another worker. What a broker has granted to one of them stays with that one.
    pub(crate) fn joint(socket: Socket) -> Self {
        Self { granted: 0, ..Self::new(socket) }
    }

    /// The end of a [pair](crate::joint::pair) with another worker that the broker has granted. Both are of one daemon, neither
    /// believes the other. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the loop cannot watch it.
    pub fn granted(end: OwnedFd) -> io::Result<Self> {
        Socket::new(end).map(Self::joint)
    }

    /// From now on a message may bring as many descriptors as its broker [grants at once](BrokerChannel::send_bundle), where its
    /// broker says so. It must have room for them: what the kernel cannot deliver ends the conversation.
    pub const fn accept_bundles(&mut self) {
        self.granted = MAX_DESCRIPTORS;
    }

    /// Waits for the next message.
    ///
    /// # Errors
    /// [`ChannelError`]; the conversation is over after any of them.
    pub async fn recv(&self) -> Result<Received<In>, ChannelError> {
        self.end.recv(self.granted).await
    }

    /// As [`WorkerChannel::recv`], for a loop that waits for several things at once.
    ///
    /// # Errors
    /// As [`WorkerChannel::recv`].
    pub fn poll_recv(&self, context: &mut Context<'_>) -> Poll<Result<Received<In>, ChannelError>> {
        self.end.socket.poll_recv(context, self.granted)
    }

    /// Sends a message, waiting while the broker has too many unread.
    ///
    /// # Errors
    /// [`ChannelError`], never [`ChannelError::Full`].
    pub async fn send(&self, message: &Out) -> Result<(), ChannelError> {
        self.end.send(message).await
    }

    /// Sends a message if there is room for it now.
    ///
    /// # Errors
    /// [`ChannelError::Full`] when there is no room; nothing was sent then, and the conversation goes on.
    pub fn try_send(&self, message: &Out) -> Result<(), ChannelError> {
        self.end.try_send(message, &[])
    }
}

impl<Out: Message, In: Message> BrokerChannel<Out, In> {
    pub(crate) fn new(socket: Socket, log: Option<Relay>) -> Self {
        Self { end: End::new(socket), _log: log }
    }

    /// Waits for the next message. Its `fd` is always `None`.
    ///
    /// # Errors
    /// [`ChannelError`]; the conversation is over after any of them.
    pub async fn recv(&self) -> Result<Received<In>, ChannelError> {
        self.end.recv(0).await
    }

    /// As [`BrokerChannel::recv`], for a loop that waits for several things at once.
    ///
    /// # Errors
    /// As [`BrokerChannel::recv`].
    pub fn poll_recv(&self, context: &mut Context<'_>) -> Poll<Result<Received<In>, ChannelError>> {
        self.end.socket.poll_recv(context, 0)
    }

    /// Sends a message, waiting while the worker has too many unread.
    ///
    /// # Errors
    /// [`ChannelError`], never [`ChannelError::Full`].
    pub async fn send(&self, message: &Out) -> Result<(), ChannelError> {
        self.end.send(message).await
    }

    /// Sends a message if there is room for it now: a worker that does not read cannot stop its broker.
    ///
    /// # Errors
    /// [`ChannelError::Full`] when there is no room; nothing was sent then, and the conversation goes on.
    pub fn try_send(&self, message: &Out) -> Result<(), ChannelError> {
        self.end.try_send(message, &[])
    }

    /// Grants a descriptor, with the message that says what it is.
    ///
    /// # Errors
    /// As [`BrokerChannel::try_send`].
    pub fn send_with(&self, message: &Out, fd: BorrowedFd<'_>) -> Result<(), ChannelError> {
        self.end.try_send(message, &[fd])
    }

    /// Grants several descriptors with one message, which says what they are: at least one and [`MAX_DESCRIPTORS`] at most. For a
    /// worker that [accepts them](WorkerChannel::accept_bundles).
    ///
    /// # Errors
    /// As [`BrokerChannel::try_send`].
    pub fn send_bundle(&self, message: &Out, fds: &[BorrowedFd<'_>]) -> Result<(), ChannelError> {
        self.end.try_send(message, fds)
    }
}

/// The socket of a channel, watched, and of no type yet: what the hello passes through.
#[derive(Debug)]
pub(crate) struct Socket {
    watched: Watched,
    frames: Frames,
    /// What has arrived of a message that is not complete: to stop waiting for the rest loses nothing.
    pieces: Pieces,
}

impl Socket {
    /// Takes the socket, which must be non-blocking: a narrowed broker could not make it so. Must be called inside a tokio
    /// runtime.
    pub(crate) fn new(fd: OwnedFd) -> io::Result<Self> {
        let watched = Watched::new(fd, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { watched, frames: Frames::default(), pieces: Pieces::default() })
    }

    /// Waits for one message of type `In`, with `accepted` descriptors at most.
    pub(crate) async fn recv<In: Message>(&self, accepted: usize) -> Result<Received<In>, ChannelError> {
        let mut frame = self.frames.take(frame_size::<In>());
        let received = self.recv_into(frame_of_size::<In>(&mut frame), accepted).await;
        self.frames.give(frame);
        received
    }

    async fn recv_into<In: Message>(&self, frame: &mut [u8], accepted: usize) -> Result<Received<In>, ChannelError> {
        loop {
            let receive =
                |socket: BorrowedFd<'_>| receive(socket, frame, accepted, RecvFlags::DONTWAIT).map_err(Into::into);
            let (len, fds) = self.watched.read(receive).await?;
            if let Some(received) = self.pieces.add(frame, len, fds, accepted)? {
                return Ok(received);
            }
        }
    }

    /// As [`Socket::recv`], for a loop that waits for several things at once.
    pub(crate) fn poll_recv<In: Message>(
        &self,
        context: &mut Context<'_>,
        accepted: usize,
    ) -> Poll<Result<Received<In>, ChannelError>> {
        let mut buffer = self.frames.take(frame_size::<In>());
        let received = self.poll_recv_into(context, frame_of_size::<In>(&mut buffer), accepted);
        self.frames.give(buffer);
        received
    }

    fn poll_recv_into<In: Message>(
        &self,
        context: &mut Context<'_>,
        frame: &mut [u8],
        accepted: usize,
    ) -> Poll<Result<Received<In>, ChannelError>> {
        loop {
            let receive =
                |socket: BorrowedFd<'_>| receive(socket, frame, accepted, RecvFlags::DONTWAIT).map_err(Into::into);
            let (len, fds) = ready!(self.watched.poll_read(context, receive))?;
            if let Some(received) = self.pieces.add(frame, len, fds, accepted)? {
                return Poll::Ready(Ok(received));
            }
        }
    }

    pub(crate) async fn send<Out: Message>(&self, message: &Out) -> Result<(), ChannelError> {
        let mut buffer = Vec::new();
        let sent = match frames_of(message, &self.frames, &mut buffer) {
            Ok(frames) => self.send_frames(frames).await,
            Err(error) => Err(error),
        };
        self.frames.give(buffer);
        sent
    }

    async fn send_frames(&self, frames: impl Iterator<Item = &[u8]>) -> Result<(), ChannelError> {
        for frame in frames {
            // Tried before waiting: there almost always is room.
            match transmit(self.watched.as_fd(), frame, &[], SendFlags::DONTWAIT) {
                Err(Errno::AGAIN) => {
                    let send = |socket: BorrowedFd<'_>| transmit(socket, frame, &[], SendFlags::DONTWAIT);
                    self.watched.write(|socket| send(socket).map_err(Into::into)).await?;
                }
                result => result.map_err(io::Error::from)?,
            }
        }
        Ok(())
    }

    fn try_send<Out: Message>(&self, message: &Out, fds: &[BorrowedFd<'_>]) -> Result<(), ChannelError> {
        const { assert!(fits_a_frame::<Out>(), "of a message of several frames some may be sent and others not") };
        let mut buffer = Vec::new();
        let sent = frames_of(message, &self.frames, &mut buffer).and_then(|mut frames| {
            let frame = frames.next().unwrap_or_default();
            transmit(self.watched.as_fd(), frame, fds, SendFlags::DONTWAIT)
                .map_err(|errno| io::Error::from(errno).into())
        });
        self.frames.give(buffer);
        sent
    }
}

#[derive(Debug)]
struct End<Out, In> {
    socket: Socket,
    types: PhantomData<fn(Out) -> In>,
}

impl<Out: Message, In: Message> End<Out, In> {
    fn new(socket: Socket) -> Self {
        Self { socket, types: PhantomData }
    }

    async fn recv(&self, descriptors: usize) -> Result<Received<In>, ChannelError> {
        self.socket.recv(descriptors).await
    }

    async fn send(&self, message: &Out) -> Result<(), ChannelError> {
        self.socket.send(message).await
    }

    fn try_send(&self, message: &Out, fds: &[BorrowedFd<'_>]) -> Result<(), ChannelError> {
        self.socket.try_send(message, fds)
    }
}

#[cfg(test)]
mod tests;
