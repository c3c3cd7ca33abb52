use super::*;
use crate::frame::{BROADCAST_MAC, CLIENT_PORT, Checksum, Udp};

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 9];
const SERVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

fn lease() -> Lease {
    Lease::new(Ipv4Addr::new(192, 0, 2, 9), 60)
}

fn read(frame: &[u8]) -> (Udp, Message) {
    let udp = Udp::decode(frame).unwrap();
    let message = Message::decode(&udp.payload).unwrap();
    (udp, message)
}

#[test]
fn phases_are_told_apart() {
    let server = Ipv4Addr::new(192, 0, 2, 1);
    let request = Message::request(Kind::Request, 1, MAC);
    let mut selecting = request.clone();
    selecting.options.push((code::SERVER_ID, server.octets().to_vec()));
    let mut bound = request.clone();
    bound.ciaddr = Ipv4Addr::new(192, 0, 2, 9);
    for (message, destination, want) in [
        (Message::request(Kind::Discover, 1, MAC), Ipv4Addr::BROADCAST, Some(Phase::Discover)),
        (selecting, Ipv4Addr::BROADCAST, Some(Phase::Selecting)),
        (request, Ipv4Addr::BROADCAST, Some(Phase::Rebooting)),
        (bound.clone(), server, Some(Phase::Renewing)),
        (bound, Ipv4Addr::BROADCAST, Some(Phase::Rebinding)),
        (Message::request(Kind::Offer, 1, MAC), Ipv4Addr::BROADCAST, None),
    ] {
        assert_eq!(Phase::of(&message, destination), want, "{message}");
    }
}

#[test]
fn an_offer_answers_its_request() {
    let discover = Message::request(Kind::Discover, 77, MAC);
    let (udp, offer) = read(&lease().offer().frame(&discover, SERVER_MAC));
    assert_eq!((offer.op, offer.xid, offer.mac(), offer.kind()), (2, 77, MAC, Some(Kind::Offer)));
    assert_eq!(offer.yiaddr, Ipv4Addr::new(192, 0, 2, 9));
    assert_eq!(offer.address_option(code::SERVER_ID), Some(Ipv4Addr::new(192, 0, 2, 1)));
    assert_eq!(offer.seconds_option(code::LEASE_TIME), Some(60));
    assert_eq!(
        (udp.destination, udp.destination_mac, udp.destination_port),
        (offer.yiaddr, MAC, CLIENT_PORT),
        "unicast without the flag"
    );
}

#[test]
fn a_client_that_asks_for_broadcast_gets_it_and_a_refusal_is_broadcast_always() {
    let mut discover = Message::request(Kind::Discover, 1, MAC);
    let nak = Template::nak(Ipv4Addr::new(192, 0, 2, 1));
    assert_eq!(read(&nak.frame(&discover, SERVER_MAC)).0.destination, Ipv4Addr::BROADCAST);
    discover.flags = 0x8000;
    assert_eq!(read(&lease().offer().frame(&discover, SERVER_MAC)).0.destination_mac, BROADCAST_MAC);
}

#[test]
fn each_edit_changes_what_it_names() {
    let discover = Message::request(Kind::Discover, 1, MAC);
    let plain = lease().offer().frame(&discover, SERVER_MAC);
    for edit in [
        Edit::Op(1),
        Edit::Htype(6),
        Edit::Hlen(255),
        Edit::Xid(2),
        Edit::Chaddr([9; 6]),
        Edit::Siaddr(Ipv4Addr::new(192, 0, 2, 5)),
        Edit::Cookie(WRONG_COOKIE),
        Edit::File(vec![1]),
        Edit::Sname(vec![1]),
        Edit::RawOptions(vec![53, 1]),
        Edit::Truncate(100),
        Edit::Vlan(5),
        Edit::Checksum(Checksum::Wrong),
        Edit::Checksum(Checksum::Absent),
        Edit::SourcePort(68),
        Edit::DestinationPort(67),
        Edit::Unicast(Ipv4Addr::new(192, 0, 2, 200)),
        Edit::Byte(20, 0x20),
        Edit::Trailing(vec![1, 2, 3]),
    ] {
        assert_ne!(lease().offer().edit(edit.clone()).frame(&discover, SERVER_MAC), plain, "{edit:?}");
    }
}

#[test]
fn rules_answer_in_order_and_are_used_up() {
    let mut script = Script::serve(&lease()).first(1, Phase::Discover, []).without(Phase::Renewing);
    assert!(script.answer(Phase::Discover).is_empty(), "the first is met with silence");
    assert_eq!(script.answer(Phase::Discover), [Reply::Message(lease().offer())]);
    assert!(script.answer(Phase::Renewing).is_empty());
    assert_eq!(script.answer(Phase::Rebinding), [Reply::Message(lease().ack())]);
}

#[test]
fn an_overloaded_offer_says_the_same() {
    let discover = Message::request(Kind::Discover, 1, MAC);
    let (_, plain) = read(&lease().offer().frame(&discover, SERVER_MAC));
    let (_, moved) = read(&overloaded(lease().offer()).frame(&discover, SERVER_MAC));
    assert_eq!(moved.option(code::OVERLOAD), Some(vec![3]));
    for code in [code::SERVER_ID, code::LEASE_TIME, code::SUBNET_MASK] {
        assert_eq!(moved.option(code), plain.option(code), "option {code}");
    }
}

#[test]
fn routes_carry_only_the_significant_bytes() {
    let gateway = Ipv4Addr::new(10, 0, 0, 1);
    for (what, route, want) in [
        ("default", (Ipv4Addr::UNSPECIFIED, 0, gateway), vec![0, 10, 0, 0, 1]),
        ("a /17", (Ipv4Addr::new(192, 0, 128, 0), 17, gateway), vec![17, 192, 0, 128, 10, 0, 0, 1]),
        ("a host", (Ipv4Addr::new(192, 0, 2, 7), 32, gateway), vec![32, 192, 0, 2, 7, 10, 0, 0, 1]),
    ] {
        assert_eq!(classless_routes(&[route]), want, "{what}");
    }
}
