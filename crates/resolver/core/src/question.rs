//! What an upstream is asked, as bytes.

use orlop_machine::Chance;

use crate::header::{AD, CD, HEADER, Header, RD};
use crate::query::{DO, Key};
use crate::record::{CLASS_IN, kind};
use crate::reply::Expected;
use crate::stored::UDP_SIZE;

/// A question that went out, or goes: what makes its answer known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    id: u16,
    /// Name, type and class: the name in a case that nobody else knows (draft-vixie-dnsext-dns0x20).
    bytes: Box<[u8]>,
    /// Whether it has an OPT record.
    pub(crate) edns: bool,
}

impl Question {
    /// With a number and a case of its own.
    pub(crate) fn new(key: &Key, edns: bool, chance: &mut Chance) -> Self {
        let [i0, i1, ..] = chance.number().to_be_bytes();
        let (mut bits, mut left) = (0_u32, 0_u32);
        let cased = key.name().iter().map(|byte| {
            if left == 0 {
                (bits, left) = (chance.number(), u32::BITS);
            }
            let upper = bits & 1 != 0 && byte.is_ascii_alphabetic();
            if byte.is_ascii_alphabetic() {
                (bits, left) = (bits >> 1, left.saturating_sub(1));
            }
            if upper { byte.to_ascii_uppercase() } else { *byte }
        });
        let [k0, k1] = key.kind().to_be_bytes();
        let [c0, c1] = CLASS_IN.to_be_bytes();
        let bytes = cased.chain([k0, k1, c0, c1]).collect();
        Self { id: u16::from_be_bytes([i0, i1]), bytes, edns }
    }

    /// What its answer must repeat.
    pub(crate) fn expected(&self) -> Expected<'_> {
        Expected { id: self.id, question: &self.bytes }
    }

    /// The message. `wants_ad`: the upstream is believed when it says that signatures are good, and so is asked to say it.
    pub(crate) fn message(&self, key: &Key, wants_ad: bool) -> Vec<u8> {
        let wishes = if key.checking_disabled() { CD } else { 0 } | if wants_ad { AD } else { 0 };
        let header = Header { id: self.id, flags: RD | wishes, counts: [1, 0, 0, u16::from(self.edns)] };
        let mut message = Vec::with_capacity(HEADER.saturating_add(self.bytes.len()).saturating_add(11));
        message.extend(header.bytes());
        message.extend_from_slice(&self.bytes);
        if self.edns {
            let [k0, k1] = kind::OPT.to_be_bytes();
            let [s0, s1] = UDP_SIZE.to_be_bytes();
            let [_, _, d0, d1] = if key.dnssec_ok() { DO } else { 0 }.to_be_bytes();
            message.extend([0, k0, k1, s0, s1, 0, 0, d0, d1, 0, 0]);
        }
        message
    }
}
