//! One server, as far as it is known: how long it takes to answer, whether it does, and the sockets that wait for a question.

use core::time::Duration;
use std::collections::BTreeSet;

use orlop_machine::{Backoff, Instant};
use orlop_resolver_contract::{MAX_GRANT, MAX_POOL, ServerAddr, UpstreamState, UpstreamStatus};

use crate::inside::is_private;
use crate::resolver::SocketId;

/// How long a server of which nothing is known has before the next one is asked as well.
const FIRST_PATIENCE: Duration = Duration::from_millis(200);
/// No server has less: a network has hiccups.
const LEAST_PATIENCE: Duration = Duration::from_millis(20);
/// No server has more: a black hole costs no more than this, once.
const MOST_PATIENCE: Duration = Duration::from_millis(250);
/// No question is repeated to the same server before this.
const LEAST_REPEAT: Duration = Duration::from_millis(250);
/// Who has not answered after this does not.
pub(crate) const SILENCE: Duration = Duration::from_secs(1);
/// Failures in a row, of questions that others could answer, after which a server is asked after the others.
const STRIKES: u32 = 3;
/// How long a server is not tried again that has failed: doubles.
const FIRST_REST: Duration = Duration::from_secs(1);
/// A server that is not the fastest is tried again after this: networks change.
const RETRY_EVERY: Duration = Duration::from_secs(60);
/// How long a server that does not understand EDNS is asked without.
const PLAIN_FOR: Duration = Duration::from_secs(900);
/// How long the broker is not asked for sockets when it had none.
const NO_POOL_FOR: Duration = Duration::from_secs(1);

/// A server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) addr: ServerAddr,
    /// It is in a private network, and may know names that are only known there.
    pub(crate) is_private: bool,
    /// It is asked for names that no route is for.
    pub(crate) is_general: bool,
    /// Domains whose names it is asked for, on the wire in lower case.
    pub(crate) domains: BTreeSet<Box<[u8]>>,
    /// Smoothed time to an answer, and how much it varies (RFC 6298).
    rtt: Option<(Duration, Duration)>,
    strikes: u32,
    is_failing: bool,
    rest: Backoff,
    /// When it is tried beside another one.
    try_at: Instant,
    plain_until: Instant,
    /// Questions that it should have answered by now.
    pub(crate) overdue: u32,
    idle: Vec<SocketId>,
    /// Sockets were asked for.
    is_refilled: bool,
    /// As many as should be there.
    target: usize,
    no_pool_until: Instant,
    queries: u64,
    answers: u64,
    failures: u64,
}

impl Server {
    pub(crate) fn new(addr: ServerAddr, now: Instant) -> Self {
        Self {
            addr,
            is_private: is_private(addr.ip()),
            is_general: true,
            domains: BTreeSet::new(),
            rtt: None,
            strikes: 0,
            is_failing: false,
            rest: Backoff::new(FIRST_REST),
            try_at: now,
            plain_until: now,
            overdue: 0,
            idle: Vec::new(),
            is_refilled: false,
            target: MAX_GRANT,
            no_pool_until: now,
            queries: 0,
            answers: 0,
            failures: 0,
        }
    }

    /// The same server, through other sockets.
    pub(crate) fn without_sockets(self, now: Instant) -> Self {
        Self { idle: Vec::new(), is_refilled: false, overdue: 0, no_pool_until: now, try_at: now, ..self }
    }

    pub(crate) fn has_route(&self, domain: &[u8]) -> bool {
        self.domains.contains(domain)
    }

    /// Less is better: who answers before who does not, then the fastest. An untried one counts as fast.
    pub(crate) fn rank(&self) -> (bool, Duration) {
        (self.is_failing || self.overdue > 0, self.rtt.map_or(Duration::ZERO, |(smoothed, _)| smoothed))
    }

    /// When it should be tried although another one is better.
    pub(crate) fn is_to_be_tried(&self, now: Instant) -> bool {
        self.try_at <= now && self.overdue == 0
    }

    /// How long to wait for its answer before another server is asked as well: a little longer than usual.
    pub(crate) fn patience(&self) -> Duration {
        self.rtt.map_or(FIRST_PATIENCE, |(smoothed, varies)| {
            let usual = smoothed.saturating_add(smoothed.checked_div(5).unwrap_or_default());
            usual.max(smoothed.saturating_add(varies.saturating_mul(4))).clamp(LEAST_PATIENCE, MOST_PATIENCE)
        })
    }

    /// How long to wait before the same question is put again to this server.
    pub(crate) fn repeat_after(&self) -> Duration {
        self.patience().saturating_mul(2).max(LEAST_REPEAT)
    }

    pub(crate) fn asked(&mut self, now: Instant) {
        self.queries = self.queries.saturating_add(1);
        self.try_at = now.after(RETRY_EVERY);
    }

    /// It has answered so that it is of use.
    pub(crate) fn answered(&mut self) {
        self.answers = self.answers.saturating_add(1);
        self.strikes = 0;
        self.is_failing = false;
        self.rest = Backoff::new(FIRST_REST);
    }

    /// So long it has taken to say something.
    pub(crate) fn took(&mut self, took: Duration) {
        self.rtt = Some(match self.rtt {
            None => (took, took.checked_div(2).unwrap_or_default()),
            Some((smoothed, varies)) => (weigh(smoothed, 7, took), weigh(varies, 3, took.abs_diff(smoothed))),
        });
    }

    /// It says that it does not want to. Whether that is its own fault shows when another server does: [`Server::was_outdone`].
    pub(crate) fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// Another server had an answer where this one had none.
    pub(crate) fn was_outdone(&mut self, now: Instant) {
        self.strikes = self.strikes.saturating_add(1);
        if self.strikes >= STRIKES {
            self.give_rest(now);
        }
    }

    /// It says nothing, or the kernel says that it is not there.
    pub(crate) fn is_silent(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.give_rest(now);
    }

    fn give_rest(&mut self, now: Instant) {
        // What is asked meanwhile, because there is nobody else, does not make it longer.
        if !self.is_failing || self.try_at <= now {
            self.try_at = now.after(self.rest.after(Duration::ZERO));
        }
        self.is_failing = true;
    }

    /// Whether it is asked with an OPT record.
    pub(crate) fn takes_edns(&self, now: Instant) -> bool {
        self.plain_until <= now
    }

    /// It has answered only without one.
    pub(crate) fn is_plain(&mut self, now: Instant) {
        self.plain_until = now.after(PLAIN_FOR);
    }

    /// Takes a socket that nothing was sent through.
    pub(crate) fn take_socket(&mut self) -> Option<SocketId> {
        let socket = self.idle.pop();
        if socket.is_none() {
            self.target = self.target.saturating_mul(2).min(MAX_POOL);
        }
        socket
    }

    /// How many sockets to ask the broker for now. Its answer is awaited before it is asked again.
    pub(crate) fn refill(&mut self, now: Instant) -> Option<usize> {
        let missing = self.target.saturating_sub(self.idle.len());
        // Each message has its price, and so they are asked for many at a time.
        if self.is_refilled || missing < MAX_GRANT / 2 || self.no_pool_until > now {
            return None;
        }
        self.is_refilled = true;
        Some(missing.min(MAX_GRANT))
    }

    /// Sockets have come. Gives back those that there is no room for.
    pub(crate) fn granted(&mut self, mut sockets: Vec<SocketId>) -> Vec<SocketId> {
        self.is_refilled = false;
        let room = MAX_POOL.saturating_sub(self.idle.len()).min(sockets.len());
        let excess = sockets.split_off(room);
        self.idle.append(&mut sockets);
        excess
    }

    /// The broker has none.
    pub(crate) fn has_no_pool(&mut self, now: Instant) {
        self.is_refilled = false;
        self.no_pool_until = now.after(NO_POOL_FOR);
    }

    /// Whether there are sockets that nothing was sent through.
    pub(crate) fn has_sockets(&self) -> bool {
        !self.idle.is_empty()
    }

    /// Whether sockets can be had.
    pub(crate) fn can_have_sockets(&self, now: Instant) -> bool {
        !self.idle.is_empty() || self.no_pool_until <= now
    }

    /// A socket that nothing was sent through is of no use.
    pub(crate) fn forget(&mut self, socket: SocketId) {
        self.idle.retain(|idle| *idle != socket);
    }

    pub(crate) fn status(&self) -> UpstreamStatus {
        let state = match (self.is_failing, self.queries) {
            (true, _) => UpstreamState::Failing,
            (false, 0) => UpstreamState::Untried,
            (false, _) => UpstreamState::Good,
        };
        UpstreamStatus {
            state,
            srtt: self.rtt.map(|(smoothed, _)| smoothed),
            queries: self.queries,
            answers: self.answers,
            failures: self.failures,
            pool: u16::try_from(self.idle.len()).unwrap_or(u16::MAX),
        }
    }
}

/// Of two values, the old one so many times as heavy as the new one.
fn weigh(old: Duration, weight: u32, new: Duration) -> Duration {
    let parts = weight.saturating_add(1);
    old.saturating_mul(weight).saturating_add(new).checked_div(parts).unwrap_or(new)
}

#[cfg(test)]
mod tests;
