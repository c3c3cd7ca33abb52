//! The twelve bytes that every message begins with (RFC 1035 section 4.1.1).

/// Bytes of it.
pub(crate) const HEADER: usize = 12;

/// The header of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Links an answer to its question.
    pub(crate) id: u16,
    /// QR, OPCODE, AA, TC, RD, RA, Z, AD, CD, RCODE.
    pub(crate) flags: u16,
    /// QDCOUNT, ANCOUNT, NSCOUNT, ARCOUNT.
    pub(crate) counts: [u16; 4],
}

impl Header {
    /// `None` when the message is too short for one.
    pub(crate) fn read(message: &[u8]) -> Option<Self> {
        let [i0, i1, f0, f1, q0, q1, a0, a1, n0, n1, r0, r1] = *message.first_chunk::<HEADER>()?;
        Some(Self {
            id: u16::from_be_bytes([i0, i1]),
            flags: u16::from_be_bytes([f0, f1]),
            counts: [[q0, q1], [a0, a1], [n0, n1], [r0, r1]].map(u16::from_be_bytes),
        })
    }

    /// Its bytes.
    pub(crate) fn bytes(self) -> [u8; HEADER] {
        let Self { id, flags, counts: [questions, answers, authorities, additionals] } = self;
        let fields = [id, flags, questions, answers, authorities, additionals].map(u16::to_be_bytes);
        let [[i0, i1], [f0, f1], [q0, q1], [a0, a1], [n0, n1], [r0, r1]] = fields;
        [i0, i1, f0, f1, q0, q1, a0, a1, n0, n1, r0, r1]
    }
}

/// It is an answer.
pub(crate) const QR: u16 = 0x8000;
/// Which operation; zero is a query.
pub(crate) const OPCODE: u16 = 0x7800;
/// Who answers is an authority for the name.
pub(crate) const AA: u16 = 0x0400;
/// The answer does not fit.
pub(crate) const TC: u16 = 0x0200;
/// The client wants more than what is at hand.
pub(crate) const RD: u16 = 0x0100;
/// The server asks others.
pub(crate) const RA: u16 = 0x0080;
/// Who answers has checked the signatures (RFC 4035 section 3.2.3).
pub(crate) const AD: u16 = 0x0020;
/// The client checks signatures itself (RFC 4035 section 3.2.2).
pub(crate) const CD: u16 = 0x0010;
/// How it went: the lower four bits of the code.
pub(crate) const RCODE: u16 = 0x000f;

/// How a query went (RFC 1035 section 4.1.1, RFC 6891 section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

impl Code {
    /// There is an answer, which may be that there are no records.
    pub const NOERROR: Self = Self(0);
    /// The query was not understood.
    pub const FORMERR: Self = Self(1);
    /// No answer could be had.
    pub const SERVFAIL: Self = Self(2);
    /// There is no such name.
    pub const NXDOMAIN: Self = Self(3);
    /// Whoever was asked does not do such things.
    pub const NOTIMP: Self = Self(4);
    /// Whoever was asked does not want to.
    pub const REFUSED: Self = Self(5);
    /// A version of EDNS that is not ours.
    pub const BADVERS: Self = Self(16);

    /// Of the flags of a header, and of the upper eight bits that an OPT record has.
    pub(crate) const fn new(flags: u16, extended: u8) -> Self {
        Self((flags & RCODE) | ((extended as u16) << 4))
    }

    /// The part that is in a header.
    pub(crate) const fn in_flags(self) -> u16 {
        self.0 & RCODE
    }

    /// The part that is in an OPT record.
    pub(crate) const fn extended(self) -> u8 {
        self.0.to_be_bytes()[1] >> 4 | self.0.to_be_bytes()[0] << 4
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_twelve_bits_in_two_places() {
        for (flags, extended, number) in
            [(0x8180, 0, 0), (0x8183, 0, 3), (0xfff0, 1, 16), (0, 0x12, 0x120), (0x7, 1, 23), (0xf, 0xff, 4095)]
        {
            let code = Code::new(flags, extended);
            assert_eq!((code.number(), code.in_flags(), code.extended()), (number, flags & 15, extended), "{number}");
        }
    }

    #[test]
    fn a_header_is_twelve_bytes() {
        let bytes = *b"\x01\x02\x83\x84\0\x01\x05\x06\x07\x08\x09\x0a";
        let want = Header { id: 0x0102, flags: 0x8384, counts: [1, 0x0506, 0x0708, 0x090a] };
        assert_eq!(Header::read(&bytes), Some(want));
        assert_eq!(want.bytes(), bytes);
        assert_eq!(Header::read(&bytes[..11]), None);
    }
}
