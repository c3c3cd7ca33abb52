//! The machine among clients, a broker and upstreams, in a time of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use orlop_machine::{Instant, Machine as _, Seed};
use orlop_resolver_contract::{Conduct, ServerAddr, UpstreamId, Upstreams};
use orlop_resolver_core::resolver::{Action, Asker, ClientId, Event, Heard, RequestId, Resolver, SocketId};

use crate::message::Message;

/// What an upstream does with a question: what it says, each after so many milliseconds.
pub(crate) type Upstream = Box<dyn FnMut(&[u8]) -> Vec<(u64, Said)>>;

/// What comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Message(Vec<u8>),
    /// ICMP: nobody is there.
    Unreachable,
}

pub(crate) struct World {
    pub(crate) resolver: Resolver,
    pub(crate) now: Instant,
    upstreams: Vec<Upstream>,
    streams: Vec<Upstream>,
    sockets: BTreeMap<SocketId, UpstreamId>,
    spent: BTreeSet<SocketId>,
    /// Questions that went out and may still be answered.
    pub(crate) open: BTreeMap<SocketId, Vec<u8>>,
    pub(crate) open_streams: BTreeMap<RequestId, Vec<u8>>,
    coming: BTreeMap<(Instant, u64), Coming>,
    count: u32,
    /// Whether the broker has sockets.
    pub(crate) has_pool: bool,
    asked_at: BTreeMap<ClientId, Instant>,
    /// Clients that nothing was said to, and nothing will be.
    pub(crate) dropped: BTreeSet<ClientId>,
    pub(crate) answers: BTreeMap<ClientId, Answered>,
    /// What was sent, when, to whom.
    pub(crate) sent: Vec<(u64, usize, Vec<u8>)>,
    pub(crate) connected: usize,
}

/// What a client has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    /// After so many milliseconds.
    pub(crate) after: u64,
    pub(crate) message: Vec<u8>,
    pub(crate) upstream: Option<UpstreamId>,
}

enum Coming {
    Said(SocketId, Said),
    Pool(UpstreamId, usize),
    Stream(RequestId, Option<Vec<u8>>),
}

impl World {
    pub(crate) fn new(upstreams: Vec<Upstream>) -> Self {
        Self::with(Conduct::default(), upstreams)
    }

    pub(crate) fn with(conduct: Conduct, upstreams: Vec<Upstream>) -> Self {
        let streams = upstreams.iter().map(|_| silent()).collect();
        let mut world = Self {
            resolver: Resolver::new(Seed::from_bytes([7; 32]), conduct),
            now: Instant::from_nanos(0).after(Duration::from_secs(100)),
            upstreams,
            streams,
            sockets: BTreeMap::new(),
            spent: BTreeSet::new(),
            open: BTreeMap::new(),
            open_streams: BTreeMap::new(),
            coming: BTreeMap::new(),
            count: 0,
            has_pool: true,
            asked_at: BTreeMap::new(),
            dropped: BTreeSet::new(),
            answers: BTreeMap::new(),
            sent: Vec::new(),
            connected: 0,
        };
        world.announce();
        world.run(5);
        world
    }

    /// The upstreams are told to the machine, at addresses 198.51.100.1 and up.
    pub(crate) fn announce(&mut self) {
        let count = u8::try_from(self.upstreams.len()).unwrap();
        self.announce_at((1..=count).map(|last| [198, 51, 100, last].into()));
    }

    pub(crate) fn announce_at(&mut self, addrs: impl Iterator<Item = IpAddr>) {
        let servers = addrs.map(|addr| ServerAddr::new(addr, 53).unwrap());
        self.announce_these(Upstreams::choose(servers, |_| false));
    }

    pub(crate) fn announce_these(&mut self, upstreams: Upstreams) {
        self.sockets.clear();
        self.open.clear();
        self.open_streams.clear();
        self.coming.clear();
        self.happens(Event::Upstreams(upstreams));
    }

    pub(crate) fn replace(&mut self, at: usize, upstream: Upstream) {
        self.upstreams[at] = upstream;
    }

    pub(crate) fn stream(&mut self, at: usize, upstream: Upstream) {
        self.streams[at] = upstream;
    }

    /// A client asks, by UDP.
    pub(crate) fn ask(&mut self, query: &Message) -> ClientId {
        self.ask_from(4000, query)
    }

    pub(crate) fn ask_from(&mut self, port: u16, query: &Message) -> ClientId {
        self.count += 1;
        let client = ClientId(self.count);
        self.asked_at.insert(client, self.now);
        let mut answer = Vec::new();
        let asker = Asker { client, port, udp_limit: Some(4096) };
        match self.resolver.query(self.now, asker, &query.bytes(), &mut answer) {
            Heard::Answered => self.answered(client, answer, None),
            Heard::Dropped => drop(self.dropped.insert(client)),
            Heard::Open(actions) => self.act(actions),
        }
        client
    }

    /// A client asks, and its answer is awaited.
    pub(crate) fn answer_to(&mut self, query: &Message) -> Answered {
        let client = self.ask(query);
        self.run(6000);
        self.answer(client)
    }

    pub(crate) fn answer(&self, client: ClientId) -> Answered {
        self.answers.get(&client).cloned().unwrap_or_else(|| panic!("{client:?} has no answer"))
    }

    /// So many milliseconds go by.
    pub(crate) fn run(&mut self, millis: u64) {
        let end = self.now.after(Duration::from_millis(millis));
        loop {
            let coming = self.coming.first_key_value().map(|((at, _), _)| *at);
            let due = self.resolver.deadline();
            let Some(next) = [coming, due].into_iter().flatten().min().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            if coming.is_some_and(|at| at <= self.now) {
                let (_, coming) = self.coming.pop_first().unwrap();
                self.come(coming);
            } else {
                self.happens(Event::Deadline);
                let due = self.resolver.deadline();
                assert!(due.is_none_or(|due| due > self.now), "the deadline stays in the past");
            }
        }
        self.now = end;
    }

    pub(crate) fn happens(&mut self, event: Event) {
        let actions = self.resolver.handle(self.now, event);
        self.act(actions);
    }

    /// How many questions an upstream got.
    pub(crate) fn questions(&self, upstream: usize) -> usize {
        self.sent.iter().filter(|(_, to, _)| *to == upstream).count()
    }

    /// A socket that nothing was sent through.
    pub(crate) fn idle(&self) -> Option<SocketId> {
        self.sockets.keys().find(|socket| !self.spent.contains(socket)).copied()
    }

    /// The worker has closed it.
    pub(crate) fn forget(&mut self, socket: SocketId) {
        self.sockets.remove(&socket).unwrap();
        self.open.remove(&socket);
    }

    fn come(&mut self, coming: Coming) {
        match coming {
            Coming::Said(socket, said) => self.say(socket, said),
            Coming::Pool(upstream, _) if !self.has_pool => self.happens(Event::NoPool { upstream }),
            Coming::Pool(upstream, count) => {
                let sockets: Vec<_> = (0..count).map(|_| self.new_socket(upstream)).collect();
                self.happens(Event::Pool { upstream, sockets });
            }
            Coming::Stream(request, message) => self.say_by_stream(request, message),
        }
    }

    /// This comes through a socket, if it is still open.
    pub(crate) fn say(&mut self, socket: SocketId, said: Said) {
        match said {
            Said::Message(message) if self.sockets.contains_key(&socket) => {
                let actions = self.resolver.receive(self.now, socket, &message);
                self.act(actions);
            }
            Said::Unreachable if self.sockets.contains_key(&socket) => {
                self.forget(socket);
                self.happens(Event::Unreachable { socket });
            }
            Said::Message(_) | Said::Unreachable => {}
        }
    }

    /// This comes through a stream, or it ends.
    pub(crate) fn say_by_stream(&mut self, request: RequestId, message: Option<Vec<u8>>) {
        self.open_streams.remove(&request);
        self.happens(match message {
            Some(message) => Event::StreamReply { request, message },
            None => Event::StreamFailed { request },
        });
    }

    fn new_socket(&mut self, upstream: UpstreamId) -> SocketId {
        self.count += 1;
        let socket = SocketId(self.count);
        self.sockets.insert(socket, upstream);
        socket
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Answer { client, message, upstream } => self.answered(client, message, upstream),
                Action::Send { socket, message } => {
                    let upstream = *self.sockets.get(&socket).unwrap_or_else(|| panic!("{socket:?} is not open"));
                    assert!(self.spent.insert(socket), "{socket:?} is used twice");
                    let at = self.millis();
                    self.sent.push((at, upstream.index(), message.clone()));
                    self.open.insert(socket, message.clone());
                    for (after, said) in (self.upstreams[upstream.index()])(&message) {
                        self.later(after, Coming::Said(socket, said));
                    }
                }
                Action::Close { socket } => {
                    self.sockets.remove(&socket).unwrap_or_else(|| panic!("{socket:?} is not open"));
                    self.open.remove(&socket);
                }
                Action::Refill { upstream, count } => self.later(1, Coming::Pool(upstream, count)),
                Action::Connect { upstream, request, message } => {
                    self.connected += 1;
                    self.open_streams.insert(request, message.clone());
                    for (after, said) in (self.streams[upstream.index()])(&message) {
                        let message = match said {
                            Said::Message(message) => Some(message),
                            Said::Unreachable => None,
                        };
                        self.later(after, Coming::Stream(request, message));
                    }
                }
                Action::HangUp { request } => {
                    self.open_streams.remove(&request).unwrap_or_else(|| panic!("{request:?} is not open"));
                    self.coming.retain(|_, coming| !matches!(coming, Coming::Stream(of, _) if *of == request));
                }
            }
        }
    }

    fn later(&mut self, after: u64, coming: Coming) {
        self.count += 1;
        self.coming.insert((self.now.after(Duration::from_millis(after)), u64::from(self.count)), coming);
    }

    /// Clients that wait for their answer.
    pub(crate) fn waiting(&self) -> usize {
        self.asked_at.len() - self.answers.len() - self.dropped.len()
    }

    fn answered(&mut self, client: ClientId, message: Vec<u8>, upstream: Option<UpstreamId>) {
        let after = self.now.since(self.asked_at[&client]).as_millis();
        let answered = Answered { after: u64::try_from(after).unwrap(), message, upstream };
        assert!(self.answers.insert(client, answered).is_none(), "{client:?} is answered twice");
    }

    fn millis(&self) -> u64 {
        self.now.as_nanos() / 1_000_000
    }
}

impl Answered {
    pub(crate) fn code(&self) -> u8 {
        self.message[3] & 15
    }

    pub(crate) fn flags(&self) -> u16 {
        u16::from_be_bytes([self.message[2], self.message[3]])
    }
}

/// Answers with one address, after so many milliseconds.
pub(crate) fn answering(after: u64) -> Upstream {
    scripted(after, |query| Message::reply(query).a(300, 1))
}

/// Answers with this, after so many milliseconds.
pub(crate) fn scripted(after: u64, reply: impl Fn(&[u8]) -> Message + 'static) -> Upstream {
    Box::new(move |query| vec![(after, Said::Message(reply(query).bytes()))])
}

/// Fails with this code, after so many milliseconds.
pub(crate) fn failing(after: u64, code: u16) -> Upstream {
    scripted(after, move |query| Message::reply(query).flags(code).opt(1232, 0, &[]))
}

/// Says nothing.
pub(crate) fn silent() -> Upstream {
    Box::new(|_| Vec::new())
}

/// Nobody is there.
pub(crate) fn absent(after: u64) -> Upstream {
    Box::new(move |_| vec![(after, Said::Unreachable)])
}
