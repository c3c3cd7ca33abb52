//! A question that is not answered yet: who waits for it, and who was asked.

use orlop_machine::Instant;
use orlop_resolver_contract::UpstreamId;

use crate::query::{Asked, Edns, Key};
use crate::question::Question;
use crate::resolver::{ClientId, RequestId, SocketId};
use crate::scope::Scope;
use crate::stored::Stored;
use crate::upstream::SILENCE;

/// A question under way.
#[derive(Debug)]
pub(crate) struct Flight {
    /// What the clients have asked.
    pub(crate) key: Key,
    /// What is asked now: the same, or where the aliases in `aliases` lead.
    pub(crate) wanted: Key,
    /// Messages that say that the name is another's.
    pub(crate) aliases: Vec<Box<[u8]>>,
    /// Who is asked.
    pub(crate) scope: Scope,
    /// What the clients have asked is asked of the servers for all names, wherever its aliases lead.
    pub(crate) is_public: bool,
    pub(crate) waiters: Vec<Waiter>,
    pub(crate) attempts: Vec<Attempt>,
    /// Counts from 0. In each, every upstream is asked once.
    pub(crate) round: u8,
    /// Somebody was asked.
    pub(crate) was_sent: bool,
    /// The best of the answers that are failures.
    pub(crate) best: Option<Stored>,
    /// When to ask the next upstream.
    pub(crate) next_at: Option<Instant>,
    /// When to be content with what is stale.
    pub(crate) stale_at: Option<Instant>,
    /// When to give up.
    pub(crate) ends_at: Instant,
    /// The clients have their answer, and nobody joins them: what is still out only shows how the upstreams are.
    pub(crate) is_settled: bool,
    /// The timer that is set for it.
    pub(crate) due: Option<Instant>,
}

/// A client that waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) client: ClientId,
    pub(crate) port: u16,
    /// How long its answer may be.
    pub(crate) limit: usize,
    id: u16,
    flags: u16,
    question: Box<[u8]>,
    edns: Option<Edns>,
}

/// An upstream that was asked.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) server: UpstreamId,
    pub(crate) round: u8,
    pub(crate) question: Question,
    pub(crate) via: Via,
    /// What has come for it that was not its answer.
    pub(crate) strangers: u8,
    /// A stream was asked for beside the socket.
    pub(crate) is_doubted: bool,
    /// It has answered with a failure.
    pub(crate) has_failed: bool,
    pub(crate) is_overdue: bool,
    pub(crate) is_silent: bool,
}

/// How an upstream is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    /// There is no socket yet.
    Nothing,
    /// Through this socket, at this time. From the second time on its answer is overdue.
    Socket(SocketId, Instant, Instant),
    /// Through a stream.
    Stream(RequestId),
    /// Not any more.
    Over,
}

impl Flight {
    pub(crate) fn new(key: Key, scope: Scope, ends_at: Instant) -> Self {
        Self {
            key,
            wanted: key,
            aliases: Vec::new(),
            is_public: scope == Scope::General,
            scope,
            waiters: Vec::new(),
            attempts: Vec::new(),
            round: 0,
            was_sent: false,
            best: None,
            next_at: None,
            stale_at: None,
            ends_at,
            is_settled: false,
            due: None,
        }
    }

    pub(crate) fn was_asked(&self, server: UpstreamId) -> bool {
        self.attempts.iter().any(|attempt| attempt.server == server && attempt.round == self.round)
    }

    /// An upstream is to be asked as soon as there is a socket.
    pub(crate) fn waits_for(&self, server: UpstreamId) -> bool {
        self.attempts.iter().any(|attempt| attempt.server == server && attempt.via == Via::Nothing)
    }

    /// Somebody may still answer.
    pub(crate) fn is_out(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.via != Via::Over)
    }

    /// When something has to be done about it.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let own = [self.next_at, self.stale_at, Some(self.ends_at)].into_iter().flatten();
        own.chain(self.attempts.iter().filter_map(Attempt::deadline)).min()
    }

    /// A failure, which is given out when nobody does better: the one that says most.
    pub(crate) fn keep_best(&mut self, failure: Stored) {
        let worth = |stored: &Stored| (!stored.ede().is_empty(), core::cmp::Reverse(worth(stored)));
        if self.best.as_ref().is_none_or(|best| worth(best) < worth(&failure)) {
            self.best = Some(failure);
        }
    }
}

/// SERVFAIL is about the question, the others are about who was asked. Less is better.
fn worth(stored: &Stored) -> u8 {
    match stored.code().number() {
        2 => 0,
        5 => 1,
        4 => 2,
        _ => 3,
    }
}

impl Attempt {
    pub(crate) fn new(server: UpstreamId, round: u8, question: Question) -> Self {
        Self {
            server,
            round,
            question,
            via: Via::Nothing,
            strangers: 0,
            is_doubted: false,
            has_failed: false,
            is_overdue: false,
            is_silent: false,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.via {
            Via::Socket(_, _, overdue_at) if !self.is_overdue => Some(overdue_at),
            Via::Socket(_, asked_at, _) if !self.is_silent => Some(asked_at.after(SILENCE)),
            Via::Socket(..) | Via::Nothing | Via::Stream(_) | Via::Over => None,
        }
    }
}

impl Waiter {
    pub(crate) fn new(client: ClientId, port: u16, limit: usize, asked: &Asked<'_>) -> Self {
        let Asked { id, flags, question, edns } = *asked;
        Self { client, port, limit, id, flags, question: question.into(), edns }
    }

    pub(crate) fn asked(&self) -> Asked<'_> {
        Asked { id: self.id, flags: self.flags, question: &self.question, edns: self.edns }
    }
}
