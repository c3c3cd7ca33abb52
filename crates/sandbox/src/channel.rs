//! Typed messages between broker and worker, over one end each of a `SOCK_SEQPACKET` pair.
//!
//! One frame is one message in its only encoding ([`orlop_wire`]). Anything else, a frame that is too long
//! included, ends the conversation: the peer is broken or hostile. Descriptors go one way, from
//! [`BrokerChannel`] to [`WorkerChannel`]; what a worker attaches to a message is dropped by the kernel.

use core::marker::PhantomData;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll};

use orlop_wire::{DecodeError, MaxSize, decode, encode};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;

use crate::relay::Relay;
use crate::sys::Watched;

mod blocking;
mod frames;
mod passing;

pub(crate) use blocking::Blocking;
use frames::Frames;
use passing::Descriptors;
pub(crate) use passing::{receive, transmit};

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
    /// A frame that is no message.
    #[error("a malformed frame: {0}")]
    Malformed(#[from] DecodeError),
    /// More descriptors than one with a message, or one where none belongs.
    #[error("more descriptors than one with a message")]
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
}

/// A worker's end: sends `Out`, receives `In`, and descriptors from its broker.
#[derive(Debug)]
pub struct WorkerChannel<Out, In> {
    end: End<Out, In>,
    /// Whether what comes may bring a descriptor.
    is_granted: bool,
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
        Self { end: End::new(socket), is_granted: true }
    }

    /// Its end of what joins it to another worker. What a broker has granted to one of them stays with that one.
    pub(crate) fn joint(socket: Socket) -> Self {
        Self { is_granted: false, ..Self::new(socket) }
    }

    /// Waits for the next message.
    ///
    /// # Errors
    /// [`ChannelError`]; the conversation is over after any of them.
    pub async fn recv(&self) -> Result<Received<In>, ChannelError> {
        self.end.recv(self.is_granted).await
    }

    /// As [`WorkerChannel::recv`], for a loop that waits for several things at once.
    ///
    /// # Errors
    /// As [`WorkerChannel::recv`].
    pub fn poll_recv(&self, context: &mut Context<'_>) -> Poll<Result<Received<In>, ChannelError>> {
        self.end.socket.poll_recv(context, self.is_granted)
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
        self.end.try_send(message, None)
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
        self.end.recv(false).await
    }

    /// As [`BrokerChannel::recv`], for a loop that waits for several things at once.
    ///
    /// # Errors
    /// As [`BrokerChannel::recv`].
    pub fn poll_recv(&self, context: &mut Context<'_>) -> Poll<Result<Received<In>, ChannelError>> {
        self.end.socket.poll_recv(context, false)
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
        self.end.try_send(message, None)
    }

    /// Grants a descriptor, with the message that says what it is.
    ///
    /// # Errors
    /// As [`BrokerChannel::try_send`].
    pub fn send_with(&self, message: &Out, fd: BorrowedFd<'_>) -> Result<(), ChannelError> {
        self.end.try_send(message, Some(fd))
    }
}

/// The socket of a channel, watched, and of no type yet: what the hello passes through.
#[derive(Debug)]
pub(crate) struct Socket {
    watched: Watched,
    frames: Frames,
}

impl Socket {
    /// Takes the socket, which must be non-blocking: a narrowed broker could not make it so. Must be called inside a tokio
    /// runtime.
    pub(crate) fn new(fd: OwnedFd) -> io::Result<Self> {
        let watched = Watched::new(fd, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { watched, frames: Frames::default() })
    }

    /// Waits for one message of type `In`, and for a descriptor with it if one is `accepted`.
    pub(crate) async fn recv<In: Message>(&self, accepted: bool) -> Result<Received<In>, ChannelError> {
        let mut frame = self.frames.take(frame_size::<In>());
        let received = self.recv_into(frame_of_size::<In>(&mut frame), accepted).await;
        self.frames.give(frame);
        received
    }

    async fn recv_into<In: Message>(&self, frame: &mut [u8], accepted: bool) -> Result<Received<In>, ChannelError> {
        let receive =
            |socket: BorrowedFd<'_>| receive(socket, frame, accepted.into(), RecvFlags::DONTWAIT).map_err(Into::into);
        let (len, fds) = self.watched.read(receive).await?;
        understand(frame, len, fds)
    }

    /// As [`Socket::recv`], for a loop that waits for several things at once.
    pub(crate) fn poll_recv<In: Message>(
        &self,
        context: &mut Context<'_>,
        accepted: bool,
    ) -> Poll<Result<Received<In>, ChannelError>> {
        let mut buffer = self.frames.take(frame_size::<In>());
        let frame = frame_of_size::<In>(&mut buffer);
        let receive =
            |socket: BorrowedFd<'_>| receive(socket, frame, accepted.into(), RecvFlags::DONTWAIT).map_err(Into::into);
        let received = self.watched.poll_read(context, receive).map_err(ChannelError::from);
        let received = received.map_ok(|(len, fds)| understand(frame_of_size::<In>(&mut buffer), len, fds));
        self.frames.give(buffer);
        received.map(|received| received.and_then(|received| received))
    }

    pub(crate) async fn send<Out: Message>(&self, message: &Out) -> Result<(), ChannelError> {
        let mut buffer = self.frames.take(frame_size::<Out>());
        let sent = self.send_frame(frame_of(message, &mut buffer)).await;
        self.frames.give(buffer);
        sent
    }

    async fn send_frame(&self, frame: Result<&[u8], ChannelError>) -> Result<(), ChannelError> {
        let frame = frame?;
        // Tried before waiting: there almost always is room.
        match transmit(self.watched.as_fd(), frame, &[], SendFlags::DONTWAIT) {
            Err(Errno::AGAIN) => {}
            result => return result.map_err(|errno| io::Error::from(errno).into()),
        }
        Ok(self.watched.write(|socket| transmit(socket, frame, &[], SendFlags::DONTWAIT).map_err(Into::into)).await?)
    }

    fn try_send<Out: Message>(&self, message: &Out, fd: Option<BorrowedFd<'_>>) -> Result<(), ChannelError> {
        let mut buffer = self.frames.take(frame_size::<Out>());
        let sent = frame_of(message, &mut buffer).and_then(|frame| {
            transmit(self.watched.as_fd(), frame, fd.as_slice(), SendFlags::DONTWAIT)
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

    async fn recv(&self, descriptors: bool) -> Result<Received<In>, ChannelError> {
        self.socket.recv(descriptors).await
    }

    async fn send(&self, message: &Out) -> Result<(), ChannelError> {
        self.socket.send(message).await
    }

    fn try_send(&self, message: &Out, fd: Option<BorrowedFd<'_>>) -> Result<(), ChannelError> {
        self.socket.try_send(message, fd)
    }
}

/// Bytes of the largest frame. At least one: a message of no bytes would look like the end.
fn frame_size<T: MaxSize>() -> usize {
    const {
        assert!(T::POSTCARD_MAX_SIZE > 0, "a message of no bytes cannot be told from the end of the channel");
        assert!(T::POSTCARD_MAX_SIZE <= MAX_FRAME, "a message this large belongs into chunks");
    }
    orlop_wire::max_size::<T>()
}

/// As much of a buffer as a message of type `T` may have: one that is longer must not fit.
fn frame_of_size<T: MaxSize>(buffer: &mut [u8]) -> &mut [u8] {
    let size = frame_size::<T>().min(buffer.len());
    buffer.split_at_mut(size).0
}

/// Far below what a socket takes as one frame (212 kB by default), and enough for every request of a daemon: the largest
/// are 16 KiB of a text, with where they belong.
const MAX_FRAME: usize = 17 << 10;

fn frame_of<'b, T: Message>(message: &T, buffer: &'b mut [u8]) -> Result<&'b [u8], ChannelError> {
    // The buffer has the type's own maximum; a type whose maximum is wrong is a bug that must not send half a frame.
    encode(message, buffer).map_err(|error| ChannelError::Io(io::Error::other(error)))
}

/// Makes a message of the first `len` bytes of `frame` and the descriptor that came with them.
fn understand<In: Message>(frame: &[u8], len: usize, fds: Descriptors) -> Result<Received<In>, ChannelError> {
    let message = message_of(frame, len)?;
    let mut fds = fds.whole()?;
    match (fds.pop(), fds.is_empty()) {
        (fd, true) => Ok(Received { message, fd }),
        (_, false) => Err(ChannelError::Surplus),
    }
}

/// Makes a message of the first `len` bytes of `frame`.
pub(crate) fn message_of<In: Message>(frame: &[u8], len: usize) -> Result<In, ChannelError> {
    let max = frame.len();
    if len == 0 {
        // A frame of no bytes cannot be told from the end, and no message has no bytes.
        return Err(ChannelError::PeerGone);
    }
    let Some(frame) = frame.get(..len) else { return Err(ChannelError::Oversize { len, max }) };
    Ok(decode(frame)?)
}

#[cfg(test)]
mod tests;
