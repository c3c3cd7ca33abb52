//! What comes back: whether it is believed, and what it says of the upstream.

use core::time::Duration;

use orlop_machine::Instant;
use orlop_resolver_contract::{Discard, UpstreamId};

use super::asking::MAX_ATTEMPTS;
use super::{Action, Place, Resolver};
use crate::flight::{Attempt, Flight, Via};
use crate::header::Code;
use crate::question::Question;
use crate::reply::Reply;
use crate::stored::Stored;

/// Messages that are not the answer, on one socket, after which a stream is taken: somebody guesses.
const MAX_STRANGERS: u8 = 16;

/// How long the true answer may still come after one that cannot be read.
const AFTER_MALFORMED: Duration = Duration::from_secs(1);

impl Resolver {
    /// A message has come through the socket of an attempt.
    pub(super) fn read_reply(&mut self, now: Instant, place: Place, message: &[u8], actions: &mut Vec<Action>) {
        let Some(mut flight) = self.take_out(place.flight) else { return };
        if let Some(attempt) = flight.attempts.get(place.attempt) {
            match Reply::read(message, attempt.question.expected(), &self.conduct) {
                Ok(Reply::Truncated) => {
                    self.time(now, &flight, place.attempt);
                    self.end(&mut flight, place.attempt, actions);
                    if flight.is_settled || !self.connect(place.flight, &mut flight, place.attempt, actions) {
                        self.hurry(now, place.flight, &mut flight, actions);
                    }
                }
                Ok(reply) => {
                    self.time(now, &flight, place.attempt);
                    self.replied(now, place, &mut flight, reply, actions);
                }
                Err(discard) => {
                    self.discards.count(discard);
                    self.disbelieve(now, place, &mut flight, discard, actions);
                }
            }
        }
        self.put_back(place.flight, flight);
    }

    /// A message has come through the stream of an attempt.
    pub(super) fn read_stream(&mut self, now: Instant, place: Place, message: &[u8], actions: &mut Vec<Action>) {
        let Some(mut flight) = self.take_out(place.flight) else { return };
        if let Some(attempt) = flight.attempts.get_mut(place.attempt) {
            let reply = Reply::read(message, attempt.question.expected(), &self.conduct);
            // The worker has closed it.
            if let Via::Stream(request) = core::mem::replace(&mut attempt.via, Via::Over) {
                self.streams.remove(&request);
            }
            match reply {
                Ok(Reply::Truncated) => {
                    self.discards.count(Discard::Malformed);
                    self.fail(now, place, &mut flight, None, actions);
                }
                Ok(reply) => self.replied(now, place, &mut flight, reply, actions),
                Err(discard) => {
                    self.discards.count(discard);
                    self.fail(now, place, &mut flight, None, actions);
                }
            }
        }
        self.put_back(place.flight, flight);
    }

    /// The server is there, and takes so long.
    fn time(&mut self, now: Instant, flight: &Flight, at: usize) {
        let Some(attempt) = flight.attempts.get(at) else { return };
        if let Via::Socket(_, asked_at, _) = attempt.via
            && let Some(server) = self.server(attempt.server)
        {
            server.took(now.since(asked_at));
        }
    }

    /// The answer to the question of an attempt has come.
    fn replied(&mut self, now: Instant, place: Place, flight: &mut Flight, reply: Reply, actions: &mut Vec<Action>) {
        self.end(flight, place.attempt, actions);
        let Some(attempt) = flight.attempts.get(place.attempt) else { return };
        let (upstream, had_edns) = (attempt.server, attempt.question.edns);
        match reply {
            Reply::Failure { best, plain } => {
                self.discards.count(Discard::ServerFailure);
                let did_not_understand = plain && had_edns && matches!(best.code(), Code::FORMERR | Code::NOTIMP);
                if did_not_understand && !flight.is_settled && flight.attempts.len() < MAX_ATTEMPTS {
                    flight.keep_best(best);
                    return self.ask_with(now, place.flight, flight, upstream, false, actions);
                }
                self.fail(now, place, flight, Some(best), actions);
            }
            Reply::Answer(stored) => {
                if let Some(server) = self.server(upstream) {
                    server.answered();
                    if !had_edns && server.takes_edns(now) {
                        server.is_plain(now);
                    }
                }
                self.outdo(now, flight, upstream);
                if !flight.is_settled {
                    self.answer(now, flight, stored, Some(upstream), actions);
                }
            }
            Reply::Alias { message, target } => {
                if let Some(server) = self.server(upstream) {
                    server.answered();
                }
                if !flight.is_settled {
                    self.follow(now, place.flight, flight, message, &target, actions);
                }
            }
            // Read by whoever calls this.
            Reply::Truncated => {}
        }
    }

    /// Servers that had no answer, where this one had.
    fn outdo(&mut self, now: Instant, flight: &Flight, by: UpstreamId) {
        for attempt in flight.attempts.iter().filter(|attempt| attempt.has_failed && attempt.server != by) {
            if let Some(server) = self.servers.get_mut(attempt.server.index()) {
                server.was_outdone(now);
            }
        }
    }

    /// An attempt has brought nothing, or a failure, which somebody may have to be content with.
    fn fail(
        &mut self,
        now: Instant,
        place: Place,
        flight: &mut Flight,
        best: Option<Stored>,
        actions: &mut Vec<Action>,
    ) {
        if let Some(attempt) = flight.attempts.get_mut(place.attempt) {
            attempt.has_failed = true;
            let upstream = attempt.server;
            if let Some(server) = self.server(upstream) {
                server.failed();
            }
        }
        if let Some(best) = best {
            flight.keep_best(best);
        }
        self.hurry(now, place.flight, flight, actions);
    }

    /// What has come is not the answer. The true one may still come.
    fn disbelieve(
        &mut self,
        now: Instant,
        place: Place,
        flight: &mut Flight,
        discard: Discard,
        actions: &mut Vec<Action>,
    ) {
        let Some(attempt) = flight.attempts.get_mut(place.attempt) else { return };
        attempt.strangers = attempt.strangers.saturating_add(1);
        let is_flooded = attempt.strangers >= MAX_STRANGERS;
        if is_flooded {
            self.end(flight, place.attempt, actions);
        }
        if flight.is_settled {
            return;
        }
        if discard == Discard::Malformed {
            flight.ends_at = flight.ends_at.min(now.after(AFTER_MALFORMED));
            self.fail(now, place, flight, None, actions);
        } else if matches!(discard, Discard::AliasLoop | Discard::Unhelpful) {
            self.end(flight, place.attempt, actions);
            self.fail(now, place, flight, None, actions);
        } else if discard == Discard::WrongCase || is_flooded {
            // A server that does not keep the case of names is asked through a stream, where nobody can guess; so is one whose
            // answers somebody tries to guess.
            self.doubt(now, place, flight, actions);
        }
    }

    fn doubt(&mut self, now: Instant, place: Place, flight: &mut Flight, actions: &mut Vec<Action>) {
        let has_room = flight.attempts.len() < MAX_ATTEMPTS;
        let Some(attempt) = flight.attempts.get_mut(place.attempt).filter(|attempt| has_room && !attempt.is_doubted)
        else {
            return;
        };
        attempt.is_doubted = true;
        let upstream = attempt.server;
        let question = Question::new(&flight.wanted, attempt.question.edns, &mut self.chance);
        let mut beside = Attempt::new(upstream, flight.round, question);
        beside.is_doubted = true;
        beside.via = Via::Over;
        flight.attempts.push(beside);
        if !self.connect(place.flight, flight, flight.attempts.len().saturating_sub(1), actions) {
            self.hurry(now, place.flight, flight, actions);
        }
    }
}
