//! The state machine that asks servers, decides what the time is, and keeps one clock right.

use core::time::Duration;
use std::collections::BTreeMap;

use orlop_machine::{Chance, Instant, Machine, Seed};
use orlop_ntp_contract::{
    Asked, Conduct, Counters, Discard, Frequency, Handover, Keys, LastStep, Notice, Offset, PeerId, Request,
    ServerAddr, SourceId, Status, Utc,
};

use crate::discipline::Discipline;
use crate::exchange::Answer;
use crate::nts::field::Unique;
use crate::nts::session::Session;
use crate::packet::Packet;
use crate::peer::{Peer, Socket};
use crate::pool::Sources;
use rate::Rate;
use stage::Stage;
use wall::Wall;

mod asking;
mod deciding;
mod rate;
mod reporting;
mod securing;
mod stage;
mod steering;
mod wall;

/// Time between two reports of the same phase: what changes with every answer need not be told with every answer.
pub const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The broker has said this. The socket that came with a `Connected` stays with the worker.
    Notice(Notice),
    /// The question of the last [`Action::Send`] for this peer has left.
    Sent {
        /// Whom it asks.
        peer: PeerId,
        /// What the clock showed just before.
        at: Utc,
    },
    /// It could not be sent: the socket is of no use any more. An error when receiving is none of these, and needs no event:
    /// ECONNREFUSED ends nothing.
    NotSent {
        /// Whom it should have asked.
        peer: PeerId,
    },
    /// Keys have come from the worker that exchanges them.
    Keys(Keys),
    /// The instant of [`Machine::deadline`] has come.
    Deadline,
}

/// What should be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send this on the socket of the peer: read the clock, send, and answer with [`Event::Sent`] before anything is received.
    Send {
        /// Whom to ask.
        peer: PeerId,
        /// The whole datagram.
        packet: Vec<u8>,
    },
    /// Close the socket of the peer, if there is one.
    Close {
        /// Whose socket it is.
        peer: PeerId,
    },
    /// Ask the broker.
    Ask(Request),
}

/// The client of one clock.
#[derive(Debug)]
pub struct Client {
    chance: Chance,
    /// Nothing happens before the broker has said how to behave.
    conduct: Option<Conduct>,
    online: bool,
    sources: Sources,
    peers: BTreeMap<PeerId, Peer>,
    /// For each source that is asked with NTS.
    sessions: BTreeMap<SourceId, Session>,
    /// Servers that are no longer asked, and when they were: they may come back under another name at once.
    left: Vec<(ServerAddr, Instant)>,
    /// What an earlier process has heard of servers that are not asked yet.
    handed: Vec<Handover>,
    /// When a bad server was last replaced.
    replaced_at: Option<Instant>,
    wall: Wall,
    rate: Rate,
    discipline: Discipline,
    stage: Stage,
    /// Until then no step is asked for: one was refused.
    no_step_before: Instant,
    last_step: Option<LastStep>,
    /// When to end a slew whose end was refused.
    slew_ends: Option<Instant>,
    /// The likely error of the clock, as the filter sees it.
    error: Option<Duration>,
    /// When the broker was last told that the clock is right; `None` when it was told that it is not.
    vouched_at: Option<Instant>,
    discards: Counters,
    reported: Option<Status>,
    reported_at: Instant,
    /// Something has happened that the last report does not say.
    news: bool,
    since: Instant,
}

impl Client {
    /// A client that waits for [`Notice::Begin`].
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        let start = Instant::from_nanos(0);
        Self {
            chance: Chance::new(seed),
            conduct: None,
            online: true,
            sources: Sources::default(),
            peers: BTreeMap::new(),
            sessions: BTreeMap::new(),
            left: Vec::new(),
            handed: Vec::new(),
            replaced_at: None,
            wall: Wall::default(),
            rate: Rate::new(start, Frequency::ZERO),
            discipline: Discipline::new(Frequency::ZERO),
            stage: Stage::Idle,
            no_step_before: start,
            last_step: None,
            slew_ends: None,
            error: None,
            vouched_at: None,
            discards: Counters::default(),
            reported: None,
            reported_at: start,
            news: false,
            since: start,
        }
    }

    /// Takes one datagram from the socket of a peer. `at` is what the clock showed when it arrived, as the kernel has noted
    /// it. Whatever is not the answer to the open question is dropped and counted.
    #[must_use]
    pub fn receive(&mut self, now: Instant, peer: PeerId, datagram: &[u8], at: Utc) -> Vec<Action> {
        let mut actions = Vec::new();
        self.news = true;
        match self.admit(now, peer, datagram, at) {
            Ok(Answer::Sample(sample)) => self.measured(now, peer, sample, &mut actions),
            Ok(Answer::Kiss(kiss)) => self.kissed(now, peer, kiss),
            Err(discard) => self.discards.count(discard),
        }
        self.work(now, &mut actions);
        actions
    }

    /// The answer in a datagram, if it is one.
    fn admit(&mut self, now: Instant, peer: PeerId, datagram: &[u8], at: Utc) -> Result<Answer, Discard> {
        let floor = self.conduct.ok_or(Discard::Unasked)?.floor;
        let peer = self.peers.get_mut(&peer).ok_or(Discard::Unasked)?;
        let session = self.sessions.get_mut(&peer.source);
        let question = peer.question.ok_or(Discard::Unasked)?;
        // The clock is being set at this moment: before or after the answer came, nobody knows.
        if matches!(self.stage, Stage::Stepping(_)) {
            return Err(Discard::Stepped);
        }
        let open = |packet: &Packet<'_>, unique: &Unique| {
            session.ok_or(Discard::Unasked)?.open(datagram, packet.extensions, unique)
        };
        question.answer_to(now, datagram, at, floor, open).map_err(|no| {
            if no.final_word {
                peer.question = None;
            }
            no.why
        })
    }

    fn notice(&mut self, now: Instant, notice: Notice, actions: &mut Vec<Action>) {
        match notice {
            Notice::Begin(conduct) => self.begin(now, conduct),
            Notice::Source { source, conduct } => {
                self.sources.set(source, conduct);
                self.reconduct(source);
                self.secure(now, source, conduct.nts, actions);
            }
            Notice::SourceGone { source } => {
                self.sources.remove(source);
                self.sessions.remove(&source);
                self.drop_peers(now, actions, |peer, _| peer.source == source);
            }
            Notice::Addresses { source, servers } => self.resolved(now, source, &servers, actions),
            Notice::Exchanged { source, number, server } => {
                let server = self.sessions.get_mut(&source).and_then(|session| session.named(now, number, server));
                self.keyed(now, source, server, actions);
            }
            Notice::Refused { what: Asked::Exchange(source), why } => self.not_keyed(now, source, why, actions),
            Notice::Connected { peer: id, server } => {
                let awaits = |peer: &&mut Peer| peer.socket == Socket::Ordered && peer.server == server;
                match self.peers.get_mut(&id).filter(awaits) {
                    Some(peer) => peer.opened(now),
                    None => actions.push(Action::Close { peer: id }),
                }
            }
            Notice::Stepped { by } => self.stepped(now, by, actions),
            Notice::Refused { what: Asked::Step, why: _ } => self.step_refused(now, actions),
            Notice::Refused { what: Asked::Frequency, why: _ } => self.rate_refused(now),
            Notice::Refused { what: Asked::Connect(peer), why: _ } => {
                if let Some(peer) = self.peers.get_mut(&peer) {
                    peer.closed(now);
                }
            }
            // The next answer asks again, with newer numbers.
            Notice::Refused { what: Asked::Synchronised | Asked::Report, why: _ } => {}
            Notice::Occasion(occasion) => self.arise(now, occasion, actions),
            Notice::Online => self.came_online(now, actions),
            Notice::Offline => self.went_offline(),
            Notice::Reading { peer, reading } => self.read(peer, reading, actions),
            Notice::Handover { at, shown, samples } => self.take_over(at, shown, samples.into_vec()),
            // Whoever has the sockets and reads the clock has to know.
            Notice::Joined | Notice::MockClock(_) => {}
        }
    }

    /// Whatever is due.
    fn work(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if self.conduct.is_some() {
            self.decide_in_time(now, actions);
            self.steer(now, actions);
            self.ask_around(now, actions);
        }
        self.report(now, actions);
    }

    /// Servers that are being asked, each with its source.
    fn used(&self) -> Vec<(SourceId, ServerAddr)> {
        self.peers.values().map(|peer| (peer.source, peer.server)).collect()
    }

    /// What this server says of the clock as it is now: slews since then are taken into account.
    fn offset(&self, now: Instant, stored: Offset) -> Offset {
        stored.minus(self.rate.slewed(now))
    }
}

impl Machine for Client {
    type Event = Event;
    type Action = Action;
    const DEADLINE: Event = Event::Deadline;

    fn handle(&mut self, now: Instant, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Notice(notice) => {
                self.news = true;
                self.notice(now, notice, &mut actions);
            }
            Event::Sent { peer, at } => self.sent(now, peer, at, &mut actions),
            Event::NotSent { peer } => self.not_sent(now, peer, &mut actions),
            Event::Keys(keys) => {
                self.news = true;
                let source = keys.source;
                let server = self.sessions.get_mut(&source).and_then(|session| session.arrived(now, keys));
                self.keyed(now, source, server, &mut actions);
            }
            Event::Deadline => {}
        }
        self.work(now, &mut actions);
        actions
    }

    fn deadline(&self) -> Option<Instant> {
        self.conduct?;
        let exchanges = self.sessions.values().filter_map(Session::due);
        let asking = self.peers.values().filter_map(Peer::due).chain(exchanges).min().filter(|_| self.online);
        let deadlines = [asking, self.stage.deadline(), self.discipline.deadline(), self.slew_ends, self.report_due()];
        deadlines.into_iter().flatten().min()
    }
}
