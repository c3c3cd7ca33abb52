//! The sockets to the name servers: pools of those that wait, those through which a question is under way, and streams.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll, Waker};

use orlop_lookup_core::stream::Stream as Framing;
use orlop_resolver_core::resolver::{RequestId, SocketId};
use orlop_sandbox::connection::Connection;
use orlop_sandbox::datagram::{self, Datagram};

use crate::wakes::Wakes;

/// All sockets, and the one buffer that everything is read into.
pub(crate) struct Upstreams {
    /// Nothing was sent through these. Nobody watches them: what has come before a question is seen when it is to be sent.
    waiting: BTreeMap<SocketId, OwnedFd>,
    asked: BTreeMap<SocketId, (Datagram, Waker)>,
    streams: BTreeMap<RequestId, Stream>,
    wakes: Wakes<Key>,
    next: u32,
    buffer: Box<[u8]>,
}

#[derive(Debug, Clone, Copy)]
enum Key {
    Socket(SocketId),
    Stream(RequestId),
}

/// A stream, wanted or there.
struct Stream {
    /// What could not be sent yet, its length before it.
    unsent: Vec<u8>,
    there: Option<(Connection, Waker)>,
    heard: Framing,
}

/// What has come.
pub(crate) enum Heard<'b> {
    Datagram(SocketId, &'b [u8]),
    /// Nobody listens there, or no way leads there.
    Unreachable(SocketId),
    Message(RequestId, Vec<u8>),
    /// The stream has ended before it had brought a message.
    Failed(RequestId),
}

/// What could not be sent.
pub(crate) enum NotSent {
    /// Something has come through the socket before, or it cannot send.
    Spoiled,
    Unreachable,
}

/// The longest datagram there is, and one byte more.
const ROOM: usize = 1 << 16;

/// What is taken from one socket before all else is looked at again.
const IN_A_ROW: usize = 8;

impl Upstreams {
    pub(crate) fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            asked: BTreeMap::new(),
            streams: BTreeMap::new(),
            wakes: Wakes::new(),
            next: 0,
            buffer: vec![0; ROOM].into(),
        }
    }

    /// Lets go of everything: there are other servers, or other ways to them.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.asked.clear();
        self.streams.clear();
    }

    /// Takes granted sockets, and says by what they are called.
    pub(crate) fn fill(&mut self, sockets: impl IntoIterator<Item = OwnedFd>) -> Vec<SocketId> {
        let named = sockets.into_iter().map(|socket| {
            let id = SocketId(self.next);
            self.next = self.next.wrapping_add(1);
            self.waiting.insert(id, socket);
            id
        });
        named.collect()
    }

    /// Sends a question through a socket that waits. What cannot be sent costs the socket.
    pub(crate) fn send(&mut self, id: SocketId, message: &[u8]) -> Result<(), NotSent> {
        let Some(socket) = self.waiting.remove(&id) else { return Err(NotSent::Spoiled) };
        // A socket that is open for long can be guessed, and filled with answers.
        match datagram::waiting(socket.as_fd(), &mut self.buffer) {
            Err(nothing) if nothing.kind() == io::ErrorKind::WouldBlock => {}
            _ => return Err(NotSent::Spoiled),
        }
        match datagram::send(socket.as_fd(), message) {
            Ok(()) => {}
            Err(error) if is_unreachable(&error) => return Err(NotSent::Unreachable),
            Err(_) => return Err(NotSent::Spoiled),
        }
        let datagram = Datagram::asked(socket).map_err(|_| NotSent::Spoiled)?;
        self.asked.insert(id, (datagram, self.wakes.waker(Key::Socket(id))));
        Ok(())
    }

    pub(crate) fn close(&mut self, id: SocketId) {
        self.waiting.remove(&id);
        self.asked.remove(&id);
    }

    /// A stream is wanted, to send this through.
    pub(crate) fn want(&mut self, id: RequestId, message: &[u8]) {
        self.streams.insert(id, Stream { unsent: framed(message), there: None, heard: Framing::default() });
    }

    /// It is there. Where it is not wanted any more, it is let go of.
    pub(crate) fn connected(&mut self, id: RequestId, socket: OwnedFd) -> io::Result<()> {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.there = Some((Connection::from_fd(socket)?, self.wakes.waker(Key::Stream(id))));
        }
        Ok(())
    }

    /// Whether the stream was wanted, which it is not any more.
    pub(crate) fn hang_up(&mut self, id: RequestId) -> bool {
        self.streams.remove(&id).is_some()
    }

    /// Hears what has come. Pending when nothing has.
    pub(crate) fn poll(&mut self, context: &Context<'_>, mut heard: impl FnMut(&mut Self, Heard<'_>)) -> Poll<()> {
        let ready = self.wakes.take(context);
        if ready.is_empty() {
            return Poll::Pending;
        }
        // Lent for as long as what is in it is looked at.
        let mut buffer = std::mem::take(&mut self.buffer);
        for key in ready {
            match key {
                Key::Socket(id) => self.poll_socket(id, &mut buffer, &mut heard),
                Key::Stream(id) => self.poll_stream(id, &mut buffer, &mut heard),
            }
        }
        self.buffer = buffer;
        Poll::Ready(())
    }

    fn poll_socket(&mut self, id: SocketId, buffer: &mut [u8], heard: &mut impl FnMut(&mut Self, Heard<'_>)) {
        for _ in 0..IN_A_ROW {
            let Some((socket, waker)) = self.asked.get(&id) else { return };
            let Poll::Ready(received) = socket.poll_answer(&mut Context::from_waker(waker), buffer) else { return };
            match received {
                Ok(length) => heard(self, Heard::Datagram(id, buffer.get(..length).unwrap_or_default())),
                Err(_) => {
                    self.asked.remove(&id);
                    heard(self, Heard::Unreachable(id));
                }
            }
        }
        self.wakes.again(Key::Socket(id));
    }

    fn poll_stream(&mut self, id: RequestId, buffer: &mut [u8], heard: &mut impl FnMut(&mut Self, Heard<'_>)) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        match stream.poll(buffer) {
            Poll::Pending => {}
            Poll::Ready(message) => {
                self.streams.remove(&id);
                heard(self, message.map_or(Heard::Failed(id), |message| Heard::Message(id, message)));
            }
        }
    }
}

impl Stream {
    /// Sends what there is room for, and waits for the one message that is to come; `None` when it does not.
    fn poll(&mut self, buffer: &mut [u8]) -> Poll<Option<Vec<u8>>> {
        let Self { unsent, there: Some((connection, waker)), heard } = self else { return Poll::Pending };
        let context = &mut Context::from_waker(waker);
        while !unsent.is_empty() {
            match connection.poll_send(context, unsent) {
                Poll::Ready(Ok(sent)) => drop(unsent.drain(..sent.min(unsent.len()))),
                Poll::Ready(Err(_)) => return Poll::Ready(None),
                Poll::Pending => break,
            }
        }
        loop {
            match connection.poll_recv(context, buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(None),
                Poll::Ready(Ok(length)) => {
                    let messages = heard.push(buffer.get(..length).unwrap_or_default());
                    if let Some(message) = messages.into_iter().next() {
                        return Poll::Ready(Some(message));
                    }
                }
            }
        }
    }
}

/// A message with its length before it (RFC 1035 section 4.2.2).
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let mut framed = Vec::with_capacity(message.len() + 2);
    framed.extend(length.to_be_bytes());
    framed.extend(message.iter().take(length.into()));
    framed
}

/// Whether the kernel says that nobody can be asked this way, and not only that it has no room.
fn is_unreachable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable
    )
}
