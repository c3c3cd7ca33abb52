use dhcproto::v4::{self, DhcpOption, MessageType, OptionCode};
use dhcproto::{Decodable, Decoder};
use orlop_dhcp_contract::IfIndex;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr};

use super::*;

fn speaker() -> Speaker {
    Speaker {
        hardware: HardwareAddr([2, 0, 0, 0, 0, 7]),
        client_id: [1, 2, 0, 0, 0, 0, 7].into_iter().collect(),
        hostname: None,
        want_hostname: true,
        vendor_class: None,
        mtu: 1500,
    }
}

fn unicast(last: u8) -> UnicastAddr {
    UnicastAddr::new(Ipv4Addr::new(192, 0, 2, last)).unwrap()
}

fn transmission(ask: Ask) -> Transmission {
    Transmission { link: IfIndex::new(2).unwrap(), xid: 0x0102_0304, secs: 5, broadcast: false, want_mtu: true, ask }
}

const US: u8 = 9;
const SERVER: u8 = 1;

#[test]
fn a_discover_is_these_bytes() {
    let bytes = message(&speaker(), &transmission(Ask::Discover { requested: None, rapid_commit: true }));
    let mut want = vec![1, 1, 6, 0, 1, 2, 3, 4, 0, 5, 0, 0];
    want.extend([0; 16]);
    want.extend([2, 0, 0, 0, 0, 7]);
    want.extend([0; 202]);
    want.extend([99, 130, 83, 99]);
    want.extend([53, 1, 1]);
    want.extend([61, 7, 1, 2, 0, 0, 0, 0, 7]);
    want.extend([57, 2, 5, 220]);
    want.extend([80, 0]);
    want.extend([55, 17, 121, 249, 1, 3, 6, 12, 15, 26, 28, 33, 42, 51, 54, 58, 59, 119, 245]);
    want.push(255);
    want.resize(300, 0);
    assert_eq!(bytes, want);
}

#[test]
fn the_mtu_is_asked_for_only_when_the_worker_wants_it() {
    for want_mtu in [true, false] {
        let ask = Ask::Discover { requested: None, rapid_commit: true };
        let bytes = message(&speaker(), &Transmission { want_mtu, ..transmission(ask) });
        let decoded = v4::Message::decode(&mut Decoder::new(&bytes)).unwrap();
        let Some(v4::DhcpOption::ParameterRequestList(list)) = decoded.opts().get(OptionCode::ParameterRequestList)
        else {
            panic!("no option 55")
        };
        assert_eq!(list.contains(&OptionCode::InterfaceMtu), want_mtu);
        assert_eq!(list.len(), 16 + usize::from(want_mtu), "and nothing else changes");
    }
}

/// RFC 2131 table 5, row by row: which fields and options a message has, and which it must not have.
#[test]
fn every_message_has_the_fields_of_table_5_and_no_other() {
    struct Row {
        what: &'static str,
        ask: Ask,
        kind: MessageType,
        ciaddr: bool,
        requested: bool,
        server: bool,
        question: bool,
    }
    let (us, server) = (unicast(US), unicast(SERVER));
    let row = |what, ask, kind, [ciaddr, requested, server, question]: [bool; 4]| Row {
        what,
        ask,
        kind,
        ciaddr,
        requested,
        server,
        question,
    };
    for row in [
        row(
            "discover",
            Ask::Discover { requested: None, rapid_commit: false },
            MessageType::Discover,
            [false, false, false, true],
        ),
        row(
            "discover with a wish",
            Ask::Discover { requested: Some(us), rapid_commit: false },
            MessageType::Discover,
            [false, true, false, true],
        ),
        row(
            "request in selecting",
            Ask::Select { requested: us, server },
            MessageType::Request,
            [false, true, true, true],
        ),
        row("request in init-reboot", Ask::Reboot { requested: us }, MessageType::Request, [false, true, false, true]),
        row("request in renewing", Ask::Renew { ciaddr: us, server }, MessageType::Request, [true, false, false, true]),
        row("request in rebinding", Ask::Rebind { ciaddr: us }, MessageType::Request, [true, false, false, true]),
        row("decline", Ask::Decline { requested: us, server }, MessageType::Decline, [false, true, true, false]),
        row("release", Ask::Release { ciaddr: us, server }, MessageType::Release, [true, false, true, false]),
    ] {
        let Row { what, ask, kind, ciaddr, requested, server, question } = row;
        let bytes = message(&speaker(), &Transmission { broadcast: true, ..transmission(ask) });
        let decoded = v4::Message::decode(&mut Decoder::new(&bytes)).unwrap();
        let has = |code| decoded.opts().get(code).is_some();
        assert_eq!(decoded.opts().msg_type(), Some(kind), "{what}: kind");
        assert_eq!(decoded.ciaddr() == us.get(), ciaddr, "{what}: ciaddr");
        assert_eq!(has(OptionCode::RequestedIpAddress), requested, "{what}: option 50");
        assert_eq!(has(OptionCode::ServerIdentifier), server, "{what}: option 54");
        assert_eq!(has(OptionCode::ParameterRequestList), question, "{what}: option 55");
        assert_eq!(has(OptionCode::MaxMessageSize), question, "{what}: option 57");
        assert_eq!(decoded.secs(), if question { 5 } else { 0 }, "{what}: secs");
        assert_eq!(decoded.flags().broadcast(), question, "{what}: flags");
        assert!(has(OptionCode::ClientIdentifier), "{what}: option 61");
        assert!(bytes.len() >= 300, "{what}: length");
        assert_eq!(bytes.get(240), Some(&53), "{what}: option 53 first");
    }
}

#[test]
fn the_values_are_the_ones_that_were_asked_for() {
    let mut speaker = speaker();
    speaker.hostname = Some(DomainName::new("node-7").unwrap());
    speaker.vendor_class = Str::new("orlop test");
    speaker.mtu = 9000;
    let bytes = message(&speaker, &transmission(Ask::Select { requested: unicast(US), server: unicast(SERVER) }));
    let decoded = v4::Message::decode(&mut Decoder::new(&bytes)).unwrap();
    for (code, want) in [
        (OptionCode::RequestedIpAddress, DhcpOption::RequestedIpAddress(unicast(US).get())),
        (OptionCode::ServerIdentifier, DhcpOption::ServerIdentifier(unicast(SERVER).get())),
        (OptionCode::Hostname, DhcpOption::Hostname("node-7".into())),
        (OptionCode::MaxMessageSize, DhcpOption::MaxMessageSize(9000)),
        (OptionCode::ClassIdentifier, DhcpOption::ClassIdentifier(b"orlop test".to_vec())),
        (OptionCode::ClientIdentifier, DhcpOption::ClientIdentifier(vec![1, 2, 0, 0, 0, 0, 7])),
    ] {
        assert_eq!(decoded.opts().get(code), Some(&want), "{code:?}");
    }
    assert_eq!(decoded.xid(), 0x0102_0304);
    assert_eq!(decoded.hops(), 0);
}

#[test]
fn a_name_is_asked_for_only_while_none_is_sent() {
    let asks_for_name = |hostname: Option<&str>, want_hostname| {
        let speaker =
            Speaker { hostname: hostname.map(|name| DomainName::new(name).unwrap()), want_hostname, ..speaker() };
        let bytes = message(&speaker, &transmission(Ask::Discover { requested: None, rapid_commit: false }));
        let decoded = v4::Message::decode(&mut Decoder::new(&bytes)).unwrap();
        match decoded.opts().get(OptionCode::ParameterRequestList) {
            Some(DhcpOption::ParameterRequestList(list)) => list.contains(&OptionCode::Hostname),
            other => panic!("no list: {other:?}"),
        }
    };
    for (what, hostname, want, expected) in [
        ("wanted", None, true, true),
        ("not wanted", None, false, false),
        ("sent", Some("node-7"), true, false),
        ("neither", Some("node-7"), false, false),
    ] {
        assert_eq!(asks_for_name(hostname, want), expected, "{what}");
    }
}

#[test]
fn the_longest_message_is_well_formed_and_below_the_smallest_mtu_of_ethernet() {
    let label = "a".repeat(63);
    let speaker = Speaker {
        client_id: [7; Conduct::MAX_CLIENT_ID].into_iter().collect(),
        hostname: Some(DomainName::new(&[&label[..], &label, &label, &label[..61]].join(".")).unwrap()),
        vendor_class: Str::new(&"v".repeat(255)),
        ..speaker()
    };
    let bytes = message(&speaker, &transmission(Ask::Select { requested: unicast(US), server: unicast(SERVER) }));
    assert!(bytes.len() < 1000, "{} bytes", bytes.len());
    let decoded = v4::Message::decode(&mut Decoder::new(&bytes)).unwrap();
    let mut codes: Vec<u8> = decoded.opts().iter().map(|(code, _)| u8::from(*code)).collect();
    codes.sort_unstable();
    assert_eq!(codes, [12, 50, 53, 54, 55, 57, 60, 61]);
}

#[test]
fn another_stack_accepts_the_datagram() {
    // An odd length shows that the last byte counts in the checksum.
    for (what, source, message) in [
        ("before we have an address", Ipv4Addr::UNSPECIFIED, vec![1; 300]),
        ("rebinding", Ipv4Addr::new(192, 0, 2, 9), vec![0xff; 300]),
        ("odd length", Ipv4Addr::UNSPECIFIED, vec![0xa5; 301]),
        ("empty", Ipv4Addr::UNSPECIFIED, Vec::new()),
    ] {
        let bytes = datagram(source, &message);
        let packet = Ipv4Packet::new_checked(&bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
        let repr = Ipv4Repr::parse(&packet, &ChecksumCapabilities::default()).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!((repr.src_addr, repr.dst_addr), (source, Ipv4Addr::BROADCAST), "{what}");
        assert_eq!((repr.next_header, repr.payload_len), (IpProtocol::Udp, message.len() + 8), "{what}");
        assert_eq!((packet.hop_limit(), packet.more_frags(), packet.frag_offset()), (64, false, 0), "{what}");
        let udp = UdpPacket::new_checked(packet.payload()).unwrap_or_else(|error| panic!("{what}: {error}"));
        let ports = UdpRepr::parse(&udp, &source.into(), &Ipv4Addr::BROADCAST.into(), &ChecksumCapabilities::default())
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!((ports.src_port, ports.dst_port), (68, 67), "{what}");
        assert_ne!(udp.checksum(), 0, "{what}: has a checksum");
        assert_eq!(udp.payload(), message, "{what}");
    }
}

#[test]
fn a_datagram_is_these_bytes() {
    let bytes = datagram(Ipv4Addr::UNSPECIFIED, &[0; 4]);
    assert_eq!(
        bytes,
        [
            0x45, 0xc0, 0, 32, 0, 0, 0x40, 0, 64, 17, 0x3a, 0x0e, 0, 0, 0, 0, 255, 255, 255, 255, // IPv4
            0, 68, 0, 67, 0, 12, 0xff, 0x4f, 0, 0, 0, 0, // UDP
        ]
    );
}

#[test]
fn unicast_messages_go_to_the_server_and_the_others_to_everybody() {
    let (us, server) = (unicast(US), unicast(SERVER));
    let nobody = Destination::Broadcast { source: Ipv4Addr::UNSPECIFIED };
    for (what, ask, want) in [
        ("discover", Ask::Discover { requested: Some(us), rapid_commit: true }, nobody),
        ("select", Ask::Select { requested: us, server }, nobody),
        ("reboot", Ask::Reboot { requested: us }, nobody),
        ("decline", Ask::Decline { requested: us, server }, nobody),
        ("rebind, from our address", Ask::Rebind { ciaddr: us }, Destination::Broadcast { source: us.get() }),
        ("renew", Ask::Renew { ciaddr: us, server }, Destination::Unicast { source: us, server }),
        ("release", Ask::Release { ciaddr: us, server }, Destination::Unicast { source: us, server }),
    ] {
        assert_eq!(Destination::of(&ask), want, "{what}");
    }
}

#[test]
fn a_checksum_is_that_of_rfc_1071() {
    for (what, parts, want) in [
        ("nothing", &[][..], 0xffff),
        ("the example of section 3", &[&[0x00, 0x01, 0xf2, 0x03][..], &[0xf4, 0xf5, 0xf6, 0xf7]], 0x220d),
        ("a sum of all ones", &[&[0xff, 0xff]], 0),
        ("one that is carried around", &[&[0xff, 0xff], &[0xff, 0xff, 0x00, 0x01]], 0xfffe),
        ("an odd end", &[&[0x12]], 0xedff),
    ] {
        assert_eq!(checksum(parts), want, "{what}");
    }
}
