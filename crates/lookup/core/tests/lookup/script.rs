//! The machine under a script of bytes: two for each thing that happens, a word and what it is about. It plays the broker and
//! the servers, and looks at everything that the machine does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use orlop_lookup_contract::{Denied, NameId, Place, Policy, Request, ServerCount, ServerId, Transport};
use orlop_lookup_core::question::Kind;
use orlop_lookup_core::stream::Stream;
use orlop_lookup_core::{Action, Event, Lookups};
use orlop_machine::{Instant, Machine as _, Seed};
use orlop_wire::DomainName;

use crate::message::{Message, NAME, name};

/// How often each thing happened, for a script to say what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) asked: usize,
    pub(crate) found: usize,
    pub(crate) failed: usize,
}

/// Plays the script.
pub(crate) fn play(script: &[u8]) -> Tally {
    let mut world = World::new();
    for step in script.chunks_exact(2) {
        world.step(step[0], step[1]);
    }
    world.tally
}

struct World {
    lookups: Lookups,
    now: Instant,
    policy: Policy,
    servers: ServerCount,
    wanted: BTreeSet<NameId>,
    /// Sockets that were asked for.
    awaited: BTreeSet<Place>,
    /// Sockets that the machine has, with the questions that were sent through them.
    open: BTreeMap<Place, Vec<(u16, Kind)>>,
    tally: Tally,
}

/// Of all names, these are wanted in scripts.
const NAMES: u8 = 4;

impl World {
    fn new() -> Self {
        let now = Instant::from_nanos(1);
        Self {
            lookups: Lookups::new(Seed::from_bytes([7; 32])),
            now,
            policy: Policy::new(now),
            servers: ServerCount::NONE,
            wanted: BTreeSet::new(),
            awaited: BTreeSet::new(),
            open: BTreeMap::new(),
            tally: Tally::default(),
        }
    }

    fn step(&mut self, word: u8, about: u8) {
        let id = NameId::new(about % NAMES).unwrap();
        let awaited = nth(&self.awaited, about);
        let open = nth(&self.open.keys().copied().collect(), about);
        match word % 11 {
            0 => {
                self.servers = ServerCount::new(about % 4).unwrap();
                self.policy.servers(self.servers);
                self.awaited.clear();
                self.happens(Event::Servers(self.servers));
            }
            1 => {
                let name = if about & 0x80 == 0 { NAME } else { "b.example" };
                self.wanted.insert(id);
                self.policy.ask(id);
                self.happens(Event::Wanted(id, DomainName::new(name).unwrap()));
            }
            2 => {
                self.happens(Event::Forgotten(id));
                self.wanted.remove(&id);
                self.policy.forget(id);
                self.awaited.retain(|place| place.id != id);
            }
            3 | 4 => {
                if let Some(place) = awaited {
                    self.awaited.remove(&place);
                    self.open.insert(place, Vec::new());
                    self.happens(Event::Connected(place));
                }
            }
            5 => {
                if let Some(place) = awaited {
                    self.awaited.remove(&place);
                    self.happens(Event::Unconnected(place));
                }
            }
            6 | 7 => {
                if let Some(place) = open {
                    self.answer(place, about);
                }
            }
            8 => {
                if let Some(place) = open {
                    self.happens(Event::Broken { place, refused: about & 0x80 != 0 });
                }
            }
            9 => {
                let wait = Duration::from_millis(u64::from(about).pow(2));
                self.now = self.now.after(wait);
                self.happens(Event::Deadline);
            }
            _ => {
                // A socket and an answer that nobody asked for.
                let server = ServerId::new(about % 3).unwrap();
                let transport = if about & 0x40 == 0 { Transport::Udp } else { Transport::Tcp };
                let place = Place { id, server, transport };
                if about & 0x80 == 0 {
                    self.open.insert(place, Vec::new());
                    self.happens(Event::Connected(place));
                } else {
                    self.happens(Event::Unconnected(place));
                }
            }
        }
        let due = self.lookups.deadline();
        assert!(due.is_none_or(|due| word % 11 != 9 || due > self.now), "the deadline stays in the past");
    }

    fn answer(&mut self, place: Place, about: u8) {
        let asked = self.open.get(&place).cloned().unwrap_or_default();
        let (id, kind) = asked.get(usize::from(about) % asked.len().max(1)).copied().unwrap_or((7, Kind::A));
        let message = Message::new(id, kind.number());
        let message = match about >> 3 {
            0..=7 => message.record(NAME, 1, u32::from(about), &[192, 0, 2, about]).record(NAME, 28, 300, &[0x20; 16]),
            8..=11 => message,
            12..=15 => message.code(3),
            16..=19 => message.code(2),
            20..=23 => message.truncated(),
            24..=25 => message.alias(NAME, NAME),
            26..=27 => message.question(name("c.example")),
            _ => message.raw(&[about; 3]),
        };
        let message = message.bytes();
        let bytes = match place.transport {
            Transport::Udp => message,
            Transport::Tcp => [&u16::try_from(message.len()).unwrap().to_be_bytes()[..], &message].concat(),
        };
        let actions = self.lookups.receive(self.now, place, &bytes);
        self.look(actions);
    }

    fn happens(&mut self, event: Event) {
        let actions = self.lookups.handle(self.now, event);
        self.look(actions);
    }

    /// Every rule that the machine keeps, whatever happens.
    fn look(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Ask(request) => {
                    match &request {
                        Request::Connect(place) => drop(self.awaited.insert(*place)),
                        Request::Found { addresses, .. } => {
                            let unlike: BTreeSet<_> = addresses.iter().collect();
                            assert_eq!(unlike.len(), addresses.len(), "an address twice");
                            self.tally.found += 1;
                        }
                        Request::Failed { .. } => self.tally.failed += 1,
                        Request::Discards(discards) => assert!(discards.total() > 0, "nothing was dropped"),
                    }
                    match self.policy.permit(self.now, request) {
                        Ok(_) | Err(Denied::TooOften | Denied::TooManyDenials) => {}
                        Err(denied) => panic!("an honest worker is denied: {denied}"),
                    }
                }
                Action::Send(place, bytes) => {
                    let asked = self.open.get_mut(&place).unwrap_or_else(|| panic!("{place:?} is not open"));
                    let questions = questions(place.transport, &bytes);
                    self.tally.asked += questions.len();
                    asked.extend(questions);
                }
                Action::Close(place) => drop(self.open.remove(&place)),
            }
        }
        assert!(self.open.keys().all(|place| self.wanted.contains(&place.id)), "sockets of a name nobody wants");
        for id in &self.wanted {
            let sockets = self.open.keys().filter(|place| place.id == *id).count();
            assert!(sockets <= 3, "{sockets} sockets for one name");
        }
    }
}

/// The number and the kind of each question in what is sent.
pub(crate) fn questions(transport: Transport, bytes: &[u8]) -> Vec<(u16, Kind)> {
    let messages = match transport {
        Transport::Udp => vec![bytes.to_vec()],
        Transport::Tcp => Stream::default().push(bytes),
    };
    let question = |message: Vec<u8>| {
        let end = 12 + message[12..].iter().position(|byte| *byte == 0).unwrap();
        let kind = if message[end + 2] == 1 { Kind::A } else { Kind::Aaaa };
        (u16::from_be_bytes([message[0], message[1]]), kind)
    };
    messages.into_iter().map(question).collect()
}

fn nth(places: &BTreeSet<Place>, at: u8) -> Option<Place> {
    places.iter().nth(usize::from(at) % places.len().max(1)).copied()
}
