//! One name: whom to ask for it, and when.
//!
//! A lookup asks for A and AAAA at once, in rounds. In a round each server is asked in turn, the next one as soon as the one
//! before has failed, or has said nothing for [`HEDGE`]; who was asked earlier may still answer. Rounds become longer, and
//! after the last the name rests, and is asked for again: when its addresses have lived their time, or after a back-off.

use core::time::Duration;

use orlop_lookup_contract::{Failure, Lifetime, MAX_ADDRESSES, NameId, Place, Request, ServerCount, Transport};
use orlop_machine::{Backoff, Chance, Instant};
use orlop_wire::{Bounded, DomainName, HostAddr};

use crate::answer::Reply;
use crate::exchange::Exchange;
use crate::lookups::Action;
use crate::question::Kind;

/// How long a server is left alone with the question before the next one is asked as well.
pub(crate) const HEDGE: Duration = Duration::from_millis(500);
/// How long a round waits after its last server was asked. The first is short, for what a network loses.
const ROUNDS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];
/// How long addresses of one kind wait for those of the other: some servers never answer for AAAA.
pub(crate) const GRACE: Duration = Duration::from_millis(300);
/// How long a server that refuses may be one that has not been started yet, for which nobody backs off.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The first wait of the back-off, when nobody has answered.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// A server that says that there is nothing is asked so many times as rarely as one that says nothing.
const KNOWN_TO_FAIL: u32 = 10;

/// A name that is wanted.
#[derive(Debug)]
pub(crate) struct Lookup {
    id: NameId,
    name: DomainName,
    stage: Stage,
    backoff: Backoff,
}

#[derive(Debug)]
enum Stage {
    /// There is no server.
    Idle,
    /// Nothing is to be asked until then: there are addresses, or it was asked in vain.
    Resting {
        until: Instant,
        found: bool,
    },
    Asking(Asking),
}

#[derive(Debug)]
struct Asking {
    began: Instant,
    /// Which of the rounds, from 0.
    round: usize,
    /// Servers that were asked in this round.
    asked: usize,
    /// When to ask the next one, or to end the round.
    next_at: Instant,
    /// When to be content with addresses of one kind.
    content_at: Option<Instant>,
    exchanges: Vec<Exchange>,
    /// What was answered for A and AAAA.
    settled: [Option<Reply>; 2],
    /// Whether the broker was told that nobody answers.
    is_told: bool,
}

/// What a lookup needs of what is around it.
pub(crate) struct Scene<'s> {
    pub(crate) now: Instant,
    pub(crate) servers: ServerCount,
    pub(crate) chance: &'s mut Chance,
    pub(crate) actions: Vec<Action>,
}

impl Lookup {
    pub(crate) fn new(id: NameId, name: DomainName) -> Self {
        Self { id, name, stage: Stage::Idle, backoff: Backoff::new(FIRST_WAIT) }
    }

    pub(crate) fn name(&self) -> &DomainName {
        &self.name
    }

    /// Asks now, whatever was under way; a name that is being asked for already is left alone.
    pub(crate) fn hasten(&mut self, scene: &mut Scene<'_>) {
        match &self.stage {
            Stage::Asking(_) => {}
            Stage::Idle | Stage::Resting { .. } => self.begin(scene),
        }
    }

    /// There are other servers now.
    pub(crate) fn servers_changed(&mut self, scene: &mut Scene<'_>) {
        if matches!(self.stage, Stage::Resting { found: true, .. }) {
            return;
        }
        self.backoff = Backoff::new(FIRST_WAIT);
        self.abandon(scene);
        self.begin(scene);
    }

    /// Gives every socket up.
    pub(crate) fn abandon(&mut self, scene: &mut Scene<'_>) {
        if let Stage::Asking(asking) = &mut self.stage {
            asking.end(scene, |_| true);
        }
        self.stage = Stage::Idle;
    }

    fn begin(&mut self, scene: &mut Scene<'_>) {
        if scene.servers == ServerCount::NONE {
            self.stage = Stage::Idle;
            scene.ask(Request::Failed { id: self.id, why: Failure::Unanswered });
            return;
        }
        let mut asking = Asking {
            began: scene.now,
            round: 0,
            asked: 0,
            next_at: scene.now,
            content_at: None,
            exchanges: Vec::new(),
            settled: [None, None],
            is_told: false,
        };
        asking.ask_next(self.id, scene);
        self.stage = Stage::Asking(asking);
    }

    /// The socket for an exchange is there.
    pub(crate) fn connected(&mut self, place: Place, scene: &mut Scene<'_>) {
        let Stage::Asking(asking) = &mut self.stage else { return scene.close(place) };
        let open = asking.open();
        match asking.exchange(place) {
            Some(exchange) => scene.send(exchange, &self.name, &open),
            None => scene.close(place),
        }
    }

    /// The exchange of this place, if a socket of it is in use.
    pub(crate) fn exchange(&mut self, place: Place) -> Option<&mut Exchange> {
        match &mut self.stage {
            Stage::Asking(asking) => asking.exchange(place).filter(|exchange| exchange.has_socket()),
            Stage::Idle | Stage::Resting { .. } => None,
        }
    }

    /// A server has answered one of the open questions.
    pub(crate) fn answered(&mut self, place: Place, kind: Kind, reply: Reply, scene: &mut Scene<'_>) {
        let Stage::Asking(asking) = &mut self.stage else { return };
        let Some(exchange) = asking.exchange(place) else { return };
        match reply {
            Reply::Truncated if place.transport == Transport::Udp => {
                exchange.over_tcp();
                let tcp = exchange.place;
                scene.close(place);
                scene.ask(Request::Connect(tcp));
            }
            Reply::Truncated | Reply::Failure => {
                let is_over = exchange.close(kind);
                asking.end(scene, |exchange| is_over && exchange.place == place);
                asking.hurry(place, scene);
            }
            Reply::Addresses(..) | Reply::NoAddress | Reply::NoSuchName => {
                if matches!(reply, Reply::Addresses(..)) {
                    asking.content_at = Some(scene.now.after(GRACE));
                }
                asking.settle(kind, reply, scene);
                if asking.open().is_empty() {
                    self.conclude(scene);
                }
            }
        }
    }

    /// A socket could not be had, or is of no use any more.
    pub(crate) fn broken(&mut self, place: Place, refused: bool, scene: &mut Scene<'_>) {
        let Stage::Asking(asking) = &mut self.stage else { return };
        let Some(exchange) = asking.exchange(place) else { return };
        if refused && exchange.has_socket() && place.transport == Transport::Udp {
            exchange.refused(scene.now);
        } else {
            asking.end(scene, |exchange| exchange.place == place);
        }
        asking.hurry(place, scene);
    }

    /// Does what is due.
    pub(crate) fn advance(&mut self, scene: &mut Scene<'_>) {
        let asking = match &mut self.stage {
            Stage::Resting { until, .. } if *until <= scene.now => return self.begin(scene),
            Stage::Idle | Stage::Resting { .. } => return,
            Stage::Asking(asking) => asking,
        };
        if asking.content_at.is_some_and(|at| at <= scene.now) {
            return self.conclude(scene);
        }
        let open = asking.open();
        for exchange in &mut asking.exchanges {
            if exchange.again_at().is_some_and(|at| at <= scene.now) {
                scene.send(exchange, &self.name, &open);
            }
        }
        if asking.next_at > scene.now {
            return;
        }
        if asking.asked < scene.servers.index() {
            return asking.ask_next(self.id, scene);
        }
        // The round is over.
        let is_refused = asking.exchanges.iter().any(|exchange| exchange.again_at().is_some());
        asking.end(scene, |_| true);
        if asking.round.saturating_add(1) < ROUNDS.len() {
            asking.round = asking.round.saturating_add(1);
        } else if is_refused && scene.now.since(asking.began) < PATIENCE {
            if !core::mem::replace(&mut asking.is_told, true) {
                scene.ask(Request::Failed { id: self.id, why: Failure::Unanswered });
            }
        } else {
            return self.conclude(scene);
        }
        asking.asked = 0;
        asking.ask_next(self.id, scene);
    }

    /// When to [`Lookup::advance`].
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Idle => None,
            Stage::Resting { until, .. } => Some(*until),
            Stage::Asking(asking) => {
                let again = asking.exchanges.iter().filter_map(Exchange::again_at);
                again.chain(asking.content_at).chain([asking.next_at]).min()
            }
        }
    }

    /// Tells what was found, and rests.
    fn conclude(&mut self, scene: &mut Scene<'_>) {
        let Stage::Asking(mut asking) = core::mem::replace(&mut self.stage, Stage::Idle) else { return };
        asking.end(scene, |_| true);
        let outcome = asking.outcome();
        let found = outcome.is_ok();
        let wait = match outcome {
            Ok((addresses, lifetime)) => {
                self.backoff = Backoff::new(FIRST_WAIT);
                scene.ask(Request::Found { id: self.id, addresses, lifetime });
                lifetime.duration()
            }
            Err(why) => {
                if why != Failure::Unanswered || !asking.is_told {
                    scene.ask(Request::Failed { id: self.id, why });
                }
                let factor = if why == Failure::Unanswered { 1 } else { KNOWN_TO_FAIL };
                self.backoff.after(Duration::ZERO).saturating_mul(factor)
            }
        };
        // Up to an eighth later, so that machines which were started together do not stay together.
        let latest = wait.saturating_add(wait.checked_div(8).unwrap_or(wait));
        self.stage = Stage::Resting { until: scene.now.after(scene.chance.duration(wait..=latest)), found };
    }
}

impl Asking {
    /// What is not answered yet.
    fn open(&self) -> Vec<Kind> {
        let all = Kind::ALL.into_iter().zip(&self.settled);
        all.filter(|(_, settled)| settled.is_none()).map(|(kind, _)| kind).collect()
    }

    fn exchange(&mut self, place: Place) -> Option<&mut Exchange> {
        self.exchanges.iter_mut().find(|exchange| exchange.place == place)
    }

    /// Asks the next server of the round, which there must be.
    fn ask_next(&mut self, id: NameId, scene: &mut Scene<'_>) {
        let Some(server) = scene.servers.ids().nth(self.asked) else { return };
        self.asked = self.asked.saturating_add(1);
        let is_last = self.asked >= scene.servers.index();
        let wait = if is_last { ROUNDS.get(self.round).copied().unwrap_or(HEDGE) } else { HEDGE };
        self.next_at = scene.now.after(wait);
        let place = Place { id, server, transport: Transport::Udp };
        self.exchanges.push(Exchange::new(place, self.round == 0));
        scene.ask(Request::Connect(place));
    }

    /// A server has failed. If it is the last one that was asked, the next one is asked without waiting. Where none is left
    /// the round goes on all the same: who fails at once must not be asked without end.
    fn hurry(&mut self, failed: Place, scene: &mut Scene<'_>) {
        let is_latest = failed.server.index().saturating_add(1) == self.asked;
        if is_latest && self.asked < scene.servers.index() {
            self.ask_next(failed.id, scene);
        }
    }

    /// This is the answer for addresses of this kind; nobody needs to answer it any more.
    fn settle(&mut self, kind: Kind, reply: Reply, scene: &mut Scene<'_>) {
        for (one, settled) in Kind::ALL.into_iter().zip(&mut self.settled) {
            if one == kind {
                *settled = Some(reply.clone());
            }
        }
        let mut over = Vec::new();
        for exchange in &mut self.exchanges {
            if exchange.close(kind) {
                over.push(exchange.place);
            }
        }
        self.end(scene, |exchange| over.contains(&exchange.place));
    }

    /// Ends these exchanges, and with them their sockets.
    fn end(&mut self, scene: &mut Scene<'_>, which: impl Fn(&Exchange) -> bool) {
        for exchange in self.exchanges.extract_if(.., |exchange| which(exchange)) {
            if exchange.has_socket() {
                scene.close(exchange.place);
            }
        }
    }

    /// IPv4 and IPv6 in turn, as long as there are both, so that neither is cut off.
    fn outcome(&self) -> Result<(Bounded<HostAddr, MAX_ADDRESSES>, Lifetime), Failure> {
        let [a, aaaa] = &self.settled;
        let both = [a, aaaa].map(|reply| match reply {
            Some(Reply::Addresses(addresses, lifetime)) => (&**addresses, *lifetime),
            _ => (&[][..], Lifetime::MAX),
        });
        let [(v4, life4), (v6, life6)] = both;
        let in_turn = (0..MAX_ADDRESSES).flat_map(|at| [v4.get(at), v6.get(at)]).flatten().copied();
        let addresses: Bounded<HostAddr, MAX_ADDRESSES> = in_turn.collect();
        if !addresses.is_empty() {
            return Ok((addresses, life4.min(life6)));
        }
        Err(match (a, aaaa) {
            (None, _) | (_, None) => Failure::Unanswered,
            (Some(Reply::NoSuchName), _) | (_, Some(Reply::NoSuchName)) => Failure::NoSuchName,
            (Some(_), Some(_)) => Failure::NoAddress,
        })
    }
}

impl Scene<'_> {
    fn ask(&mut self, request: Request) {
        self.actions.push(Action::Ask(request));
    }

    fn close(&mut self, place: Place) {
        self.actions.push(Action::Close(place));
    }

    fn send(&mut self, exchange: &mut Exchange, name: &DomainName, open: &[Kind]) {
        let place = exchange.place;
        let messages = exchange.ask(name, open, self.chance);
        self.actions.extend(messages.into_iter().map(|bytes| Action::Send(place, bytes)));
    }
}
