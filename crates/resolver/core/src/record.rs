//! Resource records where they stand in a message (RFC 1035 section 4.1.3), their data checked by its grammar.

use crate::name::Name;

/// Types that are looked at (RFC 1035 section 3.2.2 and what came after).
pub(crate) mod kind {
    pub(crate) const A: u16 = 1;
    pub(crate) const CNAME: u16 = 5;
    pub(crate) const SOA: u16 = 6;
    pub(crate) const PTR: u16 = 12;
    pub(crate) const HINFO: u16 = 13;
    pub(crate) const AAAA: u16 = 28;
    pub(crate) const DNAME: u16 = 39;
    pub(crate) const OPT: u16 = 41;
    pub(crate) const RRSIG: u16 = 46;
    pub(crate) const SVCB: u16 = 64;
    pub(crate) const HTTPS: u16 = 65;
    pub(crate) const IXFR: u16 = 251;
    pub(crate) const AXFR: u16 = 252;
    pub(crate) const ANY: u16 = 255;
}

/// The class of the Internet.
pub(crate) const CLASS_IN: u16 = 1;

/// From the type of a record to its data: type, class, TTL and length.
const FIXED: usize = 10;

/// From a TTL to the data behind it: the TTL and the length.
pub(crate) const TTL_TO_DATA: usize = 6;

/// A record that has been read: its owner is a name, its data is what its type says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'m> {
    pub(crate) owner: Name<'m>,
    pub(crate) kind: u16,
    pub(crate) class: u16,
    /// As it came.
    pub(crate) ttl: u32,
    /// Where the record, its TTL, and its data begin.
    pub(crate) start: usize,
    pub(crate) ttl_at: usize,
    data_at: usize,
    /// The message up to the end of this record.
    message: &'m [u8],
}

impl<'m> Record<'m> {
    /// Reads the record at `start`. `None` when it is none: it ends too early, or its data is not what its type says.
    pub(crate) fn read(message: &'m [u8], start: usize) -> Option<Self> {
        let (owner, fixed) = Name::read(message, start)?;
        let [k0, k1, c0, c1, t0, t1, t2, t3, l0, l1] = *message.get(fixed..)?.first_chunk::<FIXED>()?;
        let data_at = fixed.checked_add(FIXED)?;
        let end = data_at.checked_add(usize::from(u16::from_be_bytes([l0, l1])))?;
        let record = Self {
            owner,
            kind: u16::from_be_bytes([k0, k1]),
            class: u16::from_be_bytes([c0, c1]),
            ttl: u32::from_be_bytes([t0, t1, t2, t3]),
            start,
            ttl_at: fixed.checked_add(4)?,
            data_at,
            message: message.get(..end)?,
        };
        (record.read_data(|_| {})? == end).then_some(record)
    }

    /// Where what follows begins.
    pub(crate) const fn end(&self) -> usize {
        self.message.len()
    }

    pub(crate) fn data(&self) -> &'m [u8] {
        self.message.get(self.data_at..).unwrap_or_default()
    }

    /// The name that the data begins with: of an alias its target.
    pub(crate) fn target(&self) -> Option<Name<'m>> {
        Some(Name::read(self.message, self.data_at)?.0)
    }

    /// Whether a name in it goes through one of these TTLs, which are in order.
    pub(crate) fn goes_through(&self, ttls: &[usize]) -> bool {
        let mut goes = self.owner.goes_through(ttls);
        let _ = self.read_data(|piece| {
            if let Piece::Name(name) = piece {
                goes |= name.goes_through(ttls);
            }
        });
        goes
    }

    /// What stands behind the name in the data, which begins after so many bytes.
    pub(crate) fn behind_name(&self, offset: usize) -> Option<&'m [u8]> {
        let (_, end) = Name::read(self.message, self.data_at.checked_add(offset)?)?;
        self.message.get(end..)
    }

    /// Writes it without pointers, but for an owner that is the name of the question, which stands behind the header.
    pub(crate) fn write(&self, asked: Name<'_>, to: &mut Vec<u8>) {
        if self.owner == asked && self.owner.length() > 1 {
            to.extend(QUESTION_NAME);
        } else {
            self.owner.write(to);
        }
        to.extend(self.kind.to_be_bytes());
        to.extend(self.class.to_be_bytes());
        to.extend(self.ttl.to_be_bytes());
        let length_at = to.len();
        to.extend([0, 0]);
        let _ = self.read_data(|piece| match piece {
            Piece::Name(name) => name.write(to),
            Piece::Bytes(bytes) => to.extend_from_slice(bytes),
        });
        // Data that pointers had made short may not fit any more: such a record has a length that nobody accepts.
        let length = to.len().saturating_sub(length_at).saturating_sub(2);
        if let Some(field) = to.get_mut(length_at..).and_then(|rest| rest.first_chunk_mut()) {
            *field = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        }
    }

    /// Goes through the data by its grammar, and says where it ends.
    fn read_data(&self, mut piece: impl FnMut(Piece<'m>)) -> Option<usize> {
        let mut at = self.data_at;
        for part in if self.class == CLASS_IN { grammar(self.kind) } else { &[Part::Rest] } {
            let rest = self.message.get(at..)?;
            let length = match part {
                Part::Name => {
                    let (name, end) = Name::read(self.message, at)?;
                    piece(Piece::Name(name));
                    at = end;
                    continue;
                }
                Part::Fixed(length) => *length,
                Part::Text => usize::from(*rest.first()?).checked_add(1)?,
                Part::Texts => texts(rest)?,
                Part::Types => types(rest)?,
                Part::Rest => rest.len(),
            };
            piece(Piece::Bytes(rest.get(..length)?));
            at = at.checked_add(length)?;
        }
        Some(at)
    }
}

/// A pointer to the name of the question.
pub(crate) const QUESTION_NAME: [u8; 2] = [0xc0, 12];

enum Piece<'m> {
    Name(Name<'m>),
    Bytes(&'m [u8]),
}

/// What data is made of.
enum Part {
    /// A name, which may be compressed: older programs do it in types whose RFC forbids it.
    Name,
    /// So many bytes.
    Fixed(usize),
    /// A character string: a length and so many bytes.
    Text,
    /// Character strings up to the end.
    Texts,
    /// The types that a name has (RFC 4034 section 4.1.2).
    Types,
    /// Whatever is left.
    Rest,
}

/// The data of a type. What is not listed is passed on as it is (RFC 3597).
const fn grammar(kind: u16) -> &'static [Part] {
    match kind {
        kind::A => &[Part::Fixed(4)],
        kind::AAAA => &[Part::Fixed(16)],
        // NS, MD, MF, CNAME, MB, MG, MR, PTR, DNAME.
        2..=5 | 7..=9 | kind::PTR | kind::DNAME => &[Part::Name],
        kind::SOA => &[Part::Name, Part::Name, Part::Fixed(20)],
        kind::HINFO => &[Part::Text, Part::Text],
        // MINFO, RP.
        14 | 17 => &[Part::Name, Part::Name],
        // MX, AFSDB, RT, KX.
        15 | 18 | 21 | 36 => &[Part::Fixed(2), Part::Name],
        // TXT, SPF.
        16 | 99 => &[Part::Texts],
        // PX.
        26 => &[Part::Fixed(2), Part::Name, Part::Name],
        // SRV.
        33 => &[Part::Fixed(6), Part::Name],
        // NAPTR.
        35 => &[Part::Fixed(4), Part::Text, Part::Text, Part::Text, Part::Name],
        // DS, DNSKEY.
        43 | 48 => &[Part::Fixed(4), Part::Rest],
        kind::RRSIG => &[Part::Fixed(18), Part::Name, Part::Rest],
        // NSEC.
        47 => &[Part::Name, Part::Types],
        // NSEC3: its salt and the hash of the next name are written as character strings are.
        50 => &[Part::Fixed(4), Part::Text, Part::Text, Part::Types],
        // SVCB, HTTPS (RFC 9460 section 2.2).
        kind::SVCB | kind::HTTPS => &[Part::Fixed(2), Part::Name, Part::Rest],
        _ => &[Part::Rest],
    }
}

fn texts(mut rest: &[u8]) -> Option<usize> {
    let all = rest.len();
    while let Some((length, after)) = rest.split_first() {
        rest = after.get(usize::from(*length)..)?;
    }
    Some(all)
}

/// Windows in rising order, each with 1 to 32 bytes (CVE-2017-15908, CVE-2026-4890).
fn types(mut rest: &[u8]) -> Option<usize> {
    let (all, mut next) = (rest.len(), 0_u16);
    while let Some(([window, length], after)) = rest.split_first_chunk() {
        if u16::from(*window) < next || !(1..=32).contains(length) {
            return None;
        }
        next = u16::from(*window).saturating_add(1);
        rest = after.get(usize::from(*length)..)?;
    }
    rest.is_empty().then_some(all)
}

#[cfg(test)]
mod tests;
