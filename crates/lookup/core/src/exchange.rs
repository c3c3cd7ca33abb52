//! What is under way between one name and one server.

use core::time::Duration;

use orlop_lookup_contract::{Place, Transport};
use orlop_machine::{Chance, Instant};
use orlop_wire::DomainName;

use crate::question::{Kind, Question};
use crate::stream::Stream;

/// How long to wait after a server has refused a datagram: nobody listens there yet. The resolver of this very host is often
/// started at the same time as we are.
pub(crate) const REFUSED_WAIT: Duration = Duration::from_millis(250);

/// One server, asked for one name.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) place: Place,
    /// Whether its questions say that long datagrams may come back.
    edns: bool,
    /// The questions that are not answered, with their numbers. None before there is a socket.
    open: Vec<(u16, Kind)>,
    /// What has come by TCP.
    stream: Stream,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The socket has been asked for.
    Connecting,
    /// The questions are out.
    Asked,
    /// Nobody listens there; they go out again at this time.
    Refused(Instant),
}

impl Exchange {
    pub(crate) fn new(place: Place, edns: bool) -> Self {
        Self { place, edns, open: Vec::new(), stream: Stream::default(), phase: Phase::Connecting }
    }

    /// Makes the questions, each with a new number, as the bytes to send: one piece each for UDP, all in one for TCP.
    pub(crate) fn ask(&mut self, name: &DomainName, kinds: &[Kind], chance: &mut Chance) -> Vec<Vec<u8>> {
        self.phase = Phase::Asked;
        self.open.clear();
        let mut messages = Vec::new();
        for &kind in kinds {
            let id = self.unused(chance);
            self.open.push((id, kind));
            messages.push(Question { id, name, kind }.encode(self.place.transport, self.edns));
        }
        match self.place.transport {
            Transport::Udp => messages,
            Transport::Tcp => vec![messages.concat()],
        }
    }

    /// A number that no other question on this socket has.
    fn unused(&self, chance: &mut Chance) -> u16 {
        loop {
            let [high, low, ..] = chance.number().to_be_bytes();
            let id = u16::from_be_bytes([high, low]);
            if !self.open.iter().any(|(other, _)| *other == id) {
                return id;
            }
        }
    }

    /// Which addresses the open question of this number is for.
    pub(crate) fn question(&self, id: u16) -> Option<Kind> {
        self.open.iter().find(|(open, _)| *open == id).map(|(_, kind)| *kind)
    }

    /// These addresses are no longer asked for here. Says whether nothing is, any more.
    pub(crate) fn close(&mut self, kind: Kind) -> bool {
        self.open.retain(|(_, open)| *open != kind);
        self.phase == Phase::Asked && self.open.is_empty()
    }

    /// Whole messages out of what has come.
    pub(crate) fn messages(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        match self.place.transport {
            Transport::Udp => vec![bytes.to_vec()],
            Transport::Tcp => self.stream.push(bytes),
        }
    }

    /// The answer did not fit: the same over TCP, on a socket that is not there yet.
    pub(crate) fn over_tcp(&mut self) {
        *self = Self::new(Place { transport: Transport::Tcp, ..self.place }, self.edns);
    }

    /// Nobody listens there. Only a UDP socket can be used again then.
    pub(crate) fn refused(&mut self, now: Instant) {
        self.open.clear();
        self.phase = Phase::Refused(now.after(REFUSED_WAIT));
    }

    /// Whether there is a socket.
    pub(crate) fn has_socket(&self) -> bool {
        self.phase != Phase::Connecting
    }

    /// When to ask again, if the server has refused.
    pub(crate) fn again_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Refused(again) => Some(again),
            Phase::Connecting | Phase::Asked => None,
        }
    }
}
