//! What is kept for a source that is asked with NTS: its keys and cookies, and when the next key exchange is due.

use core::time::Duration;
use std::collections::VecDeque;

use orlop_machine::{Chance, Instant};
use orlop_ntp_contract::{
    Cookie, Discard, ExchangeId, KeyFailure, Keys, MAX_COOKIES, NtsState, NtsStatus, Offset, Refusal, Secret,
    ServerAddr, SourceId, Utc,
};

use super::field::{self, Unique};
use crate::packet::{Extensions, HEADER};
use crate::sample::part;

/// Shortest time between two exchanges for one source, and by how much it grows with each that yields nothing that a server
/// proves to know: RFC 8915 section 4.2 suggests 10 s and a factor of 1.5.
const RETRY: Duration = Duration::from_secs(10);
/// Longest time between two. The RFC suggests five days, which is longer than a machine should be without the time after
/// somebody has repaired its network; a failure costs the server less than one question a minute from a plain client.
const RETRY_AT_MOST: Duration = Duration::from_secs(3600);
/// After that many failures the time between two does not grow any more.
const GROWS: u32 = 16;

/// Keys are exchanged again after four weeks, as chrony does: who has copied them can use them no longer.
const AGE: Duration = Duration::from_secs(28 * 86_400);

/// A certificate that is valid at one moment counts as valid at another one that is no further away.
const SAME_TIME: Duration = Duration::from_secs(3600);

/// NTS of one source.
#[derive(Debug)]
pub(crate) struct Session {
    source: SourceId,
    in_use: Option<InUse>,
    /// They have come, and where their server is has not, or the other way round.
    arrived: Option<Keys>,
    named: Option<(ExchangeId, ServerAddr)>,
    /// The broker was asked for an exchange.
    ordered: bool,
    /// When the next exchange may begin at the earliest.
    not_before: Instant,
    /// The moment at which the certificate has to be valid in the next exchange: a majority says so.
    confirm: Option<Utc>,
    /// Exchanges since the last one whose keys a server has proven to know.
    unproven: u32,
    nak: Nak,
    shows: NtsState,
    exchanges: u32,
    failures: u32,
    failure: Option<KeyFailure>,
}

/// Keys that questions are protected with.
#[derive(Debug)]
struct InUse {
    c2s: Secret,
    s2c: Secret,
    cookies: VecDeque<Cookie>,
    /// The certificate was valid at this moment, which was then.
    checked: (Utc, Instant),
}

/// The server has said that it cannot read our cookie; but it may not have been the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nak {
    /// Not since the last good answer.
    None,
    /// It was said.
    Heard,
    /// Another question was asked since.
    Doubted,
    /// And it has no good answer either.
    Believed,
}

impl Session {
    pub(crate) fn new(now: Instant, source: SourceId) -> Self {
        Self {
            source,
            in_use: None,
            arrived: None,
            named: None,
            ordered: false,
            not_before: now,
            confirm: None,
            unproven: 0,
            nak: Nak::None,
            shows: NtsState::NoKeys,
            exchanges: 0,
            failures: 0,
            failure: None,
        }
    }

    /// When the broker is to be asked for an exchange, if it is.
    pub(crate) fn due(&self) -> Option<Instant> {
        if self.ordered {
            // Keys of an exchange that is done are here in a moment, or they are lost.
            return self.named.map(|_| self.not_before);
        }
        match &self.in_use {
            Some(keys) if !keys.cookies.is_empty() && self.nak != Nak::Believed && self.confirm.is_none() => {
                let (_, at) = keys.checked;
                Some(at.after(AGE).max(self.not_before))
            }
            _ => Some(self.not_before),
        }
    }

    /// The broker is asked for an exchange. Gives when the certificate has to be valid, if a majority has said so.
    pub(crate) fn order(&mut self, now: Instant) -> Option<Utc> {
        (self.ordered, self.named) = (true, None);
        self.unproven = self.unproven.saturating_add(1);
        self.not_before = now.after(retry(self.unproven));
        self.confirm.take()
    }

    /// Keys have come. Gives the server that takes them, once that is known too.
    pub(crate) fn arrived(&mut self, now: Instant, keys: Keys) -> Option<ServerAddr> {
        self.arrived = Some(keys);
        self.complete(now)
    }

    /// The exchange is done: its keys are for this server. Gives it, once the keys are there too.
    pub(crate) fn named(&mut self, now: Instant, number: ExchangeId, server: ServerAddr) -> Option<ServerAddr> {
        self.named = Some((number, server));
        let complete = self.complete(now);
        if complete.is_none() {
            self.not_before = self.not_before.max(now.after(RETRY));
        }
        complete
    }

    fn complete(&mut self, now: Instant) -> Option<ServerAddr> {
        let (number, server) = self.named?;
        let keys = self.arrived.take_if(|keys| keys.number == number)?;
        self.named = None;
        let Keys { number: _, source: _, checked, c2s, s2c, cookies } = keys;
        let cookies = cookies.into_vec().into();
        self.in_use = Some(InUse { c2s, s2c, cookies, checked: (checked, now) });
        (self.ordered, self.nak, self.failure) = (false, Nak::None, None);
        self.exchanges = self.exchanges.saturating_add(1);
        self.shows = NtsState::Keyed;
        Some(server)
    }

    /// There are no keys, and why. Whether those in use are good no longer: their certificate is not, at the time that a majority
    /// says it is.
    pub(crate) fn refused(&mut self, why: Refusal) -> bool {
        self.ordered = false;
        self.failures = self.failures.saturating_add(1);
        let failure = if let Refusal::KeyExchange(failure) = why { Some(failure) } else { None };
        self.failure = failure.or(Some(KeyFailure::Worker));
        let is_over = matches!(failure, Some(KeyFailure::NotYetValid | KeyFailure::Expired));
        if is_over || self.in_use.is_none() {
            self.drop_keys();
        }
        is_over
    }

    /// A local failure says nothing of the server: with a network, or another one, it is asked again at once.
    pub(crate) fn came_online(&mut self, now: Instant) {
        if self.failure == Some(KeyFailure::Unreachable) {
            self.not_before = self.not_before.min(now);
        }
    }

    /// Whether the certificate was checked at a moment near this one, which a majority says it is. If not, the next exchange checks it
    /// there.
    pub(crate) fn confirmed(&mut self, now: Instant, time: Utc) -> bool {
        if self.in_use.is_none() {
            return false;
        }
        let confirmed = self.was_checked_near(now, time);
        if !confirmed && !self.ordered && self.confirm.replace(time).is_none() {
            self.exchange_again(now);
        }
        confirmed
    }

    /// It is decided what the time is. Keys whose certificate was checked at another one are good no longer, and exchanged again.
    /// Whether these were such.
    pub(crate) fn decided(&mut self, now: Instant, time: Utc) -> bool {
        // What other majorities said that came to nothing.
        self.confirm = None;
        let is_over = self.in_use.is_some() && !self.was_checked_near(now, time);
        if is_over {
            self.drop_keys();
            self.exchange_again(now);
        }
        is_over
    }

    fn was_checked_near(&self, now: Instant, time: Utc) -> bool {
        self.in_use.as_ref().is_some_and(|keys| {
            let (checked, at) = keys.checked;
            let since = Offset::from_span(now.since(at));
            time.since(checked.saturating_shifted(since)).size() <= SAME_TIME
        })
    }

    /// It has yielded keys a moment ago, so this is no failure that is repeated: once, and then as seldom as any other.
    fn exchange_again(&mut self, now: Instant) {
        if self.unproven <= 1 {
            self.not_before = self.not_before.min(now);
        }
    }

    fn drop_keys(&mut self) {
        self.in_use = None;
        if self.shows != NtsState::Intercepted {
            self.shows = NtsState::NoKeys;
        }
    }

    /// Protects a question. `None` when there are no keys, or no cookie is left.
    pub(crate) fn seal(&mut self, plain: &[u8; HEADER], chance: &mut Chance) -> Option<(Vec<u8>, Unique)> {
        self.nak = match self.nak {
            Nak::None => Nak::None,
            Nak::Heard => Nak::Doubted,
            // Nor was the question after it answered.
            Nak::Doubted | Nak::Believed => Nak::Believed,
        };
        let keys = self.in_use.as_mut()?;
        let cookie = keys.cookies.pop_front()?;
        let unique = Unique::new(chance);
        // The answer brings one for that of this question; what is missing beyond is asked for as well.
        let more = MAX_COOKIES.saturating_sub(keys.cookies.len()).saturating_sub(1);
        Some((field::seal(plain, &unique, &cookie, more, &keys.c2s, chance), unique))
    }

    /// Checks an answer to a question of ours; its cookies are kept.
    ///
    /// # Errors
    /// Why it is none.
    pub(crate) fn open(&mut self, datagram: &[u8], extensions: Extensions<'_>, unique: &Unique) -> Result<(), Discard> {
        let keys = self.in_use.as_mut().ok_or(Discard::Unasked)?;
        let cookies = match field::open(datagram, extensions, unique, &keys.s2c) {
            Ok(cookies) => cookies,
            Err(why) => {
                if why == Discard::Unprotected {
                    self.shows = NtsState::Intercepted;
                }
                return Err(why);
            }
        };
        let room = MAX_COOKIES.saturating_sub(keys.cookies.len());
        keys.cookies.extend(cookies.into_iter().take(room));
        (self.nak, self.unproven) = (Nak::None, 0);
        self.shows = NtsState::Protected;
        Ok(())
    }

    /// Somebody who has seen our question says that the server cannot read its cookie. Unless the next answer is good, keys are
    /// exchanged again (RFC 8915 section 5.7).
    pub(crate) fn nak(&mut self) {
        self.nak = if self.nak == Nak::None { Nak::Heard } else { Nak::Believed };
    }

    pub(crate) fn status(&self) -> NtsStatus {
        NtsStatus {
            source: self.source,
            state: if self.ordered && self.shows != NtsState::Intercepted { NtsState::Exchanging } else { self.shows },
            cookies: self.in_use.as_ref().map_or(0, |keys| u8::try_from(keys.cookies.len()).unwrap_or(u8::MAX)),
            exchanged: self.in_use.as_ref().map(|keys| keys.checked.1),
            exchanges: self.exchanges,
            failures: self.failures,
            failure: self.failure,
        }
    }
}

/// How long after the `n`th exchange that has proven nothing the next may begin.
fn retry(n: u32) -> Duration {
    let grown = (1..n.min(GROWS)).fold(RETRY, |wait, _| wait.saturating_add(part(wait, 2)));
    grown.min(RETRY_AT_MOST)
}

#[cfg(test)]
mod tests;
