//! Two answers to the same question, and how they differ.

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Record, RecordType};

/// A question, and what is special about it.
#[derive(Debug, Clone)]
pub struct Case {
    /// The name as it is asked for.
    pub name: String,
    /// The type.
    pub kind: u16,
    /// Whether with EDNS.
    pub edns: bool,
    /// DO: records of DNSSEC are wanted.
    pub dnssec_ok: bool,
    /// CD: they are not to be checked.
    pub checking_disabled: bool,
    /// Over TCP.
    pub tcp: bool,
}

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Only one has answered.
    Silence,
    /// The response code.
    Code,
    /// One of the header's flags other than TC.
    Flags,
    /// That the answer is cut.
    Cut,
    /// The question that comes back.
    Question,
    /// The records of the answer, their data, letters or order.
    Answer,
    /// How long they may be kept, by more than a test takes.
    Life,
    /// Whether there is a SOA that says how long there is nothing.
    Denial,
    /// Whether there is an OPT, and what it says.
    Edns,
}

/// A difference that is meant.
pub struct Rule {
    /// As the page has it.
    pub name: &'static str,
    /// Whether it is this one.
    pub explains: fn(&Case, &Pair<'_>, Difference) -> bool,
}

/// The two answers.
pub struct Pair<'m> {
    /// Of ours.
    pub ours: &'m Message,
    /// Of the other one.
    pub theirs: &'m Message,
}

/// Longer than a test of ours runs, in seconds; all lives are far longer, or 0.
const RUN: u32 = 600;

/// All that are meant. The page of the daemon has them, too.
pub const RULES: &[Rule] = &[
    Rule {
        name: "REFUSED of every server is passed on; unbound: SERVFAIL",
        explains: |_, pair, difference| {
            difference == Difference::Code
                && (pair.ours.metadata.response_code, pair.theirs.metadata.response_code)
                    == (ResponseCode::Refused, ResponseCode::ServFail)
        },
    },
    Rule {
        name: "letters of names in answers are as they came; unbound points to those of the question, and of names before",
        explains: |_, pair, difference| difference == Difference::Answer && pair.ours.answers == pair.theirs.answers,
    },
    Rule {
        name: "an alias that was followed in a second question lives no longer than what it leads to",
        explains: |_, pair, difference| {
            let is_alias = |record: &Record| record.record_type() == RecordType::CNAME;
            let shortest = pair.theirs.answers.iter().map(|record| record.ttl).min().unwrap_or_default();
            difference == Difference::Life
                && pair.ours.answers.iter().zip(&pair.theirs.answers).all(|(ours, theirs)| {
                    ours.ttl.abs_diff(theirs.ttl) <= RUN || is_alias(ours) && ours.ttl.abs_diff(shortest) <= RUN
                })
        },
    },
    Rule {
        name: "what is too long is cut after as many whole records as fit; unbound gives none",
        explains: |_, pair, difference| {
            difference == Difference::Answer
                && pair.ours.metadata.truncation
                && pair.theirs.metadata.truncation
                && pair.theirs.answers.is_empty()
        },
    },
];

impl Pair<'_> {
    /// How they differ.
    #[must_use]
    pub fn differences(&self) -> Vec<Difference> {
        let Self { ours, theirs } = self;
        let flags = |message: &Message| {
            let of = &message.metadata;
            (of.authoritative, of.recursion_desired, of.recursion_available, of.authentic_data, of.checking_disabled)
        };
        let answer = |message: &Message| message.answers.iter().map(shown).collect::<Vec<_>>();
        let lives = ours.answers.iter().zip(&theirs.answers).any(|(one, other)| one.ttl.abs_diff(other.ttl) > RUN);
        let soa = |message: &Message| message.authorities.iter().any(|record| record.record_type() == RecordType::SOA);
        let edns = |message: &Message| message.edns.as_ref().map(|edns| (edns.version(), edns.flags().dnssec_ok));
        let all = [
            (Difference::Code, ours.metadata.response_code != theirs.metadata.response_code),
            (Difference::Flags, flags(ours) != flags(theirs)),
            (Difference::Cut, ours.metadata.truncation != theirs.metadata.truncation),
            (Difference::Question, format!("{:?}", ours.queries) != format!("{:?}", theirs.queries)),
            (Difference::Answer, answer(ours) != answer(theirs)),
            (Difference::Life, lives),
            (Difference::Denial, soa(ours) != soa(theirs)),
            (Difference::Edns, edns(ours) != edns(theirs)),
        ];
        all.into_iter().filter(|(_, differs)| *differs).map(|(difference, _)| difference).collect()
    }
}

/// A record without its life, with the letters of its names as they are.
fn shown(record: &Record) -> String {
    format!("{} {} {:?}", record.name, record.record_type(), record.data)
}
