//! Sources that are asked with NTS: when keys are exchanged, and what follows from that.

use orlop_machine::Instant;
use orlop_ntp_contract::{Discard, Offset, PeerId, Refusal, Request, ServerAddr, SourceId, Utc};

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
        if matches!(self.stage, Stage::Stepping(_)) {
            return;
        }
        let clock = self.vouched_time(now);
        for (source, session) in &mut self.sessions {
            if session.due().is_some_and(|due| due <= now) {
                let at = session.order(now).or(clock);
                self.news = true;
                actions.push(Action::Ask(Request::Exchange { source: *source, at }));
            }
        }
    }

    /// What the clock shows, once somebody has vouched for it. Before, that is no reason to refuse a certificate.
    fn vouched_time(&self, now: Instant) -> Option<Utc> {
        let is_vouched = match &self.stage {
            Stage::Idle | Stage::Stepping(_) => false,
            Stage::Ballot(ballot) => ballot.occasion.is_none(),
            Stage::Following(_) => true,
        };
        self.wall.at(now).filter(|_| is_vouched)
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
        // They were ordered before the time was decided.
        if let Some(time) = self.vouched_time(now)
            && self.drops_keys(now, source, time)
        {
            return self.decide(now, actions);
        }
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
            self.forget_source(source);
            self.decide(now, actions);
        }
    }

    /// What was said under keys that are good no longer was said by nobody in particular.
    fn forget_source(&mut self, source: SourceId) {
        for peer in self.peers.values_mut().filter(|peer| peer.source == source) {
            peer.forget();
        }
    }

    /// It is decided what the clock lacks. Whoever was not asked for it, and whoever does not agree, has perhaps shown a certificate
    /// that is not valid at this time: nobody is asked any more under keys for which that was checked at another one.
    pub(super) fn decided(&mut self, now: Instant, offset: Offset) {
        let Some(time) = self.wall.at(now).map(|wall| wall.saturating_shifted(offset)) else { return };
        let sources: Vec<SourceId> = self.sessions.keys().copied().collect();
        for source in sources {
            self.drops_keys(now, source, time);
        }
    }

    /// Whether the keys of this source are good no longer, now that the time is decided.
    fn drops_keys(&mut self, now: Instant, source: SourceId, time: Utc) -> bool {
        let dropped = self.sessions.get_mut(&source).is_some_and(|session| session.decided(now, time));
        if dropped {
            self.forget_source(source);
        }
        dropped
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
