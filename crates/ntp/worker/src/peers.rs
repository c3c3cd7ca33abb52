//! The sockets of the servers that are asked, one each.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};

use orlop_ntp_contract::{PeerId, Utc};
use orlop_ntp_core::packet::MAX_PACKET;
use orlop_sandbox::datagram::{Datagram, Stamped};

use crate::wall::Wall;

/// All sockets, and the one buffer that every answer is read into.
pub(crate) struct Peers {
    sockets: BTreeMap<PeerId, Datagram>,
    buffer: Box<[u8; ROOM]>,
}

/// One byte more than any answer has, so that a longer one is seen to be none.
const ROOM: usize = MAX_PACKET + 1;

/// Datagrams taken from one server before the others, the broker and the clock are looked at again: a flood delays nothing by
/// more than these.
const IN_A_ROW: usize = 8;

impl Peers {
    pub(crate) fn new() -> Self {
        Self { sockets: BTreeMap::new(), buffer: Box::new([0; ROOM]) }
    }

    /// The socket of a server, in the place of the one that it had.
    pub(crate) fn open(&mut self, peer: PeerId, socket: OwnedFd) -> io::Result<()> {
        self.sockets.insert(peer, Datagram::from_fd(socket)?);
        Ok(())
    }

    /// No longer asks this server.
    pub(crate) fn close(&mut self, peer: PeerId) {
        self.sockets.remove(&peer);
    }

    /// Asks, and says what the clock showed just before. `None` when it cannot be sent.
    pub(crate) fn send(&self, peer: PeerId, question: &[u8], wall: &Wall) -> Option<Utc> {
        let socket = self.sockets.get(&peer)?;
        // The first attempt may only report that nobody was there the last time (ECONNREFUSED), and send nothing.
        (0..2).find_map(|_| {
            let at = wall.now();
            socket.try_send(question).is_ok().then_some(at)
        })
    }

    /// Hears what has come, [`IN_A_ROW`] of each server at most: who sent it, what, and what the clock showed when it came.
    /// Pending when nothing has.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        wall: &Wall,
        mut heard: impl FnMut(PeerId, &[u8], Utc),
    ) -> Poll<()> {
        let mut any = Poll::Pending;
        for (peer, socket) in &self.sockets {
            for _ in 0..IN_A_ROW {
                let Poll::Ready(received) = socket.poll_recv_stamped(context, self.buffer.as_mut_slice()) else {
                    break;
                };
                any = Poll::Ready(());
                // An error says that nobody listens there, or that there is no way there; reading it takes it off the socket.
                let Ok(Stamped { len, nanos }) = received else { continue };
                let at = nanos.and_then(Utc::from_nanos).map_or_else(|| wall.now(), |machine| wall.at(machine));
                heard(*peer, self.buffer.get(..len.min(ROOM)).unwrap_or_default(), at);
            }
        }
        any
    }
}
