//! Whom to ask, and when.

use core::time::Duration;

use orlop_machine::Instant;
use orlop_resolver_contract::{MAX_STREAMS, UpstreamId};

use super::{Action, FlightId, PATIENCE, Place, RequestId, Resolver, SocketId};
use crate::flight::{Attempt, Flight, Via};
use crate::local::Local;
use crate::question::Question;
use crate::scope::Scope;
use crate::upstream::Server;

/// How often a question is sent, to whomever, at most (RFC 9520 section 3.1: few).
pub(super) const MAX_ATTEMPTS: usize = 8;

/// No question is repeated to the same server later than this after the last time.
const MOST_REPEAT: Duration = Duration::from_secs(2);

impl Resolver {
    /// Asks what a flight wants, which is not known yet to be anybody's to answer.
    pub(super) fn ask_wanted(&mut self, now: Instant, id: FlightId, flight: &mut Flight, actions: &mut Vec<Action>) {
        match self.names.look(&flight.wanted, &flight.wanted.question(), &self.servers) {
            Local::Answer(stored) => self.answer(now, flight, stored, None, actions),
            Local::Ask(scope) => {
                flight.scope = scope;
                self.begin(now, id, flight, actions);
            }
        }
    }

    /// Asks those whom a flight is for, from the start.
    pub(super) fn begin(&mut self, now: Instant, id: FlightId, flight: &mut Flight, actions: &mut Vec<Action>) {
        flight.attempts.clear();
        flight.round = 0;
        flight.ends_at = now.after(PATIENCE);
        if !self.ask_next(now, id, flight, actions) {
            return self.conclude(now, flight, actions);
        }
        // A server of which it is not known, or not any more, how it does, is tried beside the one that is asked, so that nobody waits for it.
        let is_to_be_tried = |server: Option<&Server>| server.is_some_and(|server| server.is_to_be_tried(now));
        let untried = self
            .best_first(now, &flight.scope)
            .into_iter()
            .find(|upstream| !flight.was_asked(*upstream) && is_to_be_tried(self.servers.get(upstream.index())));
        if let Some(upstream) = untried {
            self.ask(now, id, flight, upstream, actions);
        }
    }

    /// Asks the next server, in a new round when all were asked in this one. Says whether there was anybody.
    pub(super) fn ask_next(
        &mut self,
        now: Instant,
        id: FlightId,
        flight: &mut Flight,
        actions: &mut Vec<Action>,
    ) -> bool {
        flight.next_at = None;
        let mut candidates = self.best_first(now, &flight.scope);
        // Who waits for a socket has nothing from waiting for another one.
        candidates.retain(|upstream| !flight.waits_for(*upstream));
        if candidates.is_empty() || flight.attempts.len() >= MAX_ATTEMPTS {
            // Sockets may be there by then.
            flight.next_at = Some(now.after(MOST_REPEAT));
            return false;
        }
        if candidates.iter().all(|upstream| flight.was_asked(*upstream)) {
            flight.round = flight.round.saturating_add(1);
        }
        let Some(next) = candidates.iter().copied().find(|upstream| !flight.was_asked(*upstream)) else { return false };
        self.ask(now, id, flight, next, actions);
        let is_last = candidates.iter().all(|upstream| flight.was_asked(*upstream));
        let round = u32::from(flight.round);
        let wait = self.server(next).map_or(MOST_REPEAT, |server| {
            if is_last {
                server.repeat_after().saturating_mul(1 << round.min(4)).min(MOST_REPEAT)
            } else {
                server.patience()
            }
        });
        flight.next_at = Some(now.after(wait));
        true
    }

    /// Servers that may know the name and can be asked now, the best first.
    pub(super) fn best_first(&self, now: Instant, scope: &Scope) -> Vec<UpstreamId> {
        let mut known: Vec<(UpstreamId, &Server)> = UpstreamId::all().zip(&self.servers).collect();
        known.retain(|(_, server)| scope.has(server) && server.can_have_sockets(now));
        known.sort_by_key(|(_, server)| server.rank());
        known.into_iter().map(|(id, _)| id).collect()
    }

    fn ask(
        &mut self,
        now: Instant,
        id: FlightId,
        flight: &mut Flight,
        upstream: UpstreamId,
        actions: &mut Vec<Action>,
    ) {
        let edns = self.server(upstream).is_some_and(|server| server.takes_edns(now));
        self.ask_with(now, id, flight, upstream, edns, actions);
    }

    pub(super) fn ask_with(
        &mut self,
        now: Instant,
        id: FlightId,
        flight: &mut Flight,
        upstream: UpstreamId,
        edns: bool,
        actions: &mut Vec<Action>,
    ) {
        let question = Question::new(&flight.wanted, edns, &mut self.chance);
        flight.attempts.push(Attempt::new(upstream, flight.round, question));
        self.send(now, id, flight, flight.attempts.len().saturating_sub(1), actions);
    }

    /// Sends the question of an attempt, if there is a socket for it.
    fn send(&mut self, now: Instant, id: FlightId, flight: &mut Flight, at: usize, actions: &mut Vec<Action>) {
        let Some(attempt) = flight.attempts.get_mut(at).filter(|attempt| attempt.via == Via::Nothing) else { return };
        let Some(server) = self.servers.get_mut(attempt.server.index()) else { return };
        let Some(socket) = server.take_socket() else { return };
        server.asked(now);
        attempt.via = Via::Socket(socket, now, now.after(server.patience()));
        flight.was_sent = true;
        let message = attempt.question.message(&flight.wanted, self.conduct.trust_ad);
        actions.push(Action::Send { socket, message });
        self.sockets.insert(socket, Place { flight: id, attempt: at });
    }

    /// Asks for a stream for the question of an attempt, in the place of its socket or beside it.
    pub(super) fn connect(&mut self, id: FlightId, flight: &mut Flight, at: usize, actions: &mut Vec<Action>) -> bool {
        if self.streams.len() >= MAX_STREAMS {
            return false;
        }
        let Some(attempt) = flight.attempts.get_mut(at) else { return false };
        let request = RequestId(self.next_request);
        self.next_request = self.next_request.wrapping_add(1);
        attempt.via = Via::Stream(request);
        let message = attempt.question.message(&flight.wanted, self.conduct.trust_ad);
        actions.push(Action::Connect { upstream: attempt.server, request, message });
        self.streams.insert(request, Place { flight: id, attempt: at });
        true
    }

    /// Sockets have come: those who wait for one have it, the clients with the fewest questions first.
    pub(super) fn granted(
        &mut self,
        now: Instant,
        upstream: UpstreamId,
        sockets: Vec<SocketId>,
        actions: &mut Vec<Action>,
    ) {
        let excess = match self.server(upstream) {
            Some(server) => server.granted(sockets),
            None => sockets,
        };
        actions.extend(excess.into_iter().map(|socket| Action::Close { socket }));
        let shares = &self.shares;
        let load = |flight: &Flight| flight.waiters.iter().map(|waiter| shares.of(waiter.port)).min();
        let mut waiting: Vec<(Option<u32>, FlightId)> = self
            .flights
            .iter()
            .filter(|(_, flight)| flight.waits_for(upstream))
            .map(|(id, flight)| (load(flight), *id))
            .collect();
        waiting.sort_unstable();
        for (_, id) in waiting {
            if !self.server(upstream).is_some_and(|server| server.has_sockets()) {
                break;
            }
            let Some(mut flight) = self.take_out(id) else { continue };
            (0..flight.attempts.len()).for_each(|at| self.send(now, id, &mut flight, at, actions));
            self.put_back(id, flight);
        }
    }

    /// No sockets can be had: whoever waits for one asks somebody else.
    pub(super) fn without_pool(&mut self, now: Instant, upstream: UpstreamId, actions: &mut Vec<Action>) {
        if let Some(server) = self.server(upstream) {
            server.has_no_pool(now);
        }
        let waits = |attempt: &Attempt| attempt.server == upstream && attempt.via == Via::Nothing;
        let waiting: Vec<FlightId> =
            self.flights.iter().filter(|(_, flight)| flight.waits_for(upstream)).map(|(id, _)| *id).collect();
        for id in waiting {
            let Some(mut flight) = self.take_out(id) else { continue };
            for attempt in flight.attempts.iter_mut().filter(|attempt| waits(attempt)) {
                attempt.via = Via::Over;
            }
            self.hurry(now, id, &mut flight, actions);
            self.put_back(id, flight);
        }
    }

    pub(super) fn unreachable(&mut self, now: Instant, socket: SocketId, actions: &mut Vec<Action>) {
        self.servers.iter_mut().for_each(|server| server.forget(socket));
        let Some(place) = self.sockets.get(&socket).copied() else { return };
        let Some(mut flight) = self.take_out(place.flight) else { return };
        // The worker has closed it.
        self.end(&mut flight, place.attempt, &mut Vec::new());
        if let Some(server) = flight.attempts.get(place.attempt).and_then(|attempt| self.server(attempt.server)) {
            server.is_silent(now);
        }
        self.hurry(now, place.flight, &mut flight, actions);
        self.put_back(place.flight, flight);
    }

    pub(super) fn spoiled(&mut self, now: Instant, socket: SocketId, actions: &mut Vec<Action>) {
        self.servers.iter_mut().for_each(|server| server.forget(socket));
        let Some(place) = self.sockets.remove(&socket) else { return };
        let Some(mut flight) = self.take_out(place.flight) else { return };
        if let Some(attempt) = flight.attempts.get_mut(place.attempt) {
            attempt.via = Via::Nothing;
        }
        self.send(now, place.flight, &mut flight, place.attempt, actions);
        self.put_back(place.flight, flight);
    }

    pub(super) fn stream_failed(&mut self, now: Instant, place: Place, actions: &mut Vec<Action>) {
        let Some(mut flight) = self.take_out(place.flight) else { return };
        if let Some(attempt) = flight.attempts.get_mut(place.attempt) {
            attempt.via = Via::Over;
        }
        self.hurry(now, place.flight, &mut flight, actions);
        self.put_back(place.flight, flight);
    }

    /// An attempt is over. Its socket is used up.
    pub(super) fn end(&mut self, flight: &mut Flight, at: usize, actions: &mut Vec<Action>) {
        let Some(attempt) = flight.attempts.get_mut(at) else { return };
        match core::mem::replace(&mut attempt.via, Via::Over) {
            Via::Socket(socket, ..) => {
                self.sockets.remove(&socket);
                actions.push(Action::Close { socket });
            }
            Via::Stream(request) => {
                self.streams.remove(&request);
                actions.push(Action::HangUp { request });
            }
            Via::Nothing | Via::Over => {}
        }
        if core::mem::take(&mut attempt.is_overdue)
            && let Some(server) = self.servers.get_mut(attempt.server.index())
        {
            server.overdue = server.overdue.saturating_sub(1);
        }
    }

    /// Somebody has failed: the next server of this round is asked at once. When all have been asked, and nobody is still to
    /// answer, that is the end.
    pub(super) fn hurry(&mut self, now: Instant, id: FlightId, flight: &mut Flight, actions: &mut Vec<Action>) {
        if flight.is_settled {
            return;
        }
        let is_left = self.best_first(now, &flight.scope).into_iter().any(|upstream| !flight.was_asked(upstream));
        if is_left && self.ask_next(now, id, flight, actions) {
            return;
        }
        if !flight.is_out() {
            self.conclude(now, flight, actions);
        }
    }
}
