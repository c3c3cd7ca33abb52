//! Names that nobody is asked for: those of special use, each by its own rule, and those that this machine knows itself.

use core::net::IpAddr;
use std::collections::BTreeMap;

use orlop_resolver_contract::Host;

use crate::header::{Code, Header};
use crate::query::{Key, wire};
use crate::record::{CLASS_IN, QUESTION_NAME, kind};
use crate::scope::Scope;
use crate::stored::{Stored, local_flags};
use crate::upstream::Server;

/// How long an answer of ours lives: hosts and networks change.
const TTL: u32 = 10;

/// How long the answer to a question for any type lives, which does not change: an hour and a bit, as the RFC has it (RFC 8482 section 4.2).
const ANY_TTL: u32 = 3789;

/// Addresses of one name that are given out: more than any program tries.
const MAX_ADDRESSES: usize = 256;

/// What is to be done about a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Local {
    /// This is known here.
    Answer(Stored),
    /// Others know it.
    Ask(Scope),
}

/// Names that this machine knows itself.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// By the name on the wire in lower case.
    addresses: BTreeMap<Box<[u8]>, Vec<IpAddr>>,
    /// What an address is called.
    names: BTreeMap<Box<[u8]>, Box<[u8]>>,
}

impl Names {
    pub(crate) fn new(hosts: Vec<Host>) -> Self {
        let mut known = Self::default();
        for Host { address, name } in hosts {
            let (address, name) = (address.get(), wire(&name));
            let addresses = known.addresses.entry(name.clone().into()).or_default();
            if !addresses.contains(&address) {
                addresses.push(address);
            }
            known.names.entry(reverse(address).into()).or_insert_with(|| name.into());
        }
        known
    }

    /// Whether a name is known, or is the one of a known address.
    pub(crate) fn has_name(&self, name: &[u8]) -> bool {
        self.addresses.contains_key(name) || self.names.contains_key(name)
    }

    /// Whether a question is answered here.
    pub(crate) fn has(&self, key: &Key) -> bool {
        match key.kind() {
            // The last two have addresses in them, too, which would not be those of this machine's choice.
            kind::A | kind::AAAA | kind::SVCB | kind::HTTPS => self.addresses.contains_key(key.name()),
            kind::PTR => self.names.contains_key(key.name()),
            _ => false,
        }
    }

    /// Whether a question can be answered here, or who is asked. The question has name, type and class.
    pub(crate) fn look(&self, key: &Key, question: &[u8], servers: &[Server]) -> Local {
        let answer = Draft { question };
        if key.kind() == kind::ANY {
            return Local::Answer(answer.any());
        }
        if self.has(key) {
            return Local::Answer(self.known(key.kind(), key.name(), answer));
        }
        let mut labels: Vec<&[u8]> = key.labels().collect();
        labels.reverse();
        let routed = Scope::routed(key.name(), servers);
        match special(&labels, key.kind(), answer) {
            Special::Always(local) => Local::Answer(local),
            // A network may have such names of its own, for those who say so.
            Special::Unrouted(local) => routed.map_or(Local::Answer(local), Local::Ask),
            Special::Private(local) => match routed {
                Some(routed) => Local::Ask(routed),
                None if servers.iter().any(|server| Scope::Private.has(server)) => Local::Ask(Scope::Private),
                None => Local::Answer(local),
            },
            Special::None => Local::Ask(routed.unwrap_or(Scope::General)),
        }
    }

    fn known(&self, kind: u16, name: &[u8], answer: Draft<'_>) -> Stored {
        if kind == kind::PTR {
            let called: Vec<Vec<u8>> = self.names.get(name).map(|called| called.to_vec()).into_iter().collect();
            return answer.records(kind, TTL, &called);
        }
        let wanted = self.addresses.get(name).into_iter().flatten().filter(|address| match kind {
            kind::A => address.is_ipv4(),
            kind::AAAA => address.is_ipv6(),
            _ => false,
        });
        let data: Vec<Vec<u8>> = wanted.take(MAX_ADDRESSES).map(|address| octets(*address)).collect();
        answer.records(kind, TTL, &data)
    }
}

/// What a name of special use is, and what is said of it where nobody is asked.
enum Special {
    /// Nobody else is ever asked.
    Always(Stored),
    /// Only who has a route is asked.
    Unrouted(Stored),
    /// Only upstreams in private networks are asked, or who has a route.
    Private(Stored),
    /// It is a name like any other.
    None,
}

/// What is known of names of special use (RFC 6761 and the list that it made). Labels from the root downwards.
fn special(labels: &[&[u8]], kind: u16, answer: Draft<'_>) -> Special {
    use Special::{Always, Private, Unrouted};
    let no_such_name = || answer.nothing(Code::NXDOMAIN);
    let no_such_record = || answer.nothing(Code::NOERROR);
    match labels {
        // RFC 6761 section 6.3.
        [b"localhost", ..] => Always(match kind {
            kind::A => answer.records(kind, TTL, &[vec![127, 0, 0, 1]]),
            kind::AAAA => answer.records(kind, TTL, &[IPV6_LOOPBACK.to_vec()]),
            _ => no_such_record(),
        }),
        // RFC 6761 section 6.4, RFC 7686 section 2, RFC 9476 section 2: no server of DNS knows these.
        [b"invalid" | b"onion" | b"alt", ..] => Always(no_such_name()),
        // RFC 6761 section 6.2, RFC 6762 section 22.1.
        [b"test" | b"local", ..] => Unrouted(no_such_name()),
        // RFC 8375 section 4, and what ICANN has set aside for private networks.
        [b"internal", ..] | [b"arpa", b"home", ..] => Private(no_such_name()),
        // RFC 9462 section 6.4.
        [b"arpa", b"resolver", ..] => Always(no_such_record()),
        [b"arpa", b"in-addr", octets @ ..] => match octets {
            [b"127", b"0", b"0", b"1"] if kind == kind::PTR => Always(answer.records(kind, TTL, &[LOCALHOST.to_vec()])),
            [b"127", b"0", b"0", b"1"] => Always(no_such_record()),
            [b"127", ..] => Always(no_such_name()),
            _ if is_private_v4(octets) => Private(no_such_name()),
            _ if is_nobodys_v4(octets) => Unrouted(no_such_name()),
            _ => Special::None,
        },
        [b"arpa", b"ip6", nibbles @ ..] => match nibbles {
            // ::1 and ::.
            [.., last] if nibbles.len() == 32 && nibbles.iter().rev().skip(1).all(|nibble| *nibble == b"0") => {
                match *last {
                    b"1" if kind == kind::PTR => Always(answer.records(kind, TTL, &[LOCALHOST.to_vec()])),
                    b"1" => Always(no_such_record()),
                    b"0" => Always(no_such_name()),
                    _ => Special::None,
                }
            }
            // fc00::/7, fe80::/10.
            [b"f", b"c" | b"d", ..] | [b"f", b"e", b"8" | b"9" | b"a" | b"b", ..] => Private(no_such_name()),
            // 2001:db8::/32.
            [b"2", b"0", b"0", b"1", b"0", b"d", b"b", b"8", ..] => Unrouted(no_such_name()),
            _ => Special::None,
        },
        // A name without a dot is some network's own, and no domain has an address at the top.
        [_] if matches!(kind, kind::A | kind::AAAA) => Unrouted(no_such_name()),
        _ => Special::None,
    }
}

/// RFC 1918, RFC 3927, RFC 6598.
fn is_private_v4(octets: &[&[u8]]) -> bool {
    let second = |range: core::ops::RangeInclusive<u8>| {
        octets.get(1).and_then(|octet| number(octet)).is_some_and(|octet| range.contains(&octet))
    };
    match octets.first().copied().and_then(number) {
        Some(10) => true,
        Some(172) => second(16..=31),
        Some(192) => second(168..=168),
        Some(169) => second(254..=254),
        Some(100) => second(64..=127),
        Some(_) | None => false,
    }
}

/// This network, everybody, and examples (RFC 6303 section 4.2).
fn is_nobodys_v4(octets: &[&[u8]]) -> bool {
    matches!(
        octets,
        [b"0", ..]
            | [b"255", b"255", b"255", b"255"]
            | [b"192", b"0", b"2", ..]
            | [b"198", b"51", b"100", ..]
            | [b"203", b"0", b"113", ..]
    )
}

fn number(octet: &[u8]) -> Option<u8> {
    core::str::from_utf8(octet).ok()?.parse().ok()
}

/// An answer that is being made.
#[derive(Debug, Clone, Copy)]
struct Draft<'q> {
    question: &'q [u8],
}

impl Draft<'_> {
    /// These, all of one type; without any, that there are none.
    fn records(self, kind: u16, ttl: u32, data: &[Vec<u8>]) -> Stored {
        if data.is_empty() {
            return self.nothing(Code::NOERROR);
        }
        self.write(Code::NOERROR, [u16::try_from(data.len()).unwrap_or(0), 0], kind, ttl, data)
    }

    /// There are none, or there is no such name; with the record that says how long this is good (RFC 2308 section 3).
    fn nothing(self, code: Code) -> Stored {
        let numbers = [1, 3600, 1200, 604_800, TTL].map(u32::to_be_bytes).concat();
        let zone = [b"\x09localhost\0\x06nobody\x07invalid\0", &numbers[..]].concat();
        self.write(code, [0, 1], kind::SOA, TTL, &[zone])
    }

    /// A question for any type is for whatever we like to say (RFC 8482 section 4.2).
    fn any(self) -> Stored {
        self.write(Code::NOERROR, [1, 0], kind::HINFO, ANY_TTL, &[b"\x07RFC8482\0".to_vec()])
    }

    fn write(self, code: Code, counts: [u16; 2], kind: u16, ttl: u32, data: &[Vec<u8>]) -> Stored {
        let [answers, authorities] = counts;
        let header = Header { id: 0, flags: local_flags(code), counts: [1, answers, authorities, 0] };
        let mut message = [&header.bytes()[..], self.question].concat();
        let mut ttls = Vec::new();
        for data in data {
            message.extend(QUESTION_NAME);
            message.extend(kind.to_be_bytes());
            message.extend(CLASS_IN.to_be_bytes());
            ttls.push(u16::try_from(message.len()).unwrap_or(u16::MAX));
            message.extend(ttl.to_be_bytes());
            message.extend(u16::try_from(data.len()).unwrap_or(0).to_be_bytes());
            message.extend_from_slice(data);
        }
        Stored::own(message, &ttls, &[], ttl)
    }
}

/// The name under which an address is looked up (RFC 1035 section 3.5, RFC 3596 section 2.5), on the wire.
fn reverse(address: IpAddr) -> Vec<u8> {
    let labels: Vec<String> = match address {
        IpAddr::V4(v4) => v4.octets().iter().rev().map(u8::to_string).collect(),
        IpAddr::V6(v6) => {
            let nibbles = v6.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}")).collect()
        }
    };
    let tree: &[u8] = if address.is_ipv4() { b"\x07in-addr\x04arpa\0" } else { b"\x03ip6\x04arpa\0" };
    let labels =
        labels.iter().flat_map(|label| [&[u8::try_from(label.len()).unwrap_or(0)][..], label.as_bytes()].concat());
    labels.chain(tree.iter().copied()).collect()
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

const LOCALHOST: &[u8] = b"\x09localhost\0";
const IPV6_LOOPBACK: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
