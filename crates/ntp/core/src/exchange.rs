//! A question and the one answer to it.

use core::time::Duration;

use orlop_machine::Instant;
use orlop_ntp_contract::{Discard, Offset, Policy, Timestamp, Utc};

use crate::nts::field::{self, Unique};
use crate::packet::{self, HEADER, Packet, VERSION};
use crate::sample::{Sample, part};

/// Mode of an answer.
const SERVER: u8 = 4;

/// The first stratum that is none: the server is not synchronised.
const UNSYNCHRONISED: u8 = 16;

/// Longest round trip that is believed. A question is asked again after 2 s at the earliest.
pub const MAX_DELAY: Duration = Duration::from_secs(2);

/// How much shorter than nothing a round trip may look: clocks are read at the wrong moment, or are being slewed.
const MIN_DELAY: Duration = Duration::from_micros(100);

/// The same for servers with a coarse clock: as much as they say of their precision, up to this.
const COARSE_CLOCK: Duration = Duration::from_millis(16);

/// Largest root distance: half of the round trip from the server to the primary clock, and the error on that way (MAXDIST of
/// RFC 5905 figure 27 is 1.5 s).
pub const MAX_DISTANCE: Duration = Duration::from_millis(1500);

/// Largest root dispersion: a server whose clock may be a second off cannot set ours.
pub const MAX_DISPERSION: Duration = Duration::from_secs(1);

/// A question that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The transmit timestamp: 64 random bits, which the answer has to repeat.
    nonce: Timestamp,
    /// What the clock showed when it was sent; nothing counts before that is known.
    sent: Option<Utc>,
    /// With NTS, another 256 of them, which an answer has to repeat under its protection.
    unique: Option<Unique>,
}

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A measurement.
    Sample(Sample),
    /// A kiss-o'-death (RFC 5905 section 7.4).
    Kiss(Kiss),
}

/// What a server tells a client that it does not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kiss {
    /// RATE: ask less often.
    Rate,
    /// DENY or RSTR: do not ask.
    Deny,
    /// NTSN: the server cannot read our cookie (RFC 8915 section 5.7). Anybody who has seen our question can say so.
    Nak,
    /// Another code, which means nothing for us.
    Other([u8; 4]),
}

/// Why a datagram is no answer, and whether the question is over all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoAnswer {
    /// The reason.
    pub why: Discard,
    /// Whether it was the server that spoke: the datagram repeats the random bits. Whoever does not know them ends nothing.
    pub final_word: bool,
}

impl Question {
    /// A question with these random bits, which must not be zero ("unknown").
    #[must_use]
    pub const fn new(random: u64) -> Self {
        Self { nonce: Timestamp::from_bits(if random == 0 { 1 } else { random }), sent: None, unique: None }
    }

    /// The datagram.
    #[must_use]
    pub fn packet(&self) -> [u8; HEADER] {
        packet::question(self.nonce)
    }

    /// It is protected by NTS.
    pub(crate) const fn protect(&mut self, unique: Unique) {
        self.unique = Some(unique);
    }

    /// It was sent when the clock showed this.
    pub const fn sent(&mut self, at: Utc) {
        self.sent = Some(at);
    }

    /// Takes a datagram that arrived when the clock showed `received`. The cheapest check comes first; `now` is for the age
    /// of the sample. No time before `floor` is true.
    ///
    /// # Errors
    /// Why it is not the answer.
    pub fn answer(&self, now: Instant, datagram: &[u8], received: Utc, floor: Utc) -> Result<Answer, NoAnswer> {
        self.answer_to(now, datagram, received, floor, |_, _| Err(Discard::Unasked))
    }

    /// As [`Question::answer`]; `open` checks the protection of an answer whose question was protected, before anything that it
    /// says is looked at.
    ///
    /// # Errors
    /// As [`Question::answer`].
    pub(crate) fn answer_to(
        &self,
        now: Instant,
        datagram: &[u8],
        received: Utc,
        floor: Utc,
        open: impl FnOnce(&Packet<'_>, &Unique) -> Result<(), Discard>,
    ) -> Result<Answer, NoAnswer> {
        let stranger = |why| NoAnswer { why, final_word: false };
        let packet = Packet::parse(datagram).map_err(stranger)?;
        if packet.mode != SERVER {
            return Err(stranger(Discard::WrongMode));
        }
        if packet.version != VERSION {
            return Err(stranger(Discard::WrongVersion));
        }
        let sent = self.sent.ok_or(stranger(Discard::Unasked))?;
        if packet.origin != self.nonce {
            return Err(stranger(Discard::WrongOrigin));
        }
        // A code that we cannot check may be anybody's who saw the question (CVE-2016-4953): it decides nothing.
        if packet.mac {
            return Err(stranger(Discard::Mac));
        }
        if let Some(unique) = &self.unique {
            if packet.stratum == 0 && packet.reference_id == *b"NTSN" && field::repeats(packet.extensions, unique) {
                return Ok(Answer::Kiss(Kiss::Nak));
            }
            open(&packet, unique).map_err(stranger)?;
        }
        let said = |why| NoAnswer { why, final_word: true };
        if packet.stratum == 0 {
            return Ok(Answer::Kiss(Kiss::of(packet.reference_id)));
        }
        measured(now, &packet, sent, received, floor).map(Answer::Sample).map_err(said)
    }
}

impl Kiss {
    const fn of(code: [u8; 4]) -> Self {
        match &code {
            b"RATE" => Self::Rate,
            b"DENY" | b"RSTR" => Self::Deny,
            _ => Self::Other(code),
        }
    }
}

/// The measurement that an answer to our question makes.
fn measured(now: Instant, packet: &Packet<'_>, sent: Utc, received: Utc, floor: Utc) -> Result<Sample, Discard> {
    let leap = packet.leap.filter(|_| packet.stratum < UNSYNCHRONISED).ok_or(Discard::Unsynchronised)?;
    if packet.receive == Timestamp::ZERO || packet.transmit == Timestamp::ZERO {
        return Err(Discard::BadTimestamp);
    }
    let (arrived, left) = (packet.receive.after(floor), packet.transmit.after(floor));
    if arrived >= Policy::HORIZON || left >= Policy::HORIZON {
        return Err(Discard::BeforeFloor);
    }
    if left < arrived {
        return Err(Discard::BadTimestamp);
    }
    let nanos = |later: Utc, earlier: Utc| i128::from(later.since(earlier).nanos());
    let precision = precision(packet.precision);
    let delay = nanos(received, sent).saturating_sub(nanos(left, arrived));
    let least = i128::try_from(precision.clamp(MIN_DELAY, COARSE_CLOCK).as_nanos()).unwrap_or(0);
    if delay < least.saturating_neg() {
        return Err(Discard::BadDelay);
    }
    let delay = Duration::from_nanos(u64::try_from(delay.max(0)).unwrap_or(u64::MAX));
    if delay > MAX_DELAY {
        return Err(Discard::BadDelay);
    }
    let distance = part(packet.root_delay, 2).saturating_add(packet.root_dispersion).saturating_add(precision);
    if distance > MAX_DISTANCE || packet.root_dispersion > MAX_DISPERSION {
        return Err(Discard::Distant);
    }
    // Two sums of 64 bits each, which only 128 hold: ntp-proto's 64 make every offset beyond 34 years exactly 2^30 s.
    let twice = nanos(arrived, sent).saturating_add(nanos(left, received));
    Ok(Sample {
        at: now,
        offset: Offset::saturating(twice / 2),
        delay,
        stratum: packet.stratum,
        leap,
        root_delay: packet.root_delay,
        root_dispersion: packet.root_dispersion,
        precision,
    })
}

/// 2^`exponent` seconds, from a nanosecond to a second: no server's claim about its clock makes more of a difference.
fn precision(exponent: i8) -> Duration {
    let shift = u32::from(exponent.min(0).unsigned_abs()).min(30);
    Duration::from_nanos(1_000_000_000_u64.checked_shr(shift).unwrap_or(0).max(1))
}

#[cfg(test)]
mod tests;
