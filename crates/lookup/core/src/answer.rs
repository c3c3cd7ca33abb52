//! What a name server answers, from its bytes.

use hickory_proto::rr::Name;
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use orlop_lookup_contract::{Counters, Discard, Lifetime, MAX_ADDRESSES, Transport};
use orlop_wire::{Bounded, DomainName, HostAddr};

use crate::question::{CLASS_IN, Kind};
use crate::stream::MAX_MESSAGE;

/// The longest datagram that is looked at. We ask for shorter ones; some servers know better.
pub const MAX_DATAGRAM: usize = 4096;

/// Records in the answer section, at most: a chain of aliases, all addresses of a large pool, and their signatures.
const MAX_RECORDS: u16 = 256;

/// Aliases that are followed. RFC 1034 section 3.6.2 wants loops noticed and gives no number; unbound follows 11.
const MAX_ALIASES: usize = 16;

/// The start of a message that is an answer (RFC 1035 section 4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// That of the question.
    pub id: u16,
    truncated: bool,
    code: u8,
    questions: u16,
    answers: u16,
}

/// What the answer to one question says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The addresses, in the server's order without doubles; one at least.
    Addresses(Bounded<HostAddr, MAX_ADDRESSES>, Lifetime),
    /// The name has none of this kind.
    NoAddress,
    /// There is no such name.
    NoSuchName,
    /// It did not fit into a datagram.
    Truncated,
    /// The server cannot or will not answer: another one may.
    Failure,
}

impl Header {
    /// Bytes of it.
    const SIZE: usize = 12;

    /// Reads it, the cheapest checks first.
    ///
    /// # Errors
    /// Why the message is no answer.
    pub fn parse(message: &[u8], transport: Transport) -> Result<Self, Discard> {
        let most = match transport {
            Transport::Udp => MAX_DATAGRAM,
            Transport::Tcp => MAX_MESSAGE,
        };
        if message.len() > most {
            return Err(Discard::TooLarge);
        }
        let header: &[u8; Self::SIZE] = message.first_chunk().ok_or(Discard::Malformed)?;
        let [id0, id1, flags, code, q0, q1, a0, a1, ..] = *header;
        // QR, and an OPCODE of 0.
        if flags & 0xf8 != 0x80 {
            return Err(Discard::NotAnAnswer);
        }
        Ok(Self {
            id: u16::from_be_bytes([id0, id1]),
            truncated: flags & 0x02 != 0,
            code: code & 0x0f,
            questions: u16::from_be_bytes([q0, q1]),
            answers: u16::from_be_bytes([a0, a1]),
        })
    }
}

impl Reply {
    /// Reads the rest of `message`, which is the answer to the question of this name and kind. What it has beyond its answer
    /// section is not looked at.
    ///
    /// # Errors
    /// Why it is none. The true one may still come.
    pub fn parse(
        message: &[u8],
        header: &Header,
        name: &DomainName,
        kind: Kind,
        counters: &mut Counters,
    ) -> Result<Self, Discard> {
        let Header { id: _, truncated, code, questions, answers } = *header;
        let failed = !matches!(code, NOERROR | NXDOMAIN);
        // Who did not understand us may not repeat the question (RFC 1035 section 4.1.1, FORMERR).
        if questions == 0 && failed {
            return Ok(Self::Failure);
        }
        let mut decoder = BinDecoder::new(message);
        decoder.read_slice(Header::SIZE).map_err(|_| Discard::Malformed)?;
        if questions != 1 {
            return Err(Discard::WrongQuestion);
        }
        let asked = Asked::read(&mut decoder)?;
        if !asked.is(name, kind) {
            return Err(Discard::WrongQuestion);
        }
        if failed {
            return Ok(Self::Failure);
        }
        if truncated {
            return Ok(Self::Truncated);
        }
        if answers > MAX_RECORDS {
            return Err(Discard::TooLarge);
        }
        let records = (0..answers).map(|_| read_record(&mut decoder, message)).collect::<Result<Vec<_>, _>>()?;
        if code == NXDOMAIN {
            return Ok(Self::NoSuchName);
        }
        let (owner, mut lifetime) = follow(&records, asked.name)?;
        let mut addresses = Bounded::<HostAddr, MAX_ADDRESSES>::new();
        for record in records.iter().filter(|record| record.owner == owner) {
            match record.data {
                Data::Address(of, Some(addr)) if of == kind => {
                    lifetime = lifetime.min(record.lifetime);
                    if !addresses.contains(&addr) && addresses.push(addr).is_err() {
                        counters.count(Discard::Excess);
                    }
                }
                Data::Address(of, None) if of == kind => counters.count(Discard::NotAHost),
                Data::Address(..) | Data::Alias(_) | Data::Other => {}
            }
        }
        Ok(if addresses.is_empty() { Self::NoAddress } else { Self::Addresses(addresses, lifetime) })
    }
}

/// The name at the end of the chain of aliases, and how long the chain is good. The order of records says nothing: servers
/// were seen to put addresses before the alias that leads to them.
fn follow(records: &[Record], asked: Name) -> Result<(Name, Lifetime), Discard> {
    let (mut owner, mut lifetime) = (asked, Lifetime::MAX);
    for _ in 0..=MAX_ALIASES {
        let alias = records.iter().find_map(|record| match &record.data {
            Data::Alias(target) if record.owner == owner => Some((target, record.lifetime)),
            Data::Alias(_) | Data::Address(..) | Data::Other => None,
        });
        let Some((target, alias)) = alias else { return Ok((owner, lifetime)) };
        owner = target.clone();
        lifetime = lifetime.min(alias);
    }
    Err(Discard::AliasLoop)
}

/// The question that the server says it answers.
struct Asked {
    name: Name,
    kind: u16,
    class: u16,
}

impl Asked {
    fn read(decoder: &mut BinDecoder<'_>) -> Result<Self, Discard> {
        Ok(Self { name: read_name(decoder)?, kind: read_u16(decoder)?, class: read_u16(decoder)? })
    }

    /// Case apart, which some servers change.
    fn is(&self, name: &DomainName, kind: Kind) -> bool {
        let ours = name.as_str().split('.').map(str::as_bytes);
        let same = self.name.iter().zip(ours.clone()).all(|(theirs, ours)| theirs.eq_ignore_ascii_case(ours));
        same && self.name.iter().len() == ours.count() && (self.kind, self.class) == (kind.number(), CLASS_IN)
    }
}

struct Record {
    owner: Name,
    lifetime: Lifetime,
    data: Data,
}

enum Data {
    /// `None` for one that no host can have.
    Address(Kind, Option<HostAddr>),
    /// CNAME.
    Alias(Name),
    /// Signatures, DNAME (whose CNAME comes with it) and whatever else: passed over.
    Other,
}

fn read_record(decoder: &mut BinDecoder<'_>, message: &[u8]) -> Result<Record, Discard> {
    let owner = read_name(decoder)?;
    let (kind, class) = (read_u16(decoder)?, read_u16(decoder)?);
    let ttl = decoder.read_u32().map_err(|_| Discard::Malformed)?.unverified();
    let length = usize::from(read_u16(decoder)?);
    let start = decoder.index();
    let data = decoder.read_slice(length).map_err(|_| Discard::Malformed)?.unverified();
    let data = match (class, kind) {
        (CLASS_IN, 1) => Data::Address(Kind::A, HostAddr::new(octets::<4>(data)?.into())),
        (CLASS_IN, 28) => Data::Address(Kind::Aaaa, HostAddr::new(octets::<16>(data)?.into())),
        (CLASS_IN, 5) => Data::Alias(read_name_within(message, start, decoder.index())?),
        (_, _) => Data::Other,
    };
    Ok(Record { owner, lifetime: Lifetime::of_ttl(ttl), data })
}

/// A name that fills the bytes from `start` to `end` exactly, but for what it points back to.
fn read_name_within(message: &[u8], start: usize, end: usize) -> Result<Name, Discard> {
    let up_to_end = message.get(..end).ok_or(Discard::Malformed)?;
    let mut decoder = BinDecoder::new(up_to_end);
    decoder.read_slice(start).map_err(|_| Discard::Malformed)?;
    let name = read_name(&mut decoder)?;
    if decoder.is_empty() { Ok(name) } else { Err(Discard::Malformed) }
}

fn read_name(decoder: &mut BinDecoder<'_>) -> Result<Name, Discard> {
    Name::read(decoder).map_err(|_| Discard::Malformed)
}

fn read_u16(decoder: &mut BinDecoder<'_>) -> Result<u16, Discard> {
    Ok(decoder.read_u16().map_err(|_| Discard::Malformed)?.unverified())
}

fn octets<const N: usize>(data: &[u8]) -> Result<[u8; N], Discard> {
    data.try_into().map_err(|_| Discard::Malformed)
}

/// RFC 1035 section 4.1.1.
const NOERROR: u8 = 0;
/// There is no such name.
const NXDOMAIN: u8 = 3;
