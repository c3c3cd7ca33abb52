//! Whom to ask, and when.

use core::time::Duration;

use orlop_machine::Instant;
use orlop_ntp_contract::{Discard, PeerId, PeerState, Poll, Reading, Request, SourceId, Utc};

use super::{Action, Client, Stage};
use crate::peer::{Peer, Socket};
use crate::pool::Sources;
use crate::sample::Sample;

/// Time between two replacements of bad servers: when all are silent it is the network, and not they.
const REPLACE_EVERY: Duration = Duration::from_secs(60);

impl Client {
    /// Asks whoever is due, for a socket or for the time.
    pub(super) fn ask_around(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if !self.online {
            return;
        }
        self.replace_one(now, actions);
        let mut changed = self.take_on(now);
        self.exchange_keys(now, actions);
        let due: Vec<PeerId> =
            self.peers.iter().filter(|(_, peer)| peer.due().is_some_and(|due| due <= now)).map(|(id, _)| *id).collect();
        for id in due {
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            if peer.socket == Socket::Open && peer.is_silent() && peer.question.is_some() {
                // Perhaps its socket belongs to an address that we no longer have.
                peer.reconnect(now);
                actions.push(Action::Close { peer: id });
            }
            match peer.socket {
                Socket::Open if peer.server.is_clock() => {
                    peer.asked(now, &mut self.chance);
                    actions.push(Action::Ask(Request::Read { peer: id }));
                    changed |= peer.was_lost();
                }
                Socket::Open => {
                    let plain = peer.ask(now, &mut self.chance);
                    let session = self.sessions.get_mut(&peer.source);
                    if let Some(packet) = peer.protected(plain, session, &mut self.chance) {
                        actions.push(Action::Send { peer: id, packet });
                    }
                    changed |= peer.was_lost();
                }
                Socket::Missing => {
                    peer.socket = Socket::Ordered;
                    let (source, server) = (peer.source, peer.server);
                    actions.push(Action::Ask(Request::Connect { peer: id, source, server }));
                }
                Socket::Ordered => {}
            }
        }
        if changed {
            self.news = true;
            self.decide(now, actions);
        }
    }

    /// Servers that should be asked and are not. Says whether something is known of one of them already.
    fn take_on(&mut self, now: Instant) -> bool {
        let mut known = false;
        for (source, server) in self.sources.missing(now, &self.used()) {
            let Some(conduct) = self.sources.conduct(source) else { continue };
            let Some(free) = PeerId::all().find(|id| !self.peers.contains_key(id)) else { break };
            let mut peer = Peer::new(now, source, server, conduct.prefer, conduct.polls);
            peer.asked_at = self.left.iter().find(|(left, _)| *left == server).map(|(_, at)| *at);
            // Nobody has proved who said so: where that is asked for, it does not count.
            if let Some(place) = self.handed.iter().position(|handed| handed.server == server && !conduct.nts) {
                peer.take_over(self.handed.swap_remove(place));
                known = true;
            }
            self.peers.insert(free, peer);
            self.discipline.add(free, conduct.polls);
        }
        known
    }

    /// Gives one bad server's place to another address.
    fn replace_one(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if self.replaced_at.is_some_and(|at| now.since(at) < REPLACE_EVERY) {
            return;
        }
        let used = self.used();
        let is_replaceable = |peer: &Peer| peer.is_bad() && self.sources.has_another(now, peer.source, &used);
        let denied = |peer: &Peer| peer.opinion == PeerState::Denied;
        let bad = self.peers.values().find(|peer| is_replaceable(peer));
        if let Some((source, server, denied)) = bad.map(|peer| (peer.source, peer.server, denied(peer))) {
            self.replaced_at = Some(now);
            self.sources.reject(now, source, server, denied);
            self.drop_peers(now, actions, |peer, _| peer.server == server);
        }
    }

    /// Stops asking those who are meant.
    pub(super) fn drop_peers(
        &mut self,
        now: Instant,
        actions: &mut Vec<Action>,
        is_meant: impl Fn(&Peer, &Sources) -> bool,
    ) {
        let sources = &self.sources;
        let gone: Vec<PeerId> =
            self.peers.iter().filter(|(_, peer)| is_meant(peer, sources)).map(|(id, _)| *id).collect();
        // Who was asked longer ago may be asked at once.
        self.left.retain(|(_, at)| now.since(*at) < Poll::MIN.interval());
        for id in gone {
            if let Some((server, at)) = self.peers.remove(&id).and_then(|peer| Some((peer.server, peer.asked_at?))) {
                self.left.retain(|(left, _)| *left != server);
                self.left.push((server, at));
            }
            self.discipline.remove(id);
            actions.push(Action::Close { peer: id });
        }
        // Who is left may be enough.
        self.decide(now, actions);
    }

    /// The operator wants a source to be asked in another way.
    pub(super) fn reconduct(&mut self, source: SourceId) {
        let Some(conduct) = self.sources.conduct(source) else { return };
        for peer in self.peers.values_mut().filter(|peer| peer.source == source) {
            peer.conduct(conduct.prefer, conduct.polls);
        }
    }

    /// A question has left.
    pub(super) fn sent(&mut self, now: Instant, peer: PeerId, at: Utc, actions: &mut Vec<Action>) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.sent(at);
        }
        // While a step is on its way, nobody knows on which side of it this is; the question ends with it.
        if !matches!(self.stage, Stage::Stepping(_)) && self.wall.look(now, at).is_some() {
            let question = self.peers.get(&peer).and_then(|peer| peer.question);
            self.meddled(now, actions);
            // This one was sent after whatever it was.
            if let Some(peer) = self.peers.get_mut(&peer) {
                peer.question = question;
            }
        }
    }

    /// The hardware clock was read.
    pub(super) fn read(&mut self, id: PeerId, reading: Reading, actions: &mut Vec<Action>) {
        let is_open = |peer: &&Peer| peer.server.is_clock() && peer.socket == Socket::Open;
        let Reading { at, shown, offset: _, delay: _ } = reading;
        if self.peers.get(&id).filter(is_open).is_none() {
            return;
        }
        // Read before a step that is being made, of which the clock shows nothing yet.
        if matches!(self.stage, Stage::Stepping(_)) {
            return self.discards.count(Discard::Stepped);
        }
        if self.wall.look(at, shown).is_some() {
            self.meddled(at, actions);
        }
        self.measured(at, id, Sample::of_clock(reading), actions);
    }

    /// A question could not leave.
    pub(super) fn not_sent(&mut self, now: Instant, id: PeerId, actions: &mut Vec<Action>) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.closed(now);
            actions.push(Action::Close { peer: id });
        }
    }

    /// Addresses of ours have changed, or the network is there at last: every socket is replaced.
    pub(super) fn came_online(&mut self, now: Instant, actions: &mut Vec<Action>) {
        self.online = true;
        for session in self.sessions.values_mut() {
            session.came_online(now);
        }
        for (id, peer) in &mut self.peers {
            if peer.socket == Socket::Open {
                peer.reconnect(now);
                actions.push(Action::Close { peer: *id });
            }
            peer.hurry(now);
        }
    }

    pub(super) fn went_offline(&mut self) {
        self.online = false;
        for peer in self.peers.values_mut() {
            peer.question = None;
        }
    }

    /// Everybody is asked at once, as far as that is polite.
    pub(super) fn hurry(&mut self, now: Instant) {
        for peer in self.peers.values_mut() {
            peer.hurry(now);
        }
    }

    /// No answer that is on its way says anything about the clock as it is now.
    pub(super) fn end_questions(&mut self) {
        for peer in self.peers.values_mut() {
            if peer.question.take().is_some() {
                self.discards.count(Discard::Stepped);
            }
        }
    }
}
