//! Sources that are asked with NTS: when keys are exchanged, and what follows from that.

use orlop_machine::Instant;
use orlop_ntp_contract::{Discard, PeerId, Refusal, Request, ServerAddr, SourceId};

use super::stage::Stage;
use super::{Action, Client};
use crate::exchange::Kiss;
use crate::nts::session::Session;
use crate::selection::Majority;

impl Client {
    /// Whether this source is asked with NTS. One that begins to be, or ceases to, is another one: nothing of it is kept.
    pub(super) fn secure(&mut self, now: Instant, source: SourceId, nts: bool, actions: &mut Vec<Action>) {
        if nts == self.sessions.contains_key(&source) {
            return;
        }
        if nts {
            self.sessions.insert(source, Session::new(now, source));
        } else {
            self.sessions.remove(&source);
        }
        self.drop_peers(now, actions, |peer, _| peer.source == source);
    }

    /// The addresses of a source. Where there are keys, their server is the only one, and the broker says which when it says that
    /// they are exchanged.
    pub(super) fn resolved(
        &mut self,
        now: Instant,
        source: SourceId,
        servers: &[ServerAddr],
        actions: &mut Vec<Action>,
    ) {
        if self.sessions.contains_key(&source) {
            return;
        }
        self.relocated(now, source, servers, actions);
    }

    fn relocated(&mut self, now: Instant, source: SourceId, servers: &[ServerAddr], actions: &mut Vec<Action>) {
        self.sources.resolve(source, servers);
        self.drop_peers(now, actions, |peer, sources| !sources.lists(peer.source, peer.server));
    }

    /// Asks the broker for the key exchanges that are due.
    pub(super) fn exchange_keys(&mut self, now: Instant, actions: &mut Vec<Action>) {
        // Before anybody has vouched for the clock, what it shows is no reason to refuse a certificate.
        let clock = match &self.stage {
            Stage::Stepping(_) => return,
            Stage::Ballot(ballot) if ballot.occasion.is_some() => None,
            Stage::Idle => None,
            Stage::Ballot(_) | Stage::Following(_) => self.wall.at(now),
        };
        for (source, session) in &mut self.sessions {
            if session.due().is_some_and(|due| due <= now) {
                let at = session.order(now).or(clock);
                self.news = true;
                actions.push(Action::Ask(Request::Exchange { source: *source, at }));
            }
        }
    }

    /// Keys are in use for this server, if there is one.
    pub(super) fn keyed(
        &mut self,
        now: Instant,
        source: SourceId,
        server: Option<ServerAddr>,
        actions: &mut Vec<Action>,
    ) {
        let Some(server) = server else { return };
        self.relocated(now, source, &[server], actions);
        for peer in self.peers.values_mut().filter(|peer| peer.source == source) {
            peer.hurry(now);
        }
        self.decide(now, actions);
    }

    /// A key exchange has failed.
    pub(super) fn not_keyed(&mut self, now: Instant, source: SourceId, why: Refusal, actions: &mut Vec<Action>) {
        let Some(session) = self.sessions.get_mut(&source) else { return };
        if session.refused(why) {
            // What was said under keys that are good no longer was said by nobody in particular.
            for peer in self.peers.values_mut().filter(|peer| peer.source == source) {
                peer.forget();
            }
            self.decide(now, actions);
        }
    }

    /// Whether the certificates of all who agree were checked at the time that they agree on, or near it; otherwise keys are
    /// exchanged again with those whose were not.
    pub(super) fn is_confirmed(&mut self, now: Instant, majority: &Majority) -> bool {
        let Some(time) = self.wall.at(now).map(|wall| wall.saturating_shifted(majority.offset)) else { return true };
        let agreed = majority.agreed.iter().filter_map(|id| self.peers.get(id));
        let sources: Vec<SourceId> = agreed.map(|peer| peer.source).collect();
        let mut confirmed = true;
        for source in sources {
            confirmed &= self.sessions.get_mut(&source).is_none_or(|session| session.confirmed(now, time));
        }
        confirmed
    }

    /// The server asks for something (RFC 5905 section 7.4).
    pub(super) fn kissed(&mut self, now: Instant, peer: PeerId, kiss: Kiss) {
        self.discards.count(if kiss == Kiss::Nak { Discard::Nak } else { Discard::Kiss });
        let Some(peer) = self.peers.get_mut(&peer) else { return };
        peer.kissed(now, kiss);
        if kiss == Kiss::Nak
            && let Some(session) = self.sessions.get_mut(&peer.source)
        {
            session.nak();
        }
    }
}
