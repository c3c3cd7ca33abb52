//! What a client sends: read once, strictly, without an allocation.
//!
//! A message that is a query has one question of class IN, nothing in its answer and authority sections, and at most one OPT
//! record, whose options are looked through and left: they are between neighbours, and none of them goes on (RFC 6891 section
//! 6.1.1; client subnet, RFC 7871 section 7.1.2: neither passed on nor cached).

use orlop_wire::DomainName;

use crate::header::{AD, CD, Code, HEADER, Header, OPCODE, QR, RD};
use crate::name::{MAX_NAME, Name};
use crate::record::{CLASS_IN, Record, kind};

/// A message that can be answered with records.
#[derive(Debug, Clone, Copy)]
pub struct Query<'m> {
    /// What the answer repeats of it.
    pub asked: Asked<'m>,
    /// The type of the records.
    pub kind: u16,
}

/// What an answer repeats of a client's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'m> {
    /// Links the answer to it.
    pub id: u16,
    pub(crate) flags: u16,
    /// Name, type and class as they came; empty when they could not be read.
    pub question: &'m [u8],
    /// What its OPT record says, if it has one.
    pub edns: Option<Edns>,
}

/// An OPT record (RFC 6891 section 6.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns {
    /// How long a datagram the sender takes.
    pub udp_size: u16,
    /// It wants the records of DNSSEC (RFC 3225).
    pub dnssec_ok: bool,
}

/// What a message is looked up by: its name without case, its type, and the bits DO and CD, which change the answer.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    bytes: [u8; Self::MAX],
    length: u16,
}

/// Why a message is not a query that can be answered with records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused<'m> {
    /// It is an answer, or too short for a header. To say anything could go on for ever between two servers (RUSTSEC-2023-0041).
    Silently,
    /// The client hears why.
    With(Asked<'m>, Code),
}

/// Records behind the question that are read, at most: OPT and a signature of the transaction.
const MAX_ADDITIONALS: u16 = 4;

impl<'m> Query<'m> {
    /// Reads a client's message.
    ///
    /// # Errors
    /// Why it is none that can be answered with records.
    pub fn read(message: &'m [u8]) -> Result<Self, Refused<'m>> {
        let Some(header) = Header::read(message).filter(|header| header.flags & QR == 0) else {
            return Err(Refused::Silently);
        };
        let Header { id, flags, counts: [questions, answers, authorities, additionals] } = header;
        let mut asked = Asked { id, flags, question: &[], edns: None };
        let refused = |asked, code| Err(Refused::With(asked, code));
        // Whoever sends another operation, a notification or an update, hears that there is no such thing (RFC 8906 section 3.1.4).
        if flags & OPCODE != 0 {
            return refused(asked, Code::NOTIMP);
        }
        let Some((_, fields)) = Name::read_whole(message, HEADER).filter(|_| questions == 1) else {
            return refused(asked, Code::FORMERR);
        };
        let Some([k0, k1, c0, c1]) = message.get(fields..).and_then(|rest| rest.first_chunk::<4>()).copied() else {
            return refused(asked, Code::FORMERR);
        };
        let end = fields.saturating_add(4);
        asked.question = message.get(HEADER..end).unwrap_or_default();
        let (kind, class) = (u16::from_be_bytes([k0, k1]), u16::from_be_bytes([c0, c1]));
        // Before the sections are looked at: an IXFR has a record in one.
        if matches!(kind, kind::AXFR | kind::IXFR) {
            return refused(asked, Code::REFUSED);
        }
        if answers != 0 || authorities != 0 || additionals > MAX_ADDITIONALS {
            return refused(asked, Code::FORMERR);
        }
        match read_edns(message, end, additionals) {
            Ok(edns) => asked.edns = edns,
            Err((edns, code)) => return refused(Asked { edns, ..asked }, code),
        }
        if flags & RD == 0 {
            return refused(asked, Code::REFUSED);
        }
        match kind {
            // Not types of records, or not of any that a name has (RFC 6895 section 3.1).
            0 | kind::OPT => return refused(asked, Code::FORMERR),
            // The other types that are none: TKEY, TSIG, mailboxes.
            128..=254 => return refused(asked, Code::NOTIMP),
            _ if class != CLASS_IN => return refused(asked, Code::REFUSED),
            _ => {}
        }
        Ok(Self { asked, kind })
    }

    /// What it is looked up by.
    #[must_use]
    pub fn key(&self) -> Key {
        let dnssec_ok = self.asked.edns.is_some_and(|edns| edns.dnssec_ok);
        Key::new(self.asked.name(), self.kind, dnssec_ok, self.asked.flags & CD != 0)
    }
}

/// The OPT record among so many records at `at`, which are the rest of the message.
type ReadEdns = Result<Option<Edns>, (Option<Edns>, Code)>;

fn read_edns(message: &[u8], mut at: usize, records: u16) -> ReadEdns {
    let mut edns = None;
    let mut version = 0;
    for _ in 0..records {
        let Some(record) = Record::read(message, at) else { return Err((edns, Code::FORMERR)) };
        at = record.end();
        if record.kind != kind::OPT {
            continue;
        }
        if edns.is_some() || record.owner.length() != 1 || Options(record.data()).any(|option| option.is_none()) {
            return Err((edns, Code::FORMERR));
        }
        edns = Some(Edns::of(&record));
        version = record.ttl.to_be_bytes()[1];
    }
    if at != message.len() {
        return Err((edns, Code::FORMERR));
    }
    if version == 0 { Ok(edns) } else { Err((edns, Code::BADVERS)) }
}

impl Edns {
    pub(crate) fn of(record: &Record<'_>) -> Self {
        Self { udp_size: record.class, dnssec_ok: record.ttl & DO != 0 }
    }
}

/// Of the flags that an OPT record has in place of a TTL (RFC 6891 section 6.1.3).
pub(crate) const DO: u32 = 0x8000;

/// The options of an OPT record: number and data, or `None` where one is cut off, which is the last.
pub(crate) struct Options<'m>(pub(crate) &'m [u8]);

impl<'m> Iterator for Options<'m> {
    type Item = Option<(u16, &'m [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let rest = core::mem::take(&mut self.0);
        let option = rest.split_first_chunk().and_then(|([c0, c1, l0, l1], rest)| {
            let (data, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*l0, *l1])))?;
            self.0 = rest;
            Some((u16::from_be_bytes([*c0, *c1]), data))
        });
        Some(option)
    }
}

impl<'m> Asked<'m> {
    /// The name of its question, on the wire.
    pub(crate) fn name(&self) -> &'m [u8] {
        self.question.split_last_chunk::<4>().map_or(&[], |(name, _)| name)
    }

    /// Whether the client wants only what is at hand: everything here is somebody else's.
    pub(crate) const fn wants_no_recursion(&self) -> bool {
        self.flags & RD == 0
    }

    /// Whether the client understands AD: it has set it, or DO (RFC 6840 section 5.7).
    pub(crate) fn wants_ad(&self) -> bool {
        self.flags & AD != 0 || self.edns.is_some_and(|edns| edns.dnssec_ok)
    }
}

impl Key {
    /// The name, the type, and a byte for the bits.
    const MAX: usize = MAX_NAME + 3;

    /// Of a name in one piece.
    pub(crate) fn new(name: &[u8], kind: u16, dnssec_ok: bool, checking_disabled: bool) -> Self {
        let mut bytes = [0; Self::MAX];
        let name = name.get(..MAX_NAME).unwrap_or(name);
        let (folded, rest) = bytes.split_at_mut(name.len());
        folded.copy_from_slice(name);
        // No length of a label is a letter.
        folded.make_ascii_lowercase();
        let [high, low] = kind.to_be_bytes();
        if let Some(rest) = rest.first_chunk_mut() {
            *rest = [high, low, u8::from(dnssec_ok) | u8::from(checking_disabled) << 1];
        }
        let length = u16::try_from(name.len().saturating_add(3)).unwrap_or(0);
        Self { bytes, length }
    }

    /// All of it: a hash of these bytes finds it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// The name on the wire, in lower case.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.parts().0
    }

    /// Name, type and class, as a message has them.
    pub(crate) fn question(&self) -> Vec<u8> {
        [self.name(), &self.kind().to_be_bytes(), &CLASS_IN.to_be_bytes()].concat()
    }

    /// The labels of the name, in lower case, without the root's.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.name();
        core::iter::from_fn(move || {
            let (length, after) = rest.split_first().filter(|(length, _)| **length != 0)?;
            let (label, after) = after.split_at_checked(usize::from(*length))?;
            rest = after;
            Some(label)
        })
    }

    pub(crate) fn kind(&self) -> u16 {
        u16::from_be_bytes([self.parts().1[0], self.parts().1[1]])
    }

    pub(crate) fn dnssec_ok(&self) -> bool {
        self.parts().1[2] & 1 != 0
    }

    pub(crate) fn checking_disabled(&self) -> bool {
        self.parts().1[2] & 2 != 0
    }

    fn parts(&self) -> (&[u8], [u8; 3]) {
        self.bytes().split_last_chunk().map_or((&[], [0; 3]), |(name, rest)| (name, *rest))
    }
}

/// A name on the wire, in lower case.
pub(crate) fn wire(name: &DomainName) -> Vec<u8> {
    // A label of a DomainName has 63 bytes at most.
    let labels = name.as_str().split('.').flat_map(|label| {
        core::iter::once(u8::try_from(label.len()).unwrap_or(0))
            .chain(label.bytes().map(|byte| byte.to_ascii_lowercase()))
    });
    labels.chain([0]).collect()
}
