//! An answer as it is kept, and as it goes out to whoever asks: the bytes of the upstream's message, with where its TTLs are.
//!
//! What comes out is what went in, but for the id, the flags that are ours, the case of the question, the TTLs, and the OPT
//! record, which is between neighbours. Of that record the extended errors (RFC 8914) are kept, and go out again.

use crate::extended_error;
use crate::header::{AA, AD, CD, Code, HEADER, Header, QR, RA, RD, TC};
use crate::name::Name;
use crate::query::{Asked, DO};
use crate::record::{TTL_TO_DATA, kind};

/// What a stale record says of its life (RFC 8767 section 4).
pub(crate) const STALE_TTL: u32 = 30;

/// The longest datagram of a client that does not say how long (RFC 1035 section 4.2.1).
pub(crate) const PLAIN_UDP_SIZE: u16 = 512;

/// How long a datagram of ours may be, for those who ask us and for those whom we ask: one that is in no fragments on any network
/// (DNS flag day 2020).
pub(crate) const UDP_SIZE: u16 = 1232;

/// The longest message: a stream says its length in two bytes.
pub(crate) const MAX_MESSAGE: usize = u16::MAX as usize;

/// Bytes of an OPT record without options.
const OPT: usize = 11;

/// An answer that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The message without its OPT record, its extended errors as options, and the places of the TTLs, two bytes each.
    bytes: Box<[u8]>,
    message: u16,
    ede: u8,
    lifetime: u32,
}

/// How an answer goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// How long it may be.
    pub(crate) limit: usize,
    /// Seconds since it came.
    pub(crate) age: u32,
    /// It has lived its time.
    pub(crate) stale: bool,
    /// Its extended error, in the place of the upstream's.
    pub(crate) ede: Option<u16>,
}

impl Delivery {
    /// A message of ours, now.
    pub(crate) const fn fresh(limit: usize) -> Self {
        Self { limit, age: 0, stale: false, ede: None }
    }
}

impl Stored {
    /// Of a message without an OPT record, whose TTLs are at these places, in order; with its extended errors as options.
    ///
    /// `None` for one that no stream carries.
    pub(crate) fn new(message: &[u8], ttls: &[u16], ede: &[u8], lifetime: u32) -> Option<Self> {
        let length = u16::try_from(message.len()).ok()?;
        let places = ttls.iter().flat_map(|place| place.to_be_bytes());
        let bytes: Box<[u8]> = message.iter().chain(ede).copied().chain(places).collect();
        Some(Self { bytes, message: length, ede: ede_length(ede), lifetime })
    }

    /// Of a message of ours, which is never long.
    pub(crate) fn own(mut message: Vec<u8>, ttls: &[u16], ede: &[u8], lifetime: u32) -> Self {
        let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
        message.extend_from_slice(ede);
        message.extend(ttls.iter().flat_map(|place| place.to_be_bytes()));
        Self { bytes: message.into(), message: length, ede: ede_length(ede), lifetime }
    }

    /// Seconds that it may be given out. Zero: only to those who wait for it.
    #[must_use]
    pub const fn lifetime(&self) -> u32 {
        self.lifetime
    }

    /// Bytes that it takes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// How it went.
    pub(crate) fn code(&self) -> Code {
        Code::new(Header::read(self.message()).map_or(0, |header| header.flags), 0)
    }

    /// The name and the type of its question: the name in lower case.
    pub(crate) fn question(&self, length: usize) -> &[u8] {
        self.message().get(HEADER..).and_then(|rest| rest.get(..length)).unwrap_or_default()
    }

    /// The name of its question, on the wire in lower case.
    pub(crate) fn name(&self) -> &[u8] {
        let end = Name::read_whole(self.message(), HEADER).map_or(HEADER, |(_, end)| end);
        self.question(end.saturating_sub(HEADER))
    }

    pub(crate) fn message(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.message)).unwrap_or_default()
    }

    /// Its extended errors, as options.
    pub(crate) fn ede(&self) -> &[u8] {
        self.bytes
            .get(usize::from(self.message)..)
            .and_then(|rest| rest.get(..usize::from(self.ede)))
            .unwrap_or_default()
    }

    fn ttls(&self) -> impl Iterator<Item = usize> {
        let places =
            self.bytes.get(usize::from(self.message).saturating_add(usize::from(self.ede))..).unwrap_or_default();
        let (pairs, _) = places.as_chunks::<2>();
        pairs.iter().map(|pair| usize::from(u16::from_be_bytes(*pair)))
    }

    /// Writes it for whoever asked, over what is in `to`.
    pub(crate) fn write(&self, asked: &Asked<'_>, delivery: Delivery, to: &mut Vec<u8>) {
        to.clear();
        let Delivery { limit, age, stale, ede } = delivery;
        let own_ede = ede.map(extended_error::option);
        let ede = own_ede.as_ref().map_or_else(|| self.ede(), |option| &option[..]);
        let opt = if asked.edns.is_none() { 0 } else { OPT.saturating_add(ede.len()) };
        let message = self.message();
        let Some(mut header) = Header::read(message) else { return };
        let room = limit.min(MAX_MESSAGE).saturating_sub(opt);
        let kept = if message.len() <= room { message } else { self.cut(&mut header, asked, room) };
        to.reserve(kept.len().saturating_add(opt));
        to.extend_from_slice(kept);
        if let Some(question) = to.get_mut(HEADER..).and_then(|rest| rest.get_mut(..asked.question.len())) {
            question.copy_from_slice(asked.question);
        }
        for place in self.ttls() {
            let Some(ttl) = to.get_mut(place..).and_then(|rest| rest.first_chunk_mut()) else { break };
            let left = if stale { STALE_TTL } else { u32::from_be_bytes(*ttl).saturating_sub(age) };
            *ttl = left.to_be_bytes();
        }
        header.id = asked.id;
        header.flags |= asked.flags & (RD | CD);
        if !asked.wants_ad() {
            header.flags &= !AD;
        }
        if asked.edns.is_some() {
            header.counts[3] = header.counts[3].saturating_add(1);
            write_opt(asked, 0, ede, to);
        }
        if let Some(first) = to.first_chunk_mut() {
            *first = header.bytes();
        }
    }

    /// As many whole records as there is room for. The flag says that some are missing which the answer is made of; additional ones
    /// may be (RFC 2181 section 9).
    #[cold]
    fn cut(&self, header: &mut Header, asked: &Asked<'_>, room: usize) -> &[u8] {
        let message = self.message();
        let mut end = HEADER.saturating_add(asked.question.len());
        let mut records = 0_u16;
        for place in self.ttls() {
            let Some(data) = place.checked_add(TTL_TO_DATA) else { break };
            let length = data.checked_sub(2).and_then(|at| message.get(at..)).and_then(|rest| rest.first_chunk());
            let Some(length) = length.map(|bytes| usize::from(u16::from_be_bytes(*bytes))) else { break };
            match data.checked_add(length) {
                Some(after) if after <= room => end = after,
                Some(_) | None => break,
            }
            records = records.saturating_add(1);
        }
        let [questions, answers, authorities, additionals] = header.counts;
        let kept_answers = records.min(answers);
        let kept_authorities = records.saturating_sub(kept_answers).min(authorities);
        let kept_additionals = records.saturating_sub(kept_answers).saturating_sub(kept_authorities).min(additionals);
        if (kept_answers, kept_authorities) != (answers, authorities) {
            header.flags |= TC;
        }
        header.counts = [questions, kept_answers, kept_authorities, kept_additionals];
        message.get(..end).unwrap_or_default()
    }
}

/// A short answer of our own: a code, the question as it came, nothing else but what EDNS says. Written over what is in `to`.
pub(crate) fn write_error(asked: &Asked<'_>, code: Code, ede: Option<u16>, to: &mut Vec<u8>) {
    to.clear();
    let flags = QR | RA | asked.flags & (OPCODE_AND_WISHES) | code.in_flags();
    let counts = [u16::from(!asked.question.is_empty()), 0, 0, u16::from(asked.edns.is_some())];
    to.extend(Header { id: asked.id, flags, counts }.bytes());
    to.extend_from_slice(asked.question);
    if asked.edns.is_some() {
        let ede = ede.map(extended_error::option);
        write_opt(asked, code.extended(), ede.as_ref().map_or(&[], |option| &option[..]), to);
    }
}

/// What an answer repeats of the flags of a query.
const OPCODE_AND_WISHES: u16 = crate::header::OPCODE | RD | CD;

/// Of what an upstream says of itself, nothing is true of us.
pub(crate) const fn own_flags(code: Code, authentic: bool) -> u16 {
    QR | RA | code.in_flags() | if authentic { AD } else { 0 }
}

/// The same for what is ours to answer: it is authoritative.
pub(crate) const fn local_flags(code: Code) -> u16 {
    QR | AA | RA | code.in_flags()
}

fn write_opt(asked: &Asked<'_>, extended: u8, options: &[u8], to: &mut Vec<u8>) {
    let dnssec_ok = if asked.edns.is_some_and(|edns| edns.dnssec_ok) { DO } else { 0 };
    let [_, _, high, low] = dnssec_ok.to_be_bytes();
    let [k0, k1] = kind::OPT.to_be_bytes();
    let [s0, s1] = UDP_SIZE.to_be_bytes();
    let [l0, l1] = u16::try_from(options.len()).unwrap_or(0).to_be_bytes();
    to.extend([0, k0, k1, s0, s1, extended, 0, high, low, l0, l1]);
    to.extend_from_slice(options);
}

/// They have 224 bytes at most.
fn ede_length(ede: &[u8]) -> u8 {
    u8::try_from(ede.len()).unwrap_or(u8::MAX)
}
