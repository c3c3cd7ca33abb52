//! One server that is being asked.

use core::time::Duration;
use std::collections::VecDeque;

use orlop_machine::{Chance, Instant};
use orlop_ntp_contract::{Handover, Offset, PeerState, Poll, PollRange, ServerAddr, SourceId, Utc};

use crate::exchange::{Kiss, Question};
use crate::nts::session::Session;
use crate::packet::HEADER;
use crate::sample::{Sample, part};

/// Questions of a burst, at the start and whenever the time is uncertain: as many as the filter wants before it trusts a
/// server.
const BURST: u8 = 8;

/// How many samples are kept: as many as the filter needs to begin anew.
const SAMPLES: usize = 8;

/// Unanswered questions after which a server counts as silent: it is asked less and less often, through a new socket.
pub(crate) const SILENT: u32 = 4;

/// Unanswered questions, or votes against the majority in a row, after which another address is taken.
const BAD: u32 = 8;

/// A silent server is asked this often at least, or as often as others if that is less: the network may come back without a
/// word.
const SILENT_AT_MOST: Duration = Duration::from_secs(64);

/// How long a server that has told us to stop is left alone.
pub(crate) const DENIED: Duration = Duration::from_secs(3600);

/// One server, at one address.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) source: SourceId,
    pub(crate) server: ServerAddr,
    pub(crate) prefer: bool,
    polls: PollRange,
    pub(crate) socket: Socket,
    pub(crate) question: Option<Question>,
    /// When to ask next, or, without a socket, when to ask for one.
    due: Instant,
    pub(crate) asked_at: Option<Instant>,
    /// The last eight questions, the latest in the lowest bit: 1 was answered.
    reach: u8,
    /// Unanswered questions in a row.
    silence: u32,
    /// Questions left of the burst.
    burst: u8,
    /// How often the filter wants it to be asked.
    wanted: Poll,
    /// RATE has raised this above the operator's shortest.
    shortest: Poll,
    /// It has asked for fewer questions: there is no burst for it any more.
    slowed: bool,
    samples: VecDeque<Sample>,
    pub(crate) opinion: PeerState,
    /// Votes against the majority in a row.
    dissent: u32,
}

/// Whether it can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Socket {
    /// There is none, and none was asked for.
    Missing,
    /// The broker was asked for one.
    Ordered,
    /// There is one.
    Open,
}

impl Peer {
    pub(crate) fn new(now: Instant, source: SourceId, server: ServerAddr, prefer: bool, polls: PollRange) -> Self {
        Self {
            source,
            server,
            prefer,
            polls,
            socket: Socket::Missing,
            question: None,
            due: now,
            asked_at: None,
            reach: 0,
            silence: 0,
            burst: BURST,
            wanted: polls.min(),
            shortest: polls.min(),
            slowed: false,
            samples: VecDeque::new(),
            opinion: PeerState::Connecting,
            dissent: 0,
        }
    }

    /// The operator has changed his mind about how to ask.
    pub(crate) fn conduct(&mut self, prefer: bool, polls: PollRange) {
        (self.prefer, self.polls) = (prefer, polls);
        if !self.slowed {
            self.shortest = polls.min();
        }
        self.wanted = self.wanted.clamp(polls.min(), polls.max());
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        match self.socket {
            Socket::Missing | Socket::Open => Some(self.due),
            Socket::Ordered => None,
        }
    }

    /// The time has become uncertain: ask again as often as is polite.
    pub(crate) fn hurry(&mut self, now: Instant) {
        if self.opinion == PeerState::Denied {
            return;
        }
        self.burst = if self.slowed { 0 } else { BURST };
        self.silence = 0;
        self.due = self.due.min(self.polite(now));
    }

    /// When it may be asked again at the earliest. A clock of this machine is not bothered by being read.
    fn polite(&self, now: Instant) -> Instant {
        let least = if self.slowed { self.poll() } else { Poll::MIN };
        let asked_at = self.asked_at.filter(|_| !self.server.is_clock());
        asked_at.map_or(now, |at| at.after(least.interval())).max(now)
    }

    /// The socket is there.
    pub(crate) fn opened(&mut self, now: Instant) {
        self.socket = Socket::Open;
        if self.opinion == PeerState::Connecting {
            self.opinion = PeerState::Unreachable;
        }
        self.due = self.polite(now);
    }

    /// The socket is of no use any more, or was not given: another one, in a while.
    pub(crate) fn closed(&mut self, now: Instant) {
        self.socket = Socket::Missing;
        self.question = None;
        self.silence = self.silence.saturating_add(1);
        self.due = now.after(self.pause());
    }

    /// The network has changed: another socket, at once.
    pub(crate) fn reconnect(&mut self, now: Instant) {
        self.socket = Socket::Missing;
        self.question = None;
        self.due = now;
    }

    /// Asks. What came before has not been answered if it is still open.
    pub(crate) fn ask(&mut self, now: Instant, chance: &mut Chance) -> [u8; HEADER] {
        let question = Question::new(u64::from(chance.number()) << 32 | u64::from(chance.number()));
        let packet = question.packet();
        self.question = Some(question);
        self.asked(now, chance);
        packet
    }

    /// It is being asked, or read if it is a clock.
    pub(crate) fn asked(&mut self, now: Instant, chance: &mut Chance) {
        self.asked_at = Some(now);
        self.reach <<= 1;
        self.burst = self.burst.saturating_sub(1);
        self.silence = self.silence.saturating_add(1);
        if self.reach == 0 && self.opinion != PeerState::Denied {
            self.opinion = PeerState::Unreachable;
        }
        // Nobody asks at the same moments as all others that were started together, or that were switched on together.
        let pause = self.pause();
        self.due = now.after(chance.duration(pause..=pause.saturating_add(part(pause, 16))));
    }

    /// The datagram of the question that has just been made, under the protection of the session, if its source has one. `None`
    /// when there is none to be had: nothing is sent without.
    pub(crate) fn protected(
        &mut self,
        plain: [u8; HEADER],
        session: Option<&mut Session>,
        chance: &mut Chance,
    ) -> Option<Vec<u8>> {
        let Some(session) = session else { return Some(plain.to_vec()) };
        match session.seal(&plain, chance) {
            Some((packet, unique)) => {
                if let Some(question) = &mut self.question {
                    question.protect(unique);
                }
                Some(packet)
            }
            None => {
                self.question = None;
                None
            }
        }
    }

    /// Until the next question, if this one is not answered.
    fn pause(&self) -> Duration {
        if self.opinion == PeerState::Denied {
            return DENIED;
        }
        let doubled = self.silence.saturating_sub(SILENT).min(16);
        if self.silence >= SILENT && !self.slowed {
            let longest = self.poll().interval().max(SILENT_AT_MOST);
            return Duration::from_secs(2 << doubled).min(longest);
        }
        if self.burst > 0 { Poll::MIN.interval() } else { self.poll().interval() }
    }

    /// How often it is asked when it answers.
    pub(crate) fn poll(&self) -> Poll {
        // What a server asks for counts more than the range: RFC 5905 section 7.4.
        self.wanted.clamp(self.polls.min(), self.polls.max()).max(self.shortest)
    }

    /// What the filter wants. It has no effect before the next question.
    pub(crate) fn wants(&mut self, poll: Poll) {
        self.wanted = poll;
    }

    /// It was asked, and the clock showed this.
    pub(crate) fn sent(&mut self, at: Utc) {
        if let Some(question) = &mut self.question {
            question.sent(at);
        }
    }

    /// It has answered.
    pub(crate) fn answered(&mut self, now: Instant, sample: Sample) {
        self.reached(now);
        if self.samples.len() >= SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
        if matches!(self.opinion, PeerState::Unreachable | PeerState::Connecting | PeerState::Denied) {
            self.opinion = PeerState::Candidate;
        }
    }

    /// An earlier process has asked it, and this was the answer.
    pub(crate) fn take_over(&mut self, handed: Handover) {
        (self.asked_at, self.burst) = (Some(handed.at), BURST.saturating_sub(1));
        self.answered(handed.at, Sample::handed_over(handed));
    }

    /// It has spoken: after a long silence it is asked as if it were new.
    fn reached(&mut self, now: Instant) {
        self.question = None;
        self.reach |= 1;
        let was_silent = self.silence > SILENT;
        self.silence = 0;
        if was_silent {
            self.hurry(now);
        }
    }

    /// It has told us to ask less, or not at all (RFC 5905 section 7.4).
    pub(crate) fn kissed(&mut self, now: Instant, kiss: Kiss) {
        self.question = None;
        match kiss {
            Kiss::Rate => {
                self.silence = 0;
                (self.burst, self.slowed) = (0, true);
                let slower = Poll::new(self.poll().exponent().saturating_add(1)).unwrap_or(Poll::MAX);
                // Beyond a range that is short, but no further than usual: anybody on the way could ask for it.
                self.shortest = slower.min(self.polls.max().max(PollRange::USUAL.max()));
                self.due = now.after(self.pause());
            }
            Kiss::Deny => {
                self.opinion = PeerState::Denied;
                self.samples.clear();
                self.due = now.after(DENIED);
            }
            // Nobody vouches for the first: the question counts as not answered.
            Kiss::Nak | Kiss::Other(_) => {}
        }
    }

    /// The latest sample, if it was taken at `since` or later and the server still answers.
    pub(crate) fn latest(&self, since: Instant) -> Option<&Sample> {
        self.samples.back().filter(|sample| self.reach != 0 && sample.at >= since)
    }

    pub(crate) fn samples(&self) -> impl DoubleEndedIterator<Item = &Sample> {
        self.samples.iter()
    }

    /// The clock was changed by this much.
    pub(crate) fn shift(&mut self, by: Offset) {
        for sample in &mut self.samples {
            *sample = sample.shifted(by);
        }
    }

    /// What was measured before that says nothing any more.
    pub(crate) fn forget_before(&mut self, since: Instant) {
        self.samples.retain(|sample| sample.at >= since);
    }

    /// Whatever was measured says nothing any more.
    pub(crate) fn forget(&mut self) {
        self.samples.clear();
    }

    /// What the vote has shown of it.
    pub(crate) fn judged(&mut self, opinion: PeerState) {
        self.opinion = opinion;
        self.dissent = if opinion == PeerState::Falseticker { self.dissent.saturating_add(1) } else { 0 };
    }

    /// Whether another address had better take its place.
    pub(crate) fn is_bad(&self) -> bool {
        self.opinion == PeerState::Denied || self.silence >= BAD || self.dissent >= BAD
    }

    /// Whether a new socket is worth a try: the old one may belong to an address that we no longer have.
    pub(crate) fn is_silent(&self) -> bool {
        self.silence > 0 && self.silence.is_multiple_of(SILENT)
    }

    /// Whether it has just become clear that it no longer answers.
    pub(crate) const fn was_lost(&self) -> bool {
        self.reach == 0 && self.silence == BAD
    }

    pub(crate) const fn reach(&self) -> u8 {
        self.reach
    }
}

#[cfg(test)]
mod tests;
