//! What an upstream answers: checked against what it was asked, then against the grammar of messages, then for what it says.
//!
//! A reply that is not to our question is nobody's ([`Discard`]): the question stays open, for the true one may still come.
//! A reply that is to our question and cannot be read, or says that the upstream will not answer, is a reason to ask another.

use orlop_resolver_contract::{Conduct, Discard};

use crate::chain::Chain;
use crate::extended_error;
use crate::header::{AA, AD, Code, HEADER, Header, OPCODE, QR, TC};
use crate::name::Name;
use crate::query::Options;
use crate::record::{Record, kind};
use crate::stored::{MAX_MESSAGE, Stored, own_flags};

/// How long an answer is kept that is a failure, or has a code that says nothing of a life (RFC 9520 section 3.2: 1 s to 5 minutes).
pub(crate) const FAILURE_LIFETIME: u32 = 5;

/// The longest message that is kept while the name that it leads to is asked for: it has a few aliases, and there may be many such.
const MAX_ALIAS_MESSAGE: usize = 1232;

/// What an upstream was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected<'q> {
    /// Which number the question had.
    pub id: u16,
    /// Name, type and class, in the case in which the name went out.
    pub question: &'q [u8],
}

/// What an upstream says.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// There are records, or there are none, or another code that is an answer.
    Answer(Stored),
    /// The name is another's, and of that one nothing is said: whole message, for what is found there is put behind it. The
    /// name on the wire in lower case.
    Alias {
        /// The message as it came.
        message: Box<[u8]>,
        /// The other name on the wire.
        target: Box<[u8]>,
    },
    /// It does not fit into a datagram.
    Truncated,
    /// It will not or cannot answer.
    Failure {
        /// Its message, for a client when nobody knows better.
        best: Stored,
        /// It may be that EDNS was not understood: there is no OPT record in it (RFC 6891 section 6.2.2).
        plain: bool,
    },
}

/// A message whose every record has been read.
#[derive(Debug)]
pub(crate) struct Sections<'m> {
    pub(crate) header: Header,
    /// Where the first record begins.
    pub(crate) question_end: usize,
    pub(crate) answers: Vec<Record<'m>>,
    pub(crate) authorities: Vec<Record<'m>>,
    /// Without OPT.
    pub(crate) additionals: Vec<Record<'m>>,
    pub(crate) opt: Option<Record<'m>>,
}

impl<'m> Sections<'m> {
    /// Reads it to its last byte. `None` when something in it cannot be read.
    pub(crate) fn read(message: &'m [u8]) -> Option<Self> {
        let header = Header::read(message).filter(|_| message.len() <= MAX_MESSAGE)?;
        let [questions, answers, authorities, additionals] = header.counts;
        let (_, fields) = Name::read_whole(message, HEADER).filter(|_| questions == 1)?;
        let question_end = fields.checked_add(4).filter(|end| *end <= message.len())?;
        let mut at = question_end;
        let mut section = |records: u16| {
            let mut section = Vec::new();
            for _ in 0..records {
                let record = Record::read(message, at)?;
                at = record.end();
                section.push(record);
            }
            Some(section)
        };
        let (answers, authorities) = (section(answers)?, section(authorities)?);
        let (opts, additionals): (Vec<_>, Vec<_>) =
            section(additionals)?.into_iter().partition(|record| record.kind == kind::OPT);
        let opt = opts.first().copied();
        let misplaced = answers.iter().chain(&authorities).any(|record| record.kind == kind::OPT);
        if at != message.len() || misplaced || opts.len() > 1 || opt.is_some_and(|opt| opt.owner.length() != 1) {
            return None;
        }
        let sections = Self { header, question_end, answers, authorities, additionals, opt };
        // Only names that stood there before are pointed to (RFC 1035 section 4.1.4); what is within a TTL changes while it is kept.
        let ttls: Vec<usize> = sections.records().map(|record| record.ttl_at).collect();
        let is_sound = !sections.records().any(|record| record.goes_through(&ttls));
        is_sound.then_some(sections)
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &Record<'m>> {
        self.answers.iter().chain(&self.authorities).chain(&self.additionals)
    }

    fn code(&self) -> Code {
        Code::new(self.header.flags, self.opt.map_or(0, |opt| opt.ttl.to_be_bytes()[0]))
    }

    /// Its extended errors, as options.
    fn ede(&self) -> Vec<u8> {
        extended_error::kept(Options(self.opt.as_ref().map_or(&[], Record::data)).flatten())
    }

    /// Seconds that its record of the zone says that there is nothing (RFC 2308 section 5). `None` without one.
    fn negative_lifetime(&self, conduct: &Conduct) -> Option<u32> {
        let zone = self.authorities.iter().find(|record| record.kind == kind::SOA)?;
        let minimum = zone.data().last_chunk().map(|bytes| u32::from_be_bytes(*bytes))?;
        Some(lifetime(zone.ttl).min(lifetime(minimum)).min(seconds(conduct.max_negative_ttl)))
    }
}

impl Reply {
    /// Reads a message that came for a question. `conduct` says how long answers live, and whether what the upstream says of
    /// signatures is believed.
    ///
    /// # Errors
    /// Why it is not the answer. [`Discard::Malformed`] and those after it are faults of the upstream; the others are of whoever
    /// sent it.
    pub fn read(message: &[u8], expected: Expected<'_>, conduct: &Conduct) -> Result<Self, Discard> {
        let header = Header::read(message).ok_or(Discard::NotAnAnswer)?;
        if header.flags & (QR | OPCODE) != QR {
            return Err(Discard::NotAnAnswer);
        }
        if header.id != expected.id {
            return Err(Discard::WrongId);
        }
        let code = Code::new(header.flags, 0);
        let failed = is_failure(code);
        // Who did not understand us may not repeat the question (RFC 1035 section 4.1.1, FORMERR).
        if header.counts[0] == 0 && failed {
            return Ok(Self::Failure { best: Stored::failure(expected.question, code, &[]), plain: true });
        }
        let question = message.get(HEADER..).and_then(|rest| rest.get(..expected.question.len()));
        match question {
            Some(question) if header.counts[0] == 1 && question == expected.question => {}
            Some(question) if header.counts[0] == 1 && is_other_case(question, expected.question) => {
                return Err(Discard::WrongCase);
            }
            Some(_) | None => return Err(Discard::WrongQuestion),
        }
        if header.flags & TC != 0 && !failed {
            return Ok(Self::Truncated);
        }
        let Some(sections) = Sections::read(message) else {
            // Of a failure the code is enough.
            return if failed {
                Ok(Self::Failure { best: Stored::failure(expected.question, code, &[]), plain: true })
            } else {
                Err(Discard::Malformed)
            };
        };
        let code = sections.code();
        let plain = sections.opt.is_none();
        if is_failure(code) {
            let shown = if code.extended() == 0 { code } else { Code::SERVFAIL };
            let best = Stored::failure(expected.question, shown, &sections.ede());
            return Ok(Self::Failure { best, plain });
        }
        Self::of(message, &sections, code, conduct)
    }

    /// What a message says that is an answer.
    fn of(message: &[u8], sections: &Sections<'_>, code: Code, conduct: &Conduct) -> Result<Self, Discard> {
        let (asked, fields) = Name::read(message, HEADER).ok_or(Discard::Malformed)?;
        let kind =
            message.get(fields..).and_then(|rest| rest.first_chunk()).map_or(0, |kind| u16::from_be_bytes(*kind));
        let chain = Chain::follow(asked, kind, &sections.answers).ok_or(Discard::AliasLoop)?;
        let authentic = conduct.trust_ad && sections.header.flags & AD != 0;
        let lifetime = if code == Code::NOERROR && chain.has_data {
            seconds(conduct.max_ttl)
        } else if matches!(code, Code::NOERROR | Code::NXDOMAIN) {
            let known = sections.negative_lifetime(conduct);
            if code == Code::NOERROR && known.is_none() {
                let is_referral = sections.authorities.iter().any(|record| record.kind == NS);
                let can_be_kept =
                    message.len() <= MAX_ALIAS_MESSAGE && (!is_referral || sections.header.flags & AA != 0);
                if let Some(target) = chain.target.filter(|_| can_be_kept) {
                    let mut wire = Vec::new();
                    target.write(&mut wire);
                    wire.make_ascii_lowercase();
                    let mut message: Box<[u8]> = message.into();
                    fold_question(&mut message, sections.question_end);
                    return Ok(Self::Alias { message, target: wire.into() });
                }
                // Whoever says whom else to ask, and asks nobody, is no upstream; what is not about the name is no answer to it.
                if chain.is_beside || is_referral && sections.header.flags & AA == 0 {
                    return Err(Discard::Unhelpful);
                }
            }
            known.unwrap_or(0)
        } else {
            FAILURE_LIFETIME
        };
        let flags = own_flags(code, authentic);
        Stored::of_sections(message, sections, &chain, flags, lifetime).map(Self::Answer).ok_or(Discard::Malformed)
    }
}

impl Stored {
    /// Of a message that has been read: it lives as long as the shortest-lived of its records, and at most so many seconds.
    pub(crate) fn of_sections(
        message: &[u8],
        sections: &Sections<'_>,
        chain: &Chain<'_>,
        flags: u16,
        most: u32,
    ) -> Option<Self> {
        let opt_is_last = sections.opt.is_none_or(|opt| opt.end() == message.len());
        if opt_is_last && chain.in_order {
            let end = sections.opt.map_or(message.len(), |opt| opt.start);
            return Self::of_records(message.get(..end)?, sections, &sections.ede(), flags, most);
        }
        let mut answers = sections.answers.clone();
        chain.put_in_order(&mut answers);
        let question = message.get(HEADER..sections.question_end)?;
        let parts = [&answers[..], &sections.authorities, &sections.additionals];
        let written = write_sections(question, sections.header, parts)?;
        Self::of_records(&written, &Sections::read(&written)?, &sections.ede(), flags, most)
    }

    /// Of a message that ends with these records.
    pub(crate) fn of_records(
        message: &[u8],
        sections: &Sections<'_>,
        ede: &[u8],
        flags: u16,
        most: u32,
    ) -> Option<Self> {
        let mut bytes = message.to_vec();
        let (mut least, mut places) = (most, Vec::new());
        let (asked, _) = Name::read(message, HEADER)?;
        for record in sections.records() {
            // A server that writes the name of the question out writes it in the case that was only for it.
            if let Some(owner) = record.owner.written_at().filter(|_| record.owner == asked) {
                bytes.get_mut(owner)?.make_ascii_lowercase();
            }
            let ttl = lifetime(record.ttl).min(most);
            least = least.min(ttl);
            places.push(u16::try_from(record.ttl_at).ok()?);
            *bytes.get_mut(record.ttl_at..)?.first_chunk_mut()? = ttl.to_be_bytes();
        }
        let count = |records: &[Record<'_>]| u16::try_from(records.len()).ok();
        let counts = [1, count(&sections.answers)?, count(&sections.authorities)?, count(&sections.additionals)?];
        *bytes.first_chunk_mut()? = Header { id: 0, flags, counts }.bytes();
        fold_question(&mut bytes, sections.question_end);
        Self::new(&bytes, &places, ede, least)
    }

    /// A question, which was asked and so is no longer than a name can be, and how it failed.
    pub(crate) fn failure(question: &[u8], code: Code, ede: &[u8]) -> Self {
        let header = Header { id: 0, flags: own_flags(code, false), counts: [1, 0, 0, 0] };
        let mut bytes = [&header.bytes()[..], question].concat();
        let end = bytes.len();
        fold_question(&mut bytes, end);
        Self::own(bytes, &[], ede, FAILURE_LIFETIME)
    }
}

/// The answer to a question whose name is another's: what was said of that, and the answer to the last name behind it. It goes
/// as the last one went.
pub(crate) fn join(question: &[u8], aliases: &[Box<[u8]>], last: &Stored) -> Option<Stored> {
    let before = aliases.iter().map(|message| Sections::read(message)).collect::<Option<Vec<_>>>()?;
    let end = Sections::read(last.message())?;
    let answers = before.iter().chain([&end]).flat_map(|sections| sections.answers.iter().copied()).collect::<Vec<_>>();
    let written = write_sections(question, end.header, [&answers, &end.authorities, &end.additionals])?;
    // Whether the signatures on the way are good was not asked.
    let flags = end.header.flags & !AD;
    Stored::of_records(&written, &Sections::read(&written)?, last.ede(), flags, last.lifetime())
}

/// A message of these records, without pointers but to the name of the question. `None` when it becomes too long.
pub(crate) fn write_sections(question: &[u8], header: Header, parts: [&[Record<'_>]; 3]) -> Option<Vec<u8>> {
    let count = |records: &[Record<'_>]| u16::try_from(records.len()).ok();
    let counts = [1, count(parts[0])?, count(parts[1])?, count(parts[2])?];
    let mut written = Header { counts, ..header }.bytes().to_vec();
    written.extend_from_slice(question);
    let asked = written.clone();
    let (asked, _) = Name::read(&asked, HEADER)?;
    for record in parts.into_iter().flatten() {
        record.write(asked, &mut written);
        if written.len() > MAX_MESSAGE {
            return None;
        }
    }
    Some(written)
}

/// The name of the question in lower case: the one who asks gets the case that it has asked in.
fn fold_question(message: &mut [u8], question_end: usize) {
    let name = HEADER..question_end.saturating_sub(4);
    if let Some(name) = message.get_mut(name) {
        name.make_ascii_lowercase();
    }
}

/// Seconds, as a record says them: what has the highest bit set is zero (RFC 2181 section 8).
const fn lifetime(ttl: u32) -> u32 {
    if ttl >> 31 == 0 { ttl } else { 0 }
}

fn seconds(duration: core::time::Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

/// Another upstream may do better: what is not an answer to the question, but about who was asked.
const fn is_failure(code: Code) -> bool {
    matches!(code, Code::FORMERR | Code::SERVFAIL | Code::NOTIMP | Code::REFUSED) || code.extended() != 0
}

fn is_other_case(one: &[u8], other: &[u8]) -> bool {
    let split =
        |question: &'_ [u8]| question.split_last_chunk::<4>().map(|(name, rest)| (name.to_ascii_lowercase(), *rest));
    split(one) == split(other)
}

/// Servers of a zone.
const NS: u16 = 2;

#[cfg(test)]
mod tests;
