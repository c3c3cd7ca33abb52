//! DHCP messages for tests: encoding that can be wrong on purpose, decoding that forgives (RFC 2131, 2132).
//!
//! Not the daemon's parser: tests must be able to see what the daemon would refuse.

use std::fmt;
use std::net::Ipv4Addr;

/// RFC 2131 section 3: the four bytes before the options.
pub const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Where the options start: the fixed part and the cookie.
const OPTIONS_AT: usize = 240;
/// Size of a BOOTP message; shorter ones are dropped by old relays (RFC 1542 section 2.1).
const MIN_MESSAGE: usize = 300;

/// Options by number, as far as tests name them (RFC 2132, 3397, 3442, 4039).
pub mod code {
    #![allow(missing_docs, reason = "the names are those of the RFCs")]
    pub const SUBNET_MASK: u8 = 1;
    pub const ROUTER: u8 = 3;
    pub const DNS: u8 = 6;
    pub const HOST_NAME: u8 = 12;
    pub const DOMAIN_NAME: u8 = 15;
    pub const MTU: u8 = 26;
    pub const BROADCAST: u8 = 28;
    pub const NTP: u8 = 42;
    pub const REQUESTED_ADDRESS: u8 = 50;
    pub const LEASE_TIME: u8 = 51;
    pub const OVERLOAD: u8 = 52;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const SERVER_ID: u8 = 54;
    pub const PARAMETERS: u8 = 55;
    pub const MESSAGE: u8 = 56;
    pub const T1: u8 = 58;
    pub const T2: u8 = 59;
    pub const CLIENT_ID: u8 = 61;
    pub const RAPID_COMMIT: u8 = 80;
    pub const DOMAIN_SEARCH: u8 = 119;
    pub const CLASSLESS_ROUTES: u8 = 121;
}

/// DHCP message type, option 53 (RFC 2132 section 9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Client looks for servers.
    Discover = 1,
    /// Server offers a lease.
    Offer,
    /// Client asks for a lease.
    Request,
    /// Client found the address in use.
    Decline,
    /// Server grants.
    Ack,
    /// Server refuses.
    Nak,
    /// Client gives the lease back.
    Release,
    /// Client asks for options only.
    Inform,
}

/// Options in wire order: number and value.
pub type Options = Vec<(u8, Vec<u8>)>;

/// A DHCP message, field by field (RFC 2131 section 2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of RFC 2131 figure 1")]
pub struct Message {
    pub op: u8,
    pub htype: u8,
    pub hlen: u8,
    pub xid: u32,
    pub secs: u16,
    pub flags: u16,
    pub ciaddr: Ipv4Addr,
    pub yiaddr: Ipv4Addr,
    pub siaddr: Ipv4Addr,
    pub giaddr: Ipv4Addr,
    pub chaddr: [u8; 16],
    pub cookie: [u8; 4],
    /// Contents of the `sname` field: at most 64 bytes, zero-padded.
    pub sname: Vec<u8>,
    /// Contents of the `file` field: at most 128 bytes, zero-padded.
    pub file: Vec<u8>,
    /// Options in wire order, of `options` and then of an overloaded `file` and `sname`.
    pub options: Options,
}

impl Kind {
    const ALL: [Self; 8] =
        [Self::Discover, Self::Offer, Self::Request, Self::Decline, Self::Ack, Self::Nak, Self::Release, Self::Inform];

    /// From the value of option 53.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == code)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Discover => "DISCOVER",
            Self::Offer => "OFFER",
            Self::Request => "REQUEST",
            Self::Decline => "DECLINE",
            Self::Ack => "ACK",
            Self::Nak => "NAK",
            Self::Release => "RELEASE",
            Self::Inform => "INFORM",
        };
        f.pad(name)
    }
}

impl Message {
    /// A server's answer to `request`: same transaction, same client, no options yet.
    #[must_use]
    pub fn reply_to(request: &Self) -> Self {
        Self {
            op: 2,
            secs: 0,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            siaddr: Ipv4Addr::UNSPECIFIED,
            cookie: COOKIE,
            sname: Vec::new(),
            file: Vec::new(),
            options: Vec::new(),
            ..*request
        }
    }

    /// A client's message, for tests of the testbed itself.
    #[must_use]
    pub fn request(kind: Kind, xid: u32, mac: [u8; 6]) -> Self {
        let mut chaddr = [0; 16];
        chaddr[..6].copy_from_slice(&mac);
        Self {
            op: 1,
            htype: 1,
            hlen: 6,
            xid,
            secs: 1,
            flags: 0,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            siaddr: Ipv4Addr::UNSPECIFIED,
            giaddr: Ipv4Addr::UNSPECIFIED,
            chaddr,
            cookie: COOKIE,
            sname: Vec::new(),
            file: Vec::new(),
            options: vec![(code::MESSAGE_TYPE, vec![kind as u8])],
        }
    }

    /// The value of an option; all its parts concatenated (RFC 3396 section 7).
    #[must_use]
    pub fn option(&self, wanted: u8) -> Option<Vec<u8>> {
        let parts: Vec<_> =
            self.options.iter().filter(|(code, _)| *code == wanted).map(|(_, value)| value.as_slice()).collect();
        (!parts.is_empty()).then(|| parts.concat())
    }

    /// An option that is an address.
    #[must_use]
    pub fn address_option(&self, wanted: u8) -> Option<Ipv4Addr> {
        self.option(wanted)?.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets))
    }

    /// An option that is a number of seconds.
    #[must_use]
    pub fn seconds_option(&self, wanted: u8) -> Option<u32> {
        self.option(wanted)?.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
    }

    /// The message type.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        self.option(code::MESSAGE_TYPE).and_then(|value| Kind::from_code(*value.first()?))
    }

    /// The client's Ethernet address.
    #[must_use]
    pub fn mac(&self) -> [u8; 6] {
        let [a, b, c, d, e, f, ..] = self.chaddr;
        [a, b, c, d, e, f]
    }

    /// The bytes, with options in the given order, an end option, and zeros up to 300 bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.encode_with(&encode_options(&self.options, true))
    }

    /// The bytes with this options field as it stands, whatever it is.
    #[must_use]
    pub fn encode_with(&self, options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![self.op, self.htype, self.hlen, 0];
        bytes.extend(self.xid.to_be_bytes());
        bytes.extend(self.secs.to_be_bytes());
        bytes.extend(self.flags.to_be_bytes());
        for address in [self.ciaddr, self.yiaddr, self.siaddr, self.giaddr] {
            bytes.extend(address.octets());
        }
        bytes.extend(self.chaddr);
        for (field, size) in [(&self.sname, 64), (&self.file, 128)] {
            let end = bytes.len() + size;
            bytes.extend(field.iter().take(size));
            bytes.resize(end, 0);
        }
        bytes.extend(self.cookie);
        bytes.extend(options);
        bytes.resize(bytes.len().max(MIN_MESSAGE), 0);
        bytes
    }

    /// Reads what can be read; `None` only when the fixed part is not there.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let fixed: &[u8; OPTIONS_AT] = bytes.first_chunk()?;
        let word = |at: usize| u32::from_be_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
        let half = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
        let mut chaddr = [0; 16];
        chaddr.copy_from_slice(&fixed[28..44]);
        let mut options = decode_options(&bytes[OPTIONS_AT..]);
        let overload = options
            .iter()
            .find(|(code, _)| *code == code::OVERLOAD)
            .and_then(|(_, value)| value.first().copied())
            .unwrap_or(0);
        if overload & 1 != 0 {
            options.extend(decode_options(&fixed[108..236]));
        }
        if overload & 2 != 0 {
            options.extend(decode_options(&fixed[44..108]));
        }
        Some(Self {
            op: fixed[0],
            htype: fixed[1],
            hlen: fixed[2],
            xid: word(4),
            secs: half(8),
            flags: half(10),
            ciaddr: word(12).into(),
            yiaddr: word(16).into(),
            siaddr: word(20).into(),
            giaddr: word(24).into(),
            chaddr,
            cookie: [fixed[236], fixed[237], fixed[238], fixed[239]],
            sname: trimmed(&fixed[44..108]),
            file: trimmed(&fixed[108..236]),
            options,
        })
    }
}

impl fmt::Display for Message {
    /// One line: type, transaction, the addresses that are set, and the numbers of the options.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Some(kind) => write!(f, "{kind:8}")?,
            None => write!(f, "op={}   ", self.op)?,
        }
        write!(f, " xid={:08x} secs={}", self.xid, self.secs)?;
        if self.flags & 0x8000 != 0 {
            write!(f, " broadcast")?;
        }
        for (name, address) in [("ciaddr", self.ciaddr), ("yiaddr", self.yiaddr), ("giaddr", self.giaddr)] {
            if !address.is_unspecified() {
                write!(f, " {name}={address}")?;
            }
        }
        for (name, code) in [
            ("requested", code::REQUESTED_ADDRESS),
            ("server", code::SERVER_ID),
            ("router", code::ROUTER),
            ("dns", code::DNS),
        ] {
            if let Some(address) = self.address_option(code) {
                write!(f, " {name}={address}")?;
            }
        }
        if let Some(seconds) = self.seconds_option(code::LEASE_TIME) {
            write!(f, " lease={seconds}s")?;
        }
        let codes: Vec<String> = self.options.iter().map(|(code, _)| code.to_string()).collect();
        write!(f, " options={}", codes.join(","))
    }
}

/// Options as bytes; a value over 255 bytes is split into parts (RFC 3396 section 5).
#[must_use]
pub fn encode_options(options: &[(u8, Vec<u8>)], end: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (code, value) in options {
        let mut rest = value.as_slice();
        loop {
            let (part, after) = rest.split_at(rest.len().min(255));
            bytes.push(*code);
            bytes.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
            bytes.extend(part);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
    }
    if end {
        bytes.push(255);
    }
    bytes
}

/// Reads options up to the end option, or as far as they go.
fn decode_options(mut bytes: &[u8]) -> Options {
    let mut options = Vec::new();
    while let Some((&code, rest)) = bytes.split_first() {
        match code {
            0 => bytes = rest,
            255 => break,
            _ => {
                let Some((&length, rest)) = rest.split_first() else { break };
                let Some((value, rest)) = rest.split_at_checked(length.into()) else { break };
                options.push((code, value.to_vec()));
                bytes = rest;
            }
        }
    }
    options
}

fn trimmed(field: &[u8]) -> Vec<u8> {
    let length = field.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    field[..length].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encode_and_decode_are_inverse() {
        let mut message = Message::request(Kind::Request, 0x1234_5678, [2, 0, 0, 0, 0, 9]);
        message.ciaddr = Ipv4Addr::new(192, 0, 2, 9);
        message.flags = 0x8000;
        message.options.push((code::HOST_NAME, b"box".to_vec()));
        assert_eq!(Message::decode(&message.encode()), Some(message));
    }

    #[test]
    fn a_long_option_is_split_and_joined_again() {
        let mut message = Message::request(Kind::Ack, 1, [2; 6]);
        let value: Vec<u8> = (0..=255).chain(0..=99).collect();
        message.options.push((code::CLASSLESS_ROUTES, value.clone()));
        let read = Message::decode(&message.encode()).unwrap();
        assert_eq!(read.options.len(), 3);
        assert_eq!(read.option(code::CLASSLESS_ROUTES), Some(value));
    }

    #[test]
    fn overloaded_fields_are_read_file_first() {
        let mut message = Message::request(Kind::Offer, 1, [2; 6]);
        message.options.push((code::OVERLOAD, vec![3]));
        message.file = encode_options(&[(code::DOMAIN_NAME, b"exam".to_vec())], true);
        message.sname = encode_options(&[(code::DOMAIN_NAME, b"ple".to_vec())], true);
        let read = Message::decode(&message.encode()).unwrap();
        assert_eq!(read.option(code::DOMAIN_NAME), Some(b"example".to_vec()));
    }

    #[test]
    fn decoding_forgives() {
        let base = Message::request(Kind::Offer, 1, [2; 6]);
        for (what, options, want) in [
            ("no end option", vec![53, 1, 2], Some(Kind::Offer)),
            ("a length beyond the end", vec![53, 1, 2, 12, 200, 1], Some(Kind::Offer)),
            ("a code without length", vec![53], None),
            ("nothing", vec![], None),
        ] {
            let bytes = base.encode_with(&options);
            let cut = &bytes[..OPTIONS_AT + options.len()];
            assert_eq!(Message::decode(cut).unwrap().kind(), want, "{what}");
        }
        assert_eq!(Message::decode(&[0; OPTIONS_AT - 1]), None);
    }
}
