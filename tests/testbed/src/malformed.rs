//! The malformed frames of public DHCP bug histories, by name (`facts/dhcp.md` section 3).
//!
//! None of them can lead to a lease: each either has a defect that no client may overlook, or carries its odd options
//! in an offer of no address. UDP checksums are absent, so that a sender may change the transaction id.

use std::net::Ipv4Addr;

use crate::dhcp::{Kind, Message, Options, code, encode_options};
use crate::frame::Checksum;
use crate::script::{Edit, Lease, Template, WRONG_COOKIE};

/// A frame no client may take a lease from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong with it.
    pub name: String,
    /// The frame.
    pub frame: Vec<u8>,
}

/// Offset of the IP header in an untagged frame.
const IP: usize = 14;
/// Offset of the UDP header in an untagged frame without IP options.
const UDP: usize = 34;

/// All of them, from `server_mac` to the client `client_mac`, which is assumed to look for a lease.
#[must_use]
pub fn frames(client_mac: [u8; 6], server_mac: [u8; 6]) -> Vec<Malformed> {
    let discover = Message { flags: 0x8000, ..Message::request(Kind::Discover, 0x0102_0304, client_mac) };
    let good = Lease::new(Ipv4Addr::new(203, 0, 113, 66), 3600);
    let named = |name: String, template: Template| Malformed {
        name,
        frame: template.edit(Edit::Checksum(Checksum::Absent)).frame(&discover, server_mac),
    };

    let mut all: Vec<Malformed> =
        defects().into_iter().map(|(name, edits)| named(name.to_owned(), Template { edits, ..good.offer() })).collect();
    // A wrong checksum is one: it must not be replaced by an absent one.
    all.push(Malformed {
        name: "a wrong UDP checksum".to_owned(),
        frame: good.offer().edit(Edit::Checksum(Checksum::Wrong)).frame(&discover, server_mac),
    });
    for (name, address) in [
        ("no address", Ipv4Addr::UNSPECIFIED),
        ("the broadcast address", Ipv4Addr::BROADCAST),
        ("a loopback address", Ipv4Addr::LOCALHOST),
        ("a multicast address", Ipv4Addr::new(224, 0, 0, 1)),
        ("an address of class E", Ipv4Addr::new(240, 0, 0, 1)),
        ("an address in 0/8", Ipv4Addr::new(0, 1, 2, 3)),
    ] {
        all.push(named(format!("offers {name}"), Template { address, ..good.offer() }));
    }
    let nothing = Template { address: Ipv4Addr::UNSPECIFIED, ..good.offer() };
    for (name, options) in odd_options() {
        let mut template = nothing.clone();
        template.options.extend(options);
        all.push(named(name, template));
    }
    for (name, raw) in odd_bytes() {
        all.push(named(name.to_owned(), nothing.clone().edit(Edit::RawOptions(raw))));
    }
    all
}

/// Defects of the frame or of the fixed part of the message.
fn defects() -> Vec<(&'static str, Vec<Edit>)> {
    vec![
        ("a request, not a reply", vec![Edit::Op(1)]),
        ("operation 0", vec![Edit::Op(0)]),
        ("a hardware address of 255 bytes", vec![Edit::Hlen(255)]),
        ("a hardware address of 17 bytes", vec![Edit::Hlen(17)]),
        ("another hardware type", vec![Edit::Htype(6)]),
        ("another client's hardware address", vec![Edit::Chaddr([0xee; 6])]),
        ("no DHCP cookie", vec![Edit::Cookie(WRONG_COOKIE)]),
        ("an empty datagram", vec![Edit::Truncate(0)]),
        ("one byte", vec![Edit::Truncate(1)]),
        ("an end inside the fixed part", vec![Edit::Truncate(239)]),
        ("an end after the cookie", vec![Edit::Truncate(240)]),
        ("an end inside the message type", vec![Edit::Truncate(242)]),
        ("another destination port", vec![Edit::DestinationPort(6868)]),
        ("a VLAN tag", vec![Edit::Vlan(5)]),
        ("more fragments to come", vec![Edit::Byte(IP + 6, 0x20)]),
        ("a later fragment", vec![Edit::Byte(IP + 7, 9)]),
        ("IP version 6", vec![Edit::Byte(IP, 0x65)]),
        ("an IP header of 60 bytes", vec![Edit::Byte(IP, 0x4f)]),
        ("an IP header of 16 bytes", vec![Edit::Byte(IP, 0x44)]),
        ("an IP header of 0 bytes", vec![Edit::Byte(IP, 0x40)]),
        ("an IP length beyond the frame", vec![Edit::Byte(IP + 2, 0x40)]),
        ("an IP length below its header", vec![Edit::Byte(IP + 2, 0), Edit::Byte(IP + 3, 10)]),
        ("another IP protocol", vec![Edit::Byte(IP + 9, 6)]),
        ("a UDP length beyond the packet", vec![Edit::Byte(UDP + 4, 0x40)]),
        ("a UDP length below its header", vec![Edit::Byte(UDP + 4, 0), Edit::Byte(UDP + 5, 7)]),
        ("a UDP length of 0", vec![Edit::Byte(UDP + 4, 0), Edit::Byte(UDP + 5, 0)]),
        (
            "a frame of 1500 bytes of rubbish",
            vec![Edit::RawOptions((0..1200).map(|n: u32| n.wrapping_mul(167).to_le_bytes()[0]).collect()), Edit::Op(7)],
        ),
    ]
}

/// Options that have hurt clients, whole in their encoding.
fn odd_options() -> Vec<(String, Options)> {
    let mut all = Vec::new();
    let mut add = |name: &str, code: u8, value: &[u8]| all.push((name.to_owned(), vec![(code, value.to_vec())]));
    add("a command in the hostname", code::HOST_NAME, b"a;`id`");
    add("a substitution in the domain", code::DOMAIN_NAME, b"$(touch /tmp/x)");
    add("a line feed in the hostname", code::HOST_NAME, b"a\nnameserver 6.6.6.6");
    add("a function in the captive portal", 114, b"() { :;}; echo");
    add("a quote in the proxy address", 252, b"x' & reboot #");
    add("a path in the time zone", 101, b"../../etc/passwd");
    add("escapes in the message", code::MESSAGE, b"\x1b[2J\x1b]0;owned\x07\n\r");
    add("bytes that are not UTF-8", code::HOST_NAME, &[0xff, 0xfe, 0x80, 0]);
    add("a hostname of nothing", code::HOST_NAME, b"");
    add("search list: the CVE-2020-7461 bytes", code::DOMAIN_SEARCH, &[2, 0xc0, 1, 0, 1, 0x41, 0xc0, 1]);
    add("search list: a pointer to itself", code::DOMAIN_SEARCH, &[0xc0, 0]);
    add("search list: a pointer beyond the end", code::DOMAIN_SEARCH, &[1, b'a', 0xc0, 0xff]);
    add("search list: a label beyond the end", code::DOMAIN_SEARCH, &[63, b'a']);
    add("search list: 255 root names", code::DOMAIN_SEARCH, &[0; 255]);
    add("search list: 16,000 bytes of names", code::DOMAIN_SEARCH, &[1, b'a'].repeat(500));
    add("routes: prefix 33", code::CLASSLESS_ROUTES, &[33, 10, 0, 0, 0, 10, 0, 0, 1]);
    add("routes: an end inside a gateway", code::CLASSLESS_ROUTES, &[24, 10, 0, 0, 10, 0]);
    add("routes: prefix 255 alone", code::CLASSLESS_ROUTES, &[255]);
    add("routes: two hundred", code::CLASSLESS_ROUTES, &[32, 10, 1, 2, 3, 10, 0, 0, 1].repeat(200));
    add("vendor options: an array that lies", 43, &[1, 200, 1]);
    add("vendor identities: a length beyond the end", 125, &[0, 0, 0, 9, 200, 1, 200]);
    add("relay information with a bad part", 82, &[1, 200]);
    add("6RD, too short", 212, &[1, 2]);
    add("a name of the client, too short", 81, &[0]);
    add("rapid commit with a value", code::RAPID_COMMIT, &[1]);
    add("a mask with a hole", code::SUBNET_MASK, &[255, 0, 255, 0]);
    add("a lease of no time", code::LEASE_TIME, &[0; 4]);
    add("an MTU of 0", code::MTU, &[0, 0]);
    add("an MTU of 68", code::MTU, &[0, 68]);
    add("overload: nothing", code::OVERLOAD, b"");
    add("overload: 255", code::OVERLOAD, &[255]);
    for short in [
        code::SUBNET_MASK,
        code::ROUTER,
        code::DNS,
        code::MTU,
        code::BROADCAST,
        code::NTP,
        code::LEASE_TIME,
        code::SERVER_ID,
        code::T1,
        code::T2,
    ] {
        for length in [0_u8, 1, 3, 5] {
            add(&format!("option {short} of {length} bytes"), short, &vec![7; length.into()]);
        }
    }
    for kind in [0_u8, 1, 3, 9, 18, 255] {
        add(&format!("a second message type {kind}"), code::MESSAGE_TYPE, &[kind]);
    }
    all
}

/// Option fields that are wrong in their encoding.
fn odd_bytes() -> Vec<(&'static str, Vec<u8>)> {
    let offer = (code::MESSAGE_TYPE, vec![Kind::Offer as u8]);
    let with = |rest: &[u8]| [encode_options(std::slice::from_ref(&offer), false), rest.to_vec()].concat();
    vec![
        ("no options at all", vec![]),
        ("no message type", vec![255]),
        ("nothing but padding", vec![0; 1200]),
        ("no end", with(&[])),
        ("a code without a length at the very end", [with(&[0; 54]), vec![12]].concat()),
        ("overload without a length at the very end", [with(&[0; 54]), vec![code::OVERLOAD]].concat()),
        ("a length beyond the end", with(&[12, 200, b'a'])),
        ("FORCERENEW", vec![code::MESSAGE_TYPE, 1, 9, 255]),
        ("a message type of two bytes", vec![code::MESSAGE_TYPE, 2, 2, 2, 255]),
        ("a message type of no bytes", vec![code::MESSAGE_TYPE, 0, 255]),
        ("overload four times", with(&[code::OVERLOAD, 1, 3].repeat(4))),
        ("two hundred options of no length", with(&(1..=200).flat_map(|n| [n, 0]).collect::<Vec<u8>>())),
        ("one option in three hundred parts", with(&[12, 1, b'a'].repeat(300))),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::frame::Udp;

    const CLIENT: [u8; 6] = [2, 0, 0, 0, 0, 9];
    const SERVER: [u8; 6] = [2, 0, 0, 0, 0, 1];

    #[test]
    fn no_frame_could_be_an_offer_of_an_address() {
        let all = frames(CLIENT, SERVER);
        assert!(all.len() > 100, "only {}", all.len());
        for Malformed { name, frame } in all {
            if [
                "more fragments to come",
                "a later fragment",
                "a wrong UDP checksum",
                "a VLAN tag",
                "an IP header of 60 bytes",
            ]
            .contains(&name.as_str())
            {
                continue; // the loose reader of the testbed does not look at these
            }
            let offered = Udp::decode(&frame)
                .filter(|udp| udp.destination_port == 68)
                .and_then(|udp| Message::decode(&udp.payload))
                .is_some_and(|message| {
                    let [first, ..] = message.yiaddr.octets();
                    (message.op, message.htype, message.hlen, message.mac()) == (2, 1, 6, CLIENT)
                        && message.cookie == crate::dhcp::COOKIE
                        && message.kind() == Some(Kind::Offer)
                        && !matches!(first, 0 | 127 | 224..)
                });
            assert!(!offered, "{name}");
        }
    }

    #[test]
    fn names_and_frames_are_all_different() {
        let all = frames(CLIENT, SERVER);
        let names: HashSet<_> = all.iter().map(|malformed| &malformed.name).collect();
        let contents: HashSet<_> = all.iter().map(|malformed| &malformed.frame).collect();
        assert_eq!((names.len(), contents.len()), (all.len(), all.len()));
    }
}
