//! The machine: every name that is wanted.

use std::collections::BTreeMap;

use orlop_lookup_contract::{Counters, Discard, NameId, Place, Request, ServerCount, Transport};
use orlop_machine::{Chance, Instant, Machine, Seed};
use orlop_wire::DomainName;

use crate::answer::{Header, Reply};
use crate::lookup::{Lookup, Scene};
use crate::question::Kind;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// There are so many name servers, which may be other ones than before.
    Servers(ServerCount),
    /// A name is wanted, or is wanted now.
    Wanted(NameId, DomainName),
    /// It is not wanted any more.
    Forgotten(NameId),
    /// The socket that was asked for is there.
    Connected(Place),
    /// It cannot be had.
    Unconnected(Place),
    /// An open question was answered: from [`Lookups::receive`], which is the only one to make it.
    Answered(Place, Kind, Reply),
    /// A socket failed, or the server has ended the conversation.
    Broken {
        /// Whose socket.
        place: Place,
        /// Whether it is ECONNREFUSED: nobody listens there.
        refused: bool,
    },
    /// The instant of [`Machine::deadline`] has come.
    Deadline,
}

/// What should be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Ask the broker.
    Ask(Request),
    /// Send these bytes through the socket of this place. What goes wrong is told by [`Event::Broken`].
    Send(Place, Vec<u8>),
    /// The socket of this place is not needed any more.
    Close(Place),
}

/// All lookups of a worker.
#[derive(Debug)]
pub struct Lookups {
    lookups: BTreeMap<NameId, Lookup>,
    servers: ServerCount,
    chance: Chance,
    discards: Counters,
    /// What of it was told last.
    told: Counters,
}

impl Lookups {
    /// Without servers and names, which events bring.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self {
            lookups: BTreeMap::new(),
            servers: ServerCount::NONE,
            chance: Chance::new(seed),
            discards: Counters::default(),
            told: Counters::default(),
        }
    }

    /// Takes what has come through the socket of `place`: one datagram, or the next part of a stream. Whatever is not the
    /// answer to an open question is dropped and counted.
    #[must_use]
    pub fn receive(&mut self, now: Instant, place: Place, bytes: &[u8]) -> Vec<Action> {
        let Some(exchange) = self.lookups.get_mut(&place.id).and_then(|lookup| lookup.exchange(place)) else {
            self.discards.count(Discard::Unasked);
            return Vec::new();
        };
        let messages = exchange.messages(bytes);
        let mut actions = Vec::new();
        for message in messages {
            match self.admit(place, &message) {
                Ok((kind, reply)) => actions.extend(self.handle(now, Event::Answered(place, kind, reply))),
                Err(discard) => {
                    self.discards.count(discard);
                    // Nobody but the server can have said it, and by TCP it comes once. What is late is no fault.
                    if place.transport == Transport::Tcp && discard != Discard::Unasked {
                        actions.extend(self.handle(now, Event::Broken { place, refused: false }));
                    }
                }
            }
        }
        actions
    }

    /// What was dropped so far, and why.
    #[must_use]
    pub const fn discards(&self) -> &Counters {
        &self.discards
    }

    fn admit(&mut self, place: Place, message: &[u8]) -> Result<(Kind, Reply), Discard> {
        let header = Header::parse(message, place.transport)?;
        let lookup = self.lookups.get_mut(&place.id).ok_or(Discard::Unasked)?;
        let kind = lookup.exchange(place).and_then(|exchange| exchange.question(header.id)).ok_or(Discard::Unasked)?;
        let reply = Reply::parse(message, &header, lookup.name(), kind, &mut self.discards)?;
        if reply == Reply::Failure {
            self.discards.count(Discard::ServerFailure);
        }
        Ok((kind, reply))
    }
}

impl Machine for Lookups {
    type Event = Event;
    type Action = Action;
    const DEADLINE: Event = Event::Deadline;

    fn handle(&mut self, now: Instant, event: Event) -> Vec<Action> {
        let Self { lookups, servers, chance, discards, told } = self;
        if let Event::Servers(count) = event {
            *servers = count;
        }
        let mut scene = Scene { now, servers: *servers, chance, actions: Vec::new() };
        match event {
            Event::Servers(_) => lookups.values_mut().for_each(|lookup| lookup.servers_changed(&mut scene)),
            Event::Wanted(id, name) => {
                if lookups.get(&id).is_some_and(|lookup| *lookup.name() != name)
                    && let Some(mut other) = lookups.remove(&id)
                {
                    other.abandon(&mut scene);
                }
                lookups.entry(id).or_insert_with(|| Lookup::new(id, name)).hasten(&mut scene);
            }
            Event::Forgotten(id) => {
                if let Some(mut lookup) = lookups.remove(&id) {
                    lookup.abandon(&mut scene);
                }
            }
            Event::Connected(place) => match lookups.get_mut(&place.id) {
                Some(lookup) => lookup.connected(place, &mut scene),
                None => scene.actions.push(Action::Close(place)),
            },
            Event::Unconnected(place) => {
                if let Some(lookup) = lookups.get_mut(&place.id) {
                    lookup.broken(place, false, &mut scene);
                }
            }
            Event::Answered(place, kind, reply) => {
                if let Some(lookup) = lookups.get_mut(&place.id) {
                    lookup.answered(place, kind, reply, &mut scene);
                }
            }
            Event::Broken { place, refused } => {
                if let Some(lookup) = lookups.get_mut(&place.id) {
                    lookup.broken(place, refused, &mut scene);
                }
            }
            Event::Deadline => lookups.values_mut().for_each(|lookup| lookup.advance(&mut scene)),
        }
        let mut actions = scene.actions;
        let is_result = |action: &Action| matches!(action, Action::Ask(Request::Found { .. } | Request::Failed { .. }));
        if discards != told && actions.iter().any(is_result) {
            *told = *discards;
            actions.push(Action::Ask(Request::Discards(*discards)));
        }
        actions
    }

    fn deadline(&self) -> Option<Instant> {
        self.lookups.values().filter_map(Lookup::deadline).min()
    }
}
