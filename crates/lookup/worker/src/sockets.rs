//! The sockets that are in use, one for each name and server.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};

use orlop_lookup_contract::{Place, Transport};
use orlop_lookup_core::answer::MAX_DATAGRAM;
use orlop_sandbox::connection::Connection;
use orlop_sandbox::datagram::{Datagram, Stamped};

/// All sockets, and the one buffer that everything is read into.
pub(crate) struct Sockets {
    sockets: BTreeMap<Place, Socket>,
    buffer: Box<[u8; ROOM]>,
}

enum Socket {
    Udp(Datagram),
    /// With what could not be sent yet.
    Tcp(Connection, Vec<u8>),
}

/// What has come through a socket.
pub(crate) enum Heard<'b> {
    /// One datagram, or the next part of a stream.
    Bytes(&'b [u8]),
    /// The socket is of no use any more, or nobody listens at its other end.
    Broken { refused: bool },
}

/// One byte more than any datagram that is looked at has, so that a longer one is seen to be longer.
const ROOM: usize = MAX_DATAGRAM + 1;

/// What is taken from one socket before the others, the broker and the clock are looked at again: a flood delays nothing by
/// more than this.
const IN_A_ROW: usize = 8;

impl Sockets {
    pub(crate) fn new() -> Self {
        Self { sockets: BTreeMap::new(), buffer: Box::new([0; ROOM]) }
    }

    /// The socket of a place, instead of the one that it had.
    pub(crate) fn open(&mut self, place: Place, socket: OwnedFd) -> io::Result<()> {
        let socket = match place.transport {
            Transport::Udp => Socket::Udp(Datagram::from_fd(socket)?),
            Transport::Tcp => Socket::Tcp(Connection::from_fd(socket)?, Vec::new()),
        };
        self.sockets.insert(place, socket);
        Ok(())
    }

    pub(crate) fn close(&mut self, place: Place) {
        self.sockets.remove(&place);
    }

    /// Sends a datagram now, or the next part of a stream as soon as there is room.
    pub(crate) fn send(&mut self, place: Place, bytes: Vec<u8>) -> io::Result<()> {
        match self.sockets.get_mut(&place) {
            // One that there is no room for is lost, as it may be later on its way.
            Some(Socket::Udp(datagram)) => match datagram.try_send(&bytes) {
                Err(full) if full.kind() == io::ErrorKind::WouldBlock => Ok(()),
                sent => sent,
            },
            Some(Socket::Tcp(_, unsent)) => {
                unsent.extend(bytes);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Sends what there is room for, and hears what has come, [`IN_A_ROW`] times at each socket at most. Pending when nothing
    /// has.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>, mut heard: impl FnMut(Place, Heard<'_>)) -> Poll<()> {
        let Self { sockets, buffer } = self;
        let mut any = Poll::Pending;
        for (place, socket) in sockets {
            for _ in 0..IN_A_ROW {
                let Poll::Ready(received) = socket.poll(context, buffer.as_mut_slice()) else { break };
                any = Poll::Ready(());
                match received {
                    Ok(length) => heard(*place, Heard::Bytes(buffer.get(..length.min(ROOM)).unwrap_or_default())),
                    Err(why) => {
                        heard(*place, Heard::Broken { refused: is_refusal(&why) });
                        break;
                    }
                }
            }
        }
        any
    }
}

impl Socket {
    fn poll(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Udp(datagram) => datagram.poll_recv_stamped(context, buffer).map_ok(|Stamped { len, nanos: _ }| len),
            Self::Tcp(connection, unsent) => {
                while !unsent.is_empty() {
                    match connection.poll_send(context, unsent) {
                        Poll::Ready(Ok(sent)) => drop(unsent.drain(..sent.min(unsent.len()))),
                        Poll::Ready(Err(why)) => return Poll::Ready(Err(why)),
                        Poll::Pending => break,
                    }
                }
                connection.poll_recv(context, buffer).map(|received| match received {
                    Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
                    other => other,
                })
            }
        }
    }
}

/// Whether nobody listens there: the socket itself is as it was.
pub(crate) fn is_refusal(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionRefused
}
