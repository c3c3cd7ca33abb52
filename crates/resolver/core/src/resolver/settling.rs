//! How questions end: with an answer, with what is stale, or with a failure.

use orlop_machine::Instant;
use orlop_resolver_contract::{Discard, Kept, UpstreamId};

use super::{Action, FlightId, Resolver, ede, stale_delivery};
use crate::cache::Found;
use crate::extended_error;
use crate::flight::{Flight, Via};
use crate::header::Code;
use crate::inside::leads_inside;
use crate::query::Key;
use crate::reply::join;
use crate::stored::{Delivery, Stored};
use crate::upstream::SILENCE;

/// Answers that say that a name is another's, and nothing of that one, which are followed in one question.
const MAX_FOLLOWED: usize = 8;

/// What the clients of a flight get.
enum Outcome<'s> {
    Now(&'s Stored),
    Stale(&'s Stored),
}

impl Resolver {
    /// Does what is due.
    pub(super) fn advance(&mut self, now: Instant, actions: &mut Vec<Action>) {
        while let Some((due, id)) = self.timers.first().copied().filter(|(due, _)| *due <= now) {
            let Some(mut flight) = self.take_out(id) else {
                self.timers.remove(&(due, id));
                continue;
            };
            self.look_at_attempts(now, &mut flight, actions);
            self.advance_flight(now, id, &mut flight, actions);
            self.put_back(id, flight);
        }
    }

    fn advance_flight(&mut self, now: Instant, id: FlightId, flight: &mut Flight, actions: &mut Vec<Action>) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_due(flight.stale_at) {
            flight.stale_at = None;
            self.give_stale(now, flight, actions);
        }
        if flight.ends_at <= now {
            if !flight.is_settled {
                self.conclude(now, flight, actions);
            }
            // Nothing that is still out can matter any more.
            (0..flight.attempts.len()).for_each(|at| self.end(flight, at, actions));
        } else if is_due(flight.next_at) {
            self.ask_next(now, id, flight, actions);
        }
    }

    /// Servers that should have answered by now, and those that will not.
    fn look_at_attempts(&mut self, now: Instant, flight: &mut Flight, actions: &mut Vec<Action>) {
        for at in 0..flight.attempts.len() {
            let Some(attempt) = flight.attempts.get_mut(at) else { continue };
            let Via::Socket(_, asked_at, overdue_at) = attempt.via else { continue };
            let Some(server) = self.servers.get_mut(attempt.server.index()) else { continue };
            if overdue_at <= now && !core::mem::replace(&mut attempt.is_overdue, true) {
                server.overdue = server.overdue.saturating_add(1);
            }
            if asked_at.after(SILENCE) <= now && !core::mem::replace(&mut attempt.is_silent, true) {
                self.discards.count(Discard::TimeOut);
                server.is_silent(now);
                if flight.is_settled {
                    self.end(flight, at, actions);
                }
            }
        }
    }

    /// An upstream has answered what was wanted.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        flight: &mut Flight,
        stored: Stored,
        upstream: Option<UpstreamId>,
        actions: &mut Vec<Action>,
    ) {
        let stored = if flight.aliases.is_empty() {
            stored
        } else {
            match join(&flight.key.question(), &flight.aliases, &stored) {
                Some(joined) => joined,
                None => return self.conclude(now, flight, actions),
            }
        };
        let is_refused = self.conduct.refuse_private && flight.is_public && leads_inside(stored.message());
        let stored = if is_refused {
            self.discards.count(Discard::Rebinding);
            Stored::failure(&flight.key.question(), Code::REFUSED, &extended_error::option(ede::BLOCKED))
        } else {
            stored
        };
        self.give(flight, &Outcome::Now(&stored), upstream, actions);
        self.settle(now, flight, actions);
        self.keep(now, flight, stored);
    }

    /// Keeps an answer, unless the name has become one of this machine's own meanwhile.
    fn keep(&mut self, now: Instant, flight: &Flight, stored: Stored) {
        if !self.names.has(&flight.key) {
            self.cache.insert(now, &flight.key, stored);
        }
    }

    /// The name is another's, of which nothing was said: that one is asked for.
    pub(super) fn follow(
        &mut self,
        now: Instant,
        id: FlightId,
        flight: &mut Flight,
        message: Box<[u8]>,
        target: &[u8],
        actions: &mut Vec<Action>,
    ) {
        flight.aliases.push(message);
        (0..flight.attempts.len()).for_each(|at| self.end(flight, at, actions));
        if flight.aliases.len() > MAX_FOLLOWED {
            self.discards.count(Discard::AliasLoop);
            return self.conclude(now, flight, actions);
        }
        flight.wanted = Key::new(target, flight.key.kind(), flight.key.dnssec_ok(), flight.key.checking_disabled());
        flight.best = None;
        let ends_at = flight.ends_at;
        self.ask_wanted(now, id, flight, actions);
        if !flight.is_settled {
            flight.ends_at = ends_at;
        }
    }

    /// Nobody had an answer.
    pub(super) fn conclude(&mut self, now: Instant, flight: &mut Flight, actions: &mut Vec<Action>) {
        if self.give_stale(now, flight, actions) {
            return self.settle(now, flight, actions);
        }
        let best = flight.best.take();
        let own = if flight.was_sent { ede::NO_REACHABLE_AUTHORITY } else { ede::NETWORK_ERROR };
        let own = extended_error::option(own);
        let (code, said) = best.as_ref().map_or((Code::SERVFAIL, &own[..]), |best| (best.code(), best.ede()));
        let failure = Stored::failure(&flight.key.question(), code, said);
        self.settle(now, flight, actions);
        self.served.failed = self.served.failed.saturating_add(u64::try_from(flight.waiters.len()).unwrap_or(u64::MAX));
        self.give(flight, &Outcome::Now(&failure), None, actions);
        // Where nobody could be asked, nothing is known of the name; and an answer that is good is better than none.
        if flight.was_sent && !matches!(self.cache.look(now, &flight.key), Kept::Fresh(_)) {
            self.keep(now, flight, failure);
        }
    }

    /// Gives out what is stale, if there is something, and says whether there was.
    fn give_stale(&mut self, now: Instant, flight: &mut Flight, actions: &mut Vec<Action>) -> bool {
        self.cache.hold(now, &flight.key);
        let Found::Stale(stored, _) = self.cache.find(now, &flight.key) else { return false };
        let stored = stored.clone();
        self.served.stale = self.served.stale.saturating_add(u64::try_from(flight.waiters.len()).unwrap_or(u64::MAX));
        self.give(flight, &Outcome::Stale(&stored), None, actions);
        true
    }

    fn give(
        &mut self,
        flight: &mut Flight,
        outcome: &Outcome<'_>,
        upstream: Option<UpstreamId>,
        actions: &mut Vec<Action>,
    ) {
        for waiter in core::mem::take(&mut flight.waiters) {
            self.shares.give_back(waiter.port);
            let mut message = Vec::new();
            match outcome {
                Outcome::Now(stored) => stored.write(&waiter.asked(), Delivery::fresh(waiter.limit), &mut message),
                Outcome::Stale(stored) => {
                    stored.write(&waiter.asked(), stale_delivery(stored, waiter.limit), &mut message);
                }
            }
            actions.push(Action::Answer { client: waiter.client, message, upstream });
        }
    }

    /// Nobody can join it any more. What is out stays out, for a moment, to see how the servers are.
    fn settle(&mut self, now: Instant, flight: &mut Flight, actions: &mut Vec<Action>) {
        self.by_key.remove(flight.key.bytes());
        flight.is_settled = true;
        (flight.next_at, flight.stale_at) = (None, None);
        flight.ends_at = now.after(SILENCE);
        for at in 0..flight.attempts.len() {
            let is_sent = flight.attempts.get(at).is_some_and(|attempt| matches!(attempt.via, Via::Socket(..)));
            if !is_sent {
                self.end(flight, at, actions);
            }
        }
    }
}
