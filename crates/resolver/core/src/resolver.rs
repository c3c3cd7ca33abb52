//! The machine: what clients ask, what upstreams answer, and whom to ask when.

mod asking;
mod event;
mod explaining;
mod hearing;
mod prefetching;
mod settling;

pub use event::{Action, Asker, ClientId, Event, Heard, RequestId, SocketId};

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use orlop_machine::{Chance, Instant, Machine, Seed};
use orlop_resolver_contract::{Conduct, Counters, Discard, Host, Served, ServerAddr, Status, UpstreamId, Upstreams};

use crate::cache::{AskFirst, Cache, Found};
use crate::flight::{Flight, Waiter};
use crate::header::Code;
use crate::local::{Local, Names};
use crate::query::{Asked, Key, Query, Refused, wire};
use crate::scope::Scope;
use crate::shares::Shares;
use crate::stored::{Delivery, MAX_MESSAGE, PLAIN_UDP_SIZE, Stored, write_error};
use crate::upstream::Server;

/// The machine.
#[derive(Debug)]
pub struct Resolver {
    conduct: Conduct,
    chance: Chance,
    cache: Cache,
    names: Names,
    servers: Vec<Server>,
    /// Those that the answers in the cache are from.
    sources: BTreeSet<Source>,
    flights: BTreeMap<FlightId, Box<Flight>>,
    /// Those that can be joined.
    by_key: BTreeMap<Box<[u8]>, FlightId>,
    timers: BTreeSet<(Instant, FlightId)>,
    sockets: BTreeMap<SocketId, Place>,
    streams: BTreeMap<RequestId, Place>,
    shares: Shares,
    next_flight: u64,
    next_request: u32,
    served: Served,
    discards: Counters,
}

/// A server, whether it is asked for all names, and the domains that are routed to it.
type Source = (ServerAddr, bool, BTreeSet<Box<[u8]>>);

/// Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct FlightId(u64);

/// Whose socket or stream it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    flight: FlightId,
    attempt: usize,
}

/// What is known of a question before it is asked.
struct Opening {
    /// Who is asked.
    scope: Scope,
    /// There is an answer that has lived its time.
    has_stale: bool,
}

/// How long a client waits before it gets what is stale (RFC 8767 section 5: 1.8 s).
const STALE_AFTER: Duration = Duration::from_millis(1800);

/// How long an answer is waited for: most clients do not wait longer than five seconds.
const PATIENCE: Duration = Duration::from_millis(4500);

/// Questions under way, at most, with those whose clients have their answer.
pub const MAX_FLIGHTS: usize = 2048;

/// Extended errors (RFC 8914 section 4).
mod ede {
    pub(super) const STALE_ANSWER: u16 = 3;
    pub(super) const NOT_READY: u16 = 14;
    pub(super) const BLOCKED: u16 = 15;
    pub(super) const STALE_NXDOMAIN: u16 = 19;
    pub(super) const NOT_AUTHORITATIVE: u16 = 20;
    pub(super) const NO_REACHABLE_AUTHORITY: u16 = 22;
    pub(super) const NETWORK_ERROR: u16 = 23;
}

impl Resolver {
    /// Without upstreams and hosts, which events bring.
    #[must_use]
    pub fn new(seed: Seed, conduct: Conduct) -> Self {
        let mut chance = Chance::new(seed);
        Self {
            conduct,
            cache: Cache::new(&conduct, &mut chance),
            chance,
            names: Names::default(),
            servers: Vec::new(),
            sources: BTreeSet::new(),
            flights: BTreeMap::new(),
            by_key: BTreeMap::new(),
            timers: BTreeSet::new(),
            sockets: BTreeMap::new(),
            streams: BTreeMap::new(),
            shares: Shares::default(),
            next_flight: 0,
            next_request: 0,
            served: Served::default(),
            discards: Counters::default(),
        }
    }

    /// Takes a client's message. What can be answered at once is written over what is in `answer`.
    #[must_use]
    pub fn query(&mut self, now: Instant, asker: Asker, message: &[u8], answer: &mut Vec<u8>) -> Heard {
        let query = match Query::read(message) {
            Ok(query) => query,
            Err(Refused::Silently) => {
                self.discards.count(Discard::NotAQuestion);
                return Heard::Dropped;
            }
            Err(Refused::With(asked, code)) => {
                self.discards.count(Discard::Refused);
                let is_unwished = code == Code::REFUSED && asked.wants_no_recursion();
                write_error(&asked, code, is_unwished.then_some(ede::NOT_AUTHORITATIVE), answer);
                return Heard::Answered;
            }
        };
        self.served.queries = self.served.queries.saturating_add(1);
        let limit = limit(asker.udp_limit, &query.asked);
        let key = query.key();
        let stale = match self.cache.find(now, &key) {
            Found::Fresh(stored, age) => {
                self.served.hits = self.served.hits.saturating_add(1);
                stored.write(&query.asked, Delivery { age, ..Delivery::fresh(limit) }, answer);
                if self.conduct.prefetch && prefetching::is_ending(stored, age) {
                    self.prefetch(now, key);
                }
                return Heard::Answered;
            }
            Found::Stale(stored, AskFirst::No) => {
                self.served.stale = self.served.stale.saturating_add(1);
                stored.write(&query.asked, stale_delivery(stored, limit), answer);
                return Heard::Answered;
            }
            Found::Stale(_, AskFirst::Yes) => true,
            Found::Nothing => false,
        };
        let scope = match self.names.look(&key, query.asked.question, &self.servers) {
            Local::Answer(stored) => {
                self.served.local = self.served.local.saturating_add(1);
                stored.write(&query.asked, Delivery::fresh(limit), answer);
                return Heard::Answered;
            }
            Local::Ask(scope) => scope,
        };
        if self.servers.is_empty() && !stale {
            self.served.failed = self.served.failed.saturating_add(1);
            write_error(&query.asked, Code::SERVFAIL, Some(ede::NOT_READY), answer);
            return Heard::Answered;
        }
        let heard = self.open(now, asker, &query.asked, key, Opening { scope, has_stale: stale });
        // By a stream nothing is lost, and so nothing is asked again.
        if heard == Heard::Dropped && asker.udp_limit.is_none() {
            write_error(&query.asked, Code::SERVFAIL, None, answer);
            return Heard::Answered;
        }
        heard
    }

    /// Takes what has come through a socket to an upstream.
    #[must_use]
    pub fn receive(&mut self, now: Instant, socket: SocketId, message: &[u8]) -> Vec<Action> {
        let mut actions = Vec::new();
        match self.sockets.get(&socket).copied() {
            Some(place) => self.read_reply(now, place, message, &mut actions),
            None => {
                self.discards.count(Discard::Unasked);
                self.servers.iter_mut().for_each(|server| server.forget(socket));
                actions.push(Action::Close { socket });
            }
        }
        self.refill(now, &mut actions);
        actions
    }

    /// How everything stands.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            served: self.served,
            cache: self.cache.status(),
            in_flight: self.shares.total(),
            discards: self.discards,
            upstreams: self.servers.iter().map(Server::status).collect(),
        }
    }

    /// A question that nobody can answer at once: joins the same one, or is asked.
    fn open(&mut self, now: Instant, asker: Asker, asked: &Asked<'_>, key: Key, opening: Opening) -> Heard {
        let known = self.by_key.get(key.bytes()).copied();
        if known.is_none() && self.flights.len() >= MAX_FLIGHTS || !self.shares.take(asker.port) {
            self.discards.count(Discard::Overload);
            return Heard::Dropped;
        }
        let waiter = Waiter::new(asker.client, asker.port, limit(asker.udp_limit, asked), asked);
        let known = known.and_then(|id| Some((id, self.take_out(id)?)));
        if let Some((id, mut flight)) = known {
            self.served.joined = self.served.joined.saturating_add(1);
            flight.waiters.push(waiter);
            if opening.has_stale {
                // One that was begun before the answer had lived its time knows of none.
                flight.stale_at.get_or_insert(now.after(STALE_AFTER));
            }
            self.put_back(id, flight);
            return Heard::Open(Vec::new());
        }
        self.served.misses = self.served.misses.saturating_add(1);
        let (id, mut flight) = self.new_flight(now, key, opening.scope);
        flight.waiters.push(waiter);
        flight.stale_at = opening.has_stale.then(|| now.after(STALE_AFTER));
        let mut actions = Vec::new();
        self.begin(now, id, &mut flight, &mut actions);
        self.put_back(id, flight);
        self.refill(now, &mut actions);
        Heard::Open(actions)
    }

    /// A flight that others can join once it is put back.
    fn new_flight(&mut self, now: Instant, key: Key, scope: Scope) -> (FlightId, Box<Flight>) {
        let id = FlightId(self.next_flight);
        self.next_flight = self.next_flight.saturating_add(1);
        self.by_key.insert(key.bytes().into(), id);
        (id, Box::new(Flight::new(key, scope, now.after(PATIENCE))))
    }

    /// Takes a flight out to do something with it.
    fn take_out(&mut self, id: FlightId) -> Option<Box<Flight>> {
        let flight = self.flights.remove(&id)?;
        if let Some(due) = flight.due {
            self.timers.remove(&(due, id));
        }
        Some(flight)
    }

    /// Puts it back, with its timer, unless nothing is to be done about it any more.
    fn put_back(&mut self, id: FlightId, mut flight: Box<Flight>) {
        if flight.is_settled && !flight.is_out() {
            return;
        }
        flight.due = flight.deadline();
        if let Some(due) = flight.due {
            self.timers.insert((due, id));
        }
        self.flights.insert(id, flight);
    }

    fn refill(&mut self, now: Instant, actions: &mut Vec<Action>) {
        for (upstream, server) in UpstreamId::all().zip(&mut self.servers) {
            if let Some(count) = server.refill(now) {
                actions.push(Action::Refill { upstream, count });
            }
        }
    }

    fn server(&mut self, id: UpstreamId) -> Option<&mut Server> {
        self.servers.get_mut(id.index())
    }

    fn change_upstreams(&mut self, now: Instant, upstreams: &Upstreams, actions: &mut Vec<Action>) {
        let mut old = core::mem::take(&mut self.servers);
        for (id, upstream) in upstreams.iter() {
            let known = old.iter().position(|server| server.addr == upstream.server).map(|at| old.swap_remove(at));
            let mut server =
                known.map_or_else(|| Server::new(upstream.server, now), |server| server.without_sockets(now));
            let routes = upstreams.routes().iter().filter(|route| route.servers.contains(&id));
            server.domains = routes.map(|route| wire(&route.domain).into()).collect();
            server.is_general = upstream.is_general;
            self.servers.push(server);
        }
        self.sockets.clear();
        self.streams.clear();
        // Other servers may know other names. Without any, what is kept is all there is.
        let source = |server: &Server| (server.addr, server.is_general, server.domains.clone());
        let sources: BTreeSet<Source> = self.servers.iter().map(source).collect();
        if !sources.is_empty() && sources != self.sources {
            self.cache.clear();
            self.sources = sources;
        }
        let flights: Vec<FlightId> = self.flights.keys().copied().collect();
        for id in flights {
            let Some(mut flight) = self.take_out(id) else { continue };
            flight.attempts.clear();
            if !flight.is_settled {
                self.ask_wanted(now, id, &mut flight, actions);
            }
            self.put_back(id, flight);
        }
    }

    fn change_hosts(&mut self, hosts: Vec<Host>) {
        // What was asked about them before they were known is not what is to be said now.
        self.names = Names::new(hosts);
        self.cache.flush(|name| self.names.has_name(name));
    }
}

impl Machine for Resolver {
    type Event = Event;
    type Action = Action;
    const DEADLINE: Event = Event::Deadline;

    fn handle(&mut self, now: Instant, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Upstreams(upstreams) => self.change_upstreams(now, &upstreams, &mut actions),
            Event::Pool { upstream, sockets } => self.granted(now, upstream, sockets, &mut actions),
            Event::NoPool { upstream } => self.without_pool(now, upstream, &mut actions),
            Event::Unreachable { socket } => {
                self.discards.count(Discard::Unreachable);
                self.unreachable(now, socket, &mut actions);
            }
            Event::Spoiled { socket } => {
                self.discards.count(Discard::Spoiled);
                self.spoiled(now, socket, &mut actions);
            }
            Event::StreamReply { request, message } => match self.streams.get(&request).copied() {
                Some(place) => self.read_stream(now, place, &message, &mut actions),
                None => self.discards.count(Discard::Unasked),
            },
            Event::StreamFailed { request } => {
                if let Some(place) = self.streams.remove(&request) {
                    self.stream_failed(now, place, &mut actions);
                }
            }
            Event::Hosts(hosts) => self.change_hosts(hosts),
            Event::Flush(None) => self.cache.clear(),
            Event::Flush(Some(name)) => {
                let flushed = wire(&name);
                self.cache.flush(|name| *name == *flushed);
            }
            Event::Deadline => self.advance(now, &mut actions),
        }
        self.refill(now, &mut actions);
        actions
    }

    fn deadline(&self) -> Option<Instant> {
        self.timers.first().map(|(due, _)| *due)
    }
}

/// How long an answer may be: what the client takes, and the listener gives.
fn limit(udp_limit: Option<u16>, asked: &Asked<'_>) -> usize {
    let Some(udp_limit) = udp_limit else { return MAX_MESSAGE };
    let wished = asked.edns.map_or(PLAIN_UDP_SIZE, |edns| edns.udp_size);
    usize::from(wished.min(udp_limit).max(PLAIN_UDP_SIZE))
}

fn stale_delivery(stored: &Stored, limit: usize) -> Delivery {
    let ede = if stored.code() == Code::NXDOMAIN { ede::STALE_NXDOMAIN } else { ede::STALE_ANSWER };
    Delivery { stale: true, ede: Some(ede), ..Delivery::fresh(limit) }
}
