//! What is asked, as bytes (RFC 1035 section 4).

use orlop_lookup_contract::Transport;
use orlop_wire::DomainName;

/// Which addresses are asked for: the type of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// IPv4 (RFC 1035 section 3.4.1).
    A,
    /// IPv6 (RFC 3596).
    Aaaa,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::A, Self::Aaaa];

    /// Its number in a message.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Aaaa => 28,
        }
    }
}

/// One question.
#[derive(Debug, Clone, Copy)]
pub struct Question<'n> {
    /// Links the answer to it.
    pub id: u16,
    /// The name.
    pub name: &'n DomainName,
    /// Which addresses of it.
    pub kind: Kind,
}

impl Question<'_> {
    /// The message, as it goes out. With `edns` it says that long datagrams may come back: there are servers and middle boxes
    /// that do not answer then.
    #[must_use]
    pub fn encode(&self, transport: Transport, edns: bool) -> Vec<u8> {
        let name = self.name.as_str();
        // Where the dots are, there are lengths: one byte more at the start and one at the end.
        let mut message = Vec::with_capacity(name.len().saturating_add(64));
        message.extend(self.id.to_be_bytes());
        message.extend(RECURSION_DESIRED.to_be_bytes());
        let counts = [1_u16, 0, 0, u16::from(edns)];
        message.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
        for label in name.split('.') {
            // A label of a DomainName has 63 bytes at most.
            message.push(u8::try_from(label.len()).unwrap_or(0));
            message.extend(label.as_bytes());
        }
        message.push(0);
        message.extend(self.kind.number().to_be_bytes());
        message.extend(CLASS_IN.to_be_bytes());
        if edns {
            // OPT (RFC 6891 section 6.1.2): the root as owner, our size as class, no extended flags, no options.
            message.extend([0, 0, 41]);
            message.extend(UDP_SIZE.to_be_bytes());
            message.extend([0; 6]);
        }
        match transport {
            Transport::Udp => message,
            // RFC 1035 section 4.2.2. A question is 300 bytes long at most.
            Transport::Tcp => [&u16::try_from(message.len()).unwrap_or(0).to_be_bytes()[..], &message].concat(),
        }
    }
}

/// The class of the Internet.
pub(crate) const CLASS_IN: u16 = 1;
/// The flag RD and nothing else: a stub does not ask its way through.
const RECURSION_DESIRED: u16 = 0x0100;
/// The longest answer we ask for by UDP: one that is in no fragments on any network (DNS flag day 2020).
const UDP_SIZE: u16 = 1232;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_these_bytes() {
        let name = DomainName::new("a.example").unwrap();
        let question = |kind| Question { id: 0x1234, name: &name, kind };
        let header = |more: u8| [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, more];
        let asked = b"\x01a\x07example\0\0\x01\0\x01";
        assert_eq!(question(Kind::A).encode(Transport::Udp, false), [&header(0)[..], asked].concat());
        let opt = [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0];
        assert_eq!(question(Kind::A).encode(Transport::Udp, true), [&header(1)[..], asked, &opt].concat());
        let asked = b"\x01a\x07example\0\0\x1c\0\x01";
        assert_eq!(question(Kind::Aaaa).encode(Transport::Tcp, false), [&[0, 27][..], &header(0), asked].concat());
    }
}
