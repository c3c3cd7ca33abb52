//! Packets that break clients: each is dropped under its name, or costs only the option that is broken.

use core::net::Ipv4Addr;
use core::time::Duration;

use orlop_dhcp_contract::{Discard, Lease, Phase};
use orlop_dhcp_core::client::Action;
use orlop_dhcp_core::frame::{MAX_PACKET, PacketInfo};

use crate::bench::{Bench, conduct};
use crate::packet::{ACK, OFFER, Packet};

/// A packet around a sound offer, and why it is dropped.
pub(crate) type Dropped = (&'static str, fn(Packet) -> Vec<u8>, PacketInfo, Discard);

/// Every way to be wrong as a whole.
pub(crate) fn wrong() -> Vec<Dropped> {
    let plain = PacketInfo::PLAIN;
    vec![
        ("nothing", |_| Vec::new(), plain, Discard::BadIpHeader),
        ("half an IP header", |p| p.bytes()[..10].to_vec(), plain, Discard::BadIpHeader),
        ("IP version 6", |p| edit(p.bytes(), 0, 0x65), plain, Discard::BadIpHeader),
        ("IHL below 5", |p| edit(p.bytes(), 0, 0x44), plain, Discard::BadIpHeader),
        ("IHL 15 beyond the packet", |p| edit(p.bytes(), 0, 0x4f), plain, Discard::BadIpHeader),
        ("IP checksum", |p| edit(p.bytes(), 8, 63), plain, Discard::BadIpHeader),
        ("total length beyond the packet", |p| Packet { extra_total: 1, ..p }.bytes(), plain, Discard::BadIpHeader),
        ("total length inside the IP header", |p| Packet { extra_total: -270, ..p }.bytes(), plain, Discard::BadUdp),
        ("first fragment (MF)", |p| Packet { fragment: 0x2000, ..p }.bytes(), plain, Discard::BadIpHeader),
        ("later fragment", |p| Packet { fragment: 0x0010, ..p }.bytes(), plain, Discard::BadIpHeader),
        ("TCP", |p| Packet { protocol: 6, ..p }.bytes(), plain, Discard::BadUdp),
        (
            "UDP length beyond the packet (CVE-2015-8605)",
            |p| Packet { extra_udp: 1, ..p }.bytes(),
            plain,
            Discard::BadUdp,
        ),
        ("UDP length below its header", |p| Packet { extra_udp: -260, ..p }.bytes(), plain, Discard::BadUdp),
        ("UDP checksum", |p| Packet { checksum: Some(0x1234), ..p }.bytes(), plain, Discard::BadUdp),
        ("UDP checksum of all ones", |p| Packet { checksum: Some(0xffff), ..p }.bytes(), plain, Discard::BadUdp),
        ("for the server port", |p| Packet { ports: (68, 67), ..p }.bytes(), plain, Discard::WrongPort),
        ("port 0", |p| Packet { ports: (67, 0), ..p }.bytes(), plain, Discard::WrongPort),
        ("VLAN 5", |p| p.bytes(), PacketInfo { vlan: Some(0xe005), ..plain }, Discard::WrongVlan),
        ("cut by the receive buffer", |p| p.bytes(), PacketInfo { whole: false, ..plain }, Discard::Oversize),
        ("larger than any frame (CVE-2012-2152)", |p| p.raw(&[0; 9300]).bytes(), plain, Discard::Oversize),
        ("empty datagram", |p| p.around(&[]), plain, Discard::Truncated),
        ("one byte short of the options", |p| p.around(&p.message()[..239]), plain, Discard::Truncated),
        ("a request", |p| Packet { head: [1, 1, 6], ..p }.bytes(), plain, Discard::NotReply),
        ("hlen 255", |p| Packet { head: [2, 1, 255], ..p }.bytes(), plain, Discard::WrongHardware),
        ("hlen 0", |p| Packet { head: [2, 1, 0], ..p }.bytes(), plain, Discard::WrongHardware),
        ("hlen 16", |p| Packet { head: [2, 1, 16], ..p }.bytes(), plain, Discard::WrongHardware),
        ("htype of Infiniband", |p| Packet { head: [2, 32, 6], ..p }.bytes(), plain, Discard::WrongHardware),
        ("no cookie", |p| Packet { cookie: [0; 4], ..p }.bytes(), plain, Discard::NoCookie),
        ("another xid", |p| Packet { xid: !p.xid, ..p }.bytes(), plain, Discard::WrongXid),
        ("another client's", |p| Packet { chaddr: [2, 0, 0, 0, 0, 2], ..p }.bytes(), plain, Discard::WrongChaddr),
        ("no message type", |p| p.without(53).bytes(), plain, Discard::WrongType),
        ("only padding", |p| Packet { options: vec![0; 1_200], ..p }.bytes(), plain, Discard::WrongType),
        ("message type of no bytes", |p| p.without(53).option(53, &[]).bytes(), plain, Discard::WrongType),
        (
            "message type behind a flaw",
            |p| p.without(53).raw(&[6, 200]).option(53, &[2]).bytes(),
            plain,
            Discard::WrongType,
        ),
        ("FORCERENEW (CVE-2020-13529)", |p| p.without(53).option(53, &[9]).bytes(), plain, Discard::WrongType),
        ("lease time of zero", |p| p.without(51).option(51, &[0; 4]).bytes(), plain, Discard::BadLeaseTime),
    ]
}

#[test]
fn a_packet_that_is_wrong_as_a_whole_is_dropped_and_counted() {
    for (what, packet, info, want) in wrong() {
        let mut bench = Bench::selecting(conduct());
        let bytes = packet(Packet::lease(OFFER, bench.xid));
        let actions = bench.client.receive(bench.now, &bytes, info);
        // An answer to us is told of at once, the rest later.
        let told = usize::from(want.is_of_an_answer());
        assert!(actions.iter().all(|action| matches!(action, Action::Report(_))), "{what}: {actions:?}");
        assert_eq!(actions.len(), told, "{what}: {actions:?}");
        assert_eq!(bench.phase(), Phase::Selecting, "{what}");
        let mut dropped = bench.dropped();
        dropped.retain(|(discard, _)| !discard.is_of_a_part());
        assert_eq!(dropped, [(want, 1)], "{what}");
    }
}

#[test]
fn an_address_that_no_host_can_have_is_dropped() {
    for (what, yiaddr, mask) in [
        ("unspecified", [0, 0, 0, 0], [255, 255, 255, 0]),
        ("broadcast", [255, 255, 255, 255], [255, 255, 255, 0]),
        ("loopback", [127, 0, 0, 1], [255, 255, 255, 0]),
        ("multicast", [224, 0, 0, 5], [255, 255, 255, 0]),
        ("network of its mask", [192, 0, 2, 0], [255, 255, 255, 0]),
        ("broadcast of its mask", [192, 0, 2, 255], [255, 255, 255, 0]),
    ] {
        let mut bench = Bench::selecting(conduct());
        let offer = Packet::lease(OFFER, bench.xid).without(1).option(1, &mask);
        let _ = bench.packet(&Packet { yiaddr: yiaddr.into(), ..offer });
        assert_eq!((bench.phase(), bench.dropped()), (Phase::Selecting, vec![(Discard::BadAddress, 1)]), "{what}");
    }
}

/// A packet around a sound offer, and what the kernel says about it.
pub(crate) type Unusual = (&'static str, fn(Packet) -> Vec<u8>, PacketInfo);

/// Every way to be odd but right.
pub(crate) fn unusual() -> Vec<Unusual> {
    let plain = PacketInfo::PLAIN;
    let unready = PacketInfo { checksum_ready: false, ..plain };
    vec![
        ("no UDP checksum", |p| Packet { checksum: Some(0), ..p }.bytes(), plain),
        ("checksum not ready (veth, virtio)", |p| Packet { checksum: Some(0x1234), ..p }.bytes(), unready),
        ("IP options", |p| Packet { ihl: 15, ..p }.bytes(), plain),
        ("padding after the IP packet", |p| [p.bytes(), vec![0; 18]].concat(), plain),
        ("a priority tag", |p| p.bytes(), PacketInfo { vlan: Some(0xe000), ..plain }),
        ("from a port of its own", |p| Packet { ports: (40_000, 68), ..p }.bytes(), plain),
        ("no END", |p| p.around(&p.open_message()), plain),
        ("options after END", |p| p.raw(&[255, 53, 1, 6]).bytes(), plain),
        ("padding between options", |p| p.raw(&[0; 900]).option(6, &[192, 0, 2, 2]).bytes(), plain),
        (
            "relay option first",
            |p| {
                let rest = p.options.clone();
                Packet { options: vec![82, 4, 1, 9, 9, 9], ..p }.raw(&rest).bytes()
            },
            plain,
        ),
        ("don't fragment", |p| Packet { fragment: 0x4000, ..p }.bytes(), plain),
        ("message type in file", |p| p.without(53).option(52, &[1]).in_file(&[53, 1, 2, 255]).bytes(), plain),
        ("message type in sname", |p| p.without(53).option(52, &[2]).in_sname(&[53, 1, 2, 255]).bytes(), plain),
    ]
}

#[test]
fn a_packet_that_is_only_unusual_is_taken() {
    for (what, packet, info) in unusual() {
        let mut bench = Bench::selecting(conduct());
        let bytes = packet(Packet::lease(OFFER, bench.xid));
        let actions = bench.client.receive(bench.now, &bytes, info);
        assert_eq!(bench.phase(), Phase::Requesting, "{what}: {actions:?} {:?}", bench.dropped());
        assert_eq!(bench.dropped(), [], "{what}");
    }
}

#[test]
fn a_packet_is_as_large_as_any_frame_and_no_larger() {
    for (what, size, want) in
        [("as large", MAX_PACKET, vec![]), ("a byte more", MAX_PACKET + 1, vec![(Discard::Oversize, 1)])]
    {
        let mut bench = Bench::selecting(conduct());
        let _ = bench.packet(&Packet::lease(OFFER, bench.xid).filled(size));
        assert_eq!(bench.dropped(), want, "{what}");
    }
}

/// Configures the lease of an ACK with `edit` made to it.
pub(crate) fn lease_of(edit: impl Fn(Packet) -> Packet) -> (Lease, Vec<(Discard, u32)>) {
    let mut bench = Bench::requesting();
    let actions = bench.packet(&edit(Packet::lease(ACK, bench.xid)));
    match actions.into_iter().next() {
        Some(Action::Configure(lease)) => (*lease, bench.dropped()),
        other => panic!("no lease but {other:?}, {:?}", bench.dropped()),
    }
}

/// A name, an option and its broken bytes.
pub(crate) type Broken = (&'static str, u8, &'static [u8]);

/// Every way for one option to be broken.
pub(crate) fn broken() -> Vec<Broken> {
    vec![
        ("mask with a hole", 1, &[255, 0, 255, 0]),
        ("mask of nothing", 1, &[0, 0, 0, 0]),
        ("mask of half the Internet", 1, &[128, 0, 0, 0]),
        ("mask of three bytes", 1, &[255, 255, 255]),
        ("no router", 3, &[]),
        ("router of three bytes", 3, &[192, 0, 2]),
        ("DNS of three bytes", 6, &[192, 0, 2]),
        ("shell in the host name (CVE-2011-0997)", 12, b"a;`id`"),
        ("substitution in the host name", 12, b"$(reboot)"),
        ("environment in the host name (CVE-2014-6271)", 12, b"() { :;}; id"),
        ("a second line in the host name", 12, b"a\nnameserver 192.0.2.66"),
        ("host name of nothing", 12, &[]),
        ("host name of zeros", 12, &[0, 0]),
        ("host name that is not UTF-8", 12, &[0xff, 0xfe]),
        ("quote in the domain (CVE-2018-1111)", 15, b"x' & cmd #"),
        ("environment in the domain", 15, b"() { :;}; id"),
        ("MTU of nothing", 26, &[]),
        ("MTU 0", 26, &[0, 0]),
        ("MTU below 576", 26, &[2, 63]),
        ("broadcast of two bytes", 28, &[1, 2]),
        ("time server of one byte", 42, &[1]),
        ("T1 of two bytes", 58, &[0, 9]),
        ("T2 of nothing", 59, &[]),
        ("pointer to itself in the search list", 119, &[0xc0, 0]),
        ("search list cut inside a label", 119, &[7, b'e', b'x']),
        ("search list without its last zero", 119, &[2, b'e', b'x']),
        ("pointer forward", 119, &[0xc0, 2, 0]),
        ("shell in the search list", 119, &[5, b'$', b'(', b'i', b'd', b')', 0]),
        ("wire server of three bytes", 245, &[168, 63, 129]),
        ("wire server that no host can be", 245, &[255, 255, 255, 255]),
        ("route of 33 bits", 121, &[33, 10, 0, 0, 0, 1, 192, 0, 2, 1]),
        ("route without all of its router (CVE-2016-1503)", 121, &[24, 10, 0, 0, 192, 0]),
    ]
}

#[test]
fn a_broken_option_is_left_out_and_costs_no_other() {
    for (what, code, data) in broken() {
        let (lease, dropped) = lease_of(|packet| {
            let packet = packet.without(code).option(code, data);
            // A neighbour on each side that must survive.
            if code == 6 { packet } else { packet.option(6, &[192, 0, 2, 53]) }
        });
        assert_eq!(lease.addr.get(), Ipv4Addr::new(192, 0, 2, 9), "{what}");
        assert_eq!(lease.prefix.bits(), 24, "{what}");
        assert_eq!(lease.dns.len(), usize::from(code != 6), "{what}");
        assert_eq!((lease.mtu, lease.hostname, lease.domain), (None, None, None), "{what}");
        assert!(lease.search.is_empty() && lease.routes.is_empty() && lease.routers.is_empty(), "{what}");
        assert!(lease.ntp.is_empty() && lease.broadcast.is_none(), "{what}");
        assert_eq!(dropped, [(Discard::BadOption, 1)], "{what}");
    }
}

#[test]
fn fields_that_no_use_is_made_of_are_never_looked_at() {
    for (what, edit) in [
        ("a path in option 101", (|p| p.option(101, b"../../etc/x")) as fn(Packet) -> Packet),
        ("an escape in option 56", |p| p.option(56, b"\x1b[2J\n")),
        ("a proxy script in option 252", |p| p.option(252, b"x' & cmd #")),
        ("directives in file (CVE-2026-42511)", |p| p.in_file(b"x\";\n option routers 192.0.2.66;")),
        ("vendor data that does not parse", |p| p.option(43, &[9, 200]).option(125, &[0, 0, 1, 55, 200])),
        ("a short 6rd option (CVE-2018-20679)", |p| p.option(212, &[1])),
        ("more of them than are kept", |p| (0..300).fold(p, |p, _| p.option(224, &[1]))),
        ("overload of nothing at the end (CVE-2019-11579)", |p| p.option(82, &[1, 200])),
    ] {
        let (lease, dropped) = lease_of(edit);
        assert_eq!((lease, dropped), lease_of(|packet| packet), "{what}");
    }
}

#[test]
fn overload_never_leads_in_a_circle() {
    let again = [52, 1, 3, 6, 4, 192, 0, 2, 53, 255];
    for (what, value, wrong) in
        [("file again", &[1][..], 1), ("both again", &[3], 2), ("nothing", &[], 1), ("four", &[4], 1)]
    {
        let (lease, dropped) = lease_of(|packet| packet.option(52, value).in_file(&again).in_sname(&again));
        assert_eq!(dropped, [(Discard::BadOption, wrong)], "{what}");
        // Servers that stand in both fields are joined and told once.
        assert_eq!(lease.dns.len(), usize::from(matches!(value, [1 | 3])), "{what}");
    }
}

#[test]
fn lists_longer_than_any_use_are_cut_and_counted() {
    let many: Vec<u8> = (1..=60).flat_map(|n| [192, 0, 2, n]).collect();
    let routes: Vec<u8> = (0..90).flat_map(|n| [24, 10, 9, n, 192, 0, 2, 1]).collect();
    let names: Vec<u8> = (0..40).flat_map(|n| [3, b'a', b'0' + n / 10, b'0' + n % 10, 0]).collect();
    let (lease, dropped) =
        lease_of(|packet| packet.option(6, &many).option(42, &many).option(121, &routes).option(119, &names));
    assert_eq!(lease.dns.len(), Lease::MAX_SERVERS);
    assert_eq!(lease.ntp.len(), Lease::MAX_SERVERS);
    assert_eq!(lease.routes.len(), Lease::MAX_ROUTES);
    assert_eq!(lease.search.len(), Lease::MAX_SEARCH);
    assert_eq!(dropped, [(Discard::Excess, 4)]);
}

#[test]
fn more_instances_and_longer_options_than_any_use_are_counted_and_cut() {
    for (what, instances, want) in [("as many as are kept", 252, 0), ("one more", 253, 1), ("many more", 300, 1)] {
        // Four are in the lease already.
        let (_, dropped) = lease_of(|packet| (0..instances).fold(packet, |packet, _| packet.option(12, &[])));
        let excess: u32 = dropped.iter().filter(|(why, _)| *why == Discard::Excess).map(|(_, times)| times).sum();
        assert_eq!(excess, want, "{what}: {dropped:?}");
    }
    // Routes of five bytes, each over the whole Internet and by a router of its own.
    let routes = |count: u16| (0..count).flat_map(|n| [0, 192, 0, 2 + n.to_be_bytes()[0], n.to_be_bytes()[1]]);
    let (lease, dropped) = lease_of(|packet| packet.option(121, &routes(409).chain([0; 3]).collect::<Vec<_>>()));
    assert_eq!(dropped, [(Discard::BadOption, 1), (Discard::Excess, 1)], "2,048 bytes are looked at");
    assert_eq!(lease.routes.len(), Lease::MAX_ROUTES);
    let names: Vec<u8> = (0..206).flat_map(|n| [3, b'a', b'a' + n / 16, b'a' + n % 16, 0]).collect();
    let (lease, dropped) = lease_of(|packet| packet.option(119, &names));
    let want = vec![(Discard::BadOption, 1), (Discard::Excess, 1)];
    assert_eq!((lease.search.len(), dropped), (Lease::MAX_SEARCH, want), "1,030 bytes of names");
    let (lease, dropped) = lease_of(|packet| packet.option(121, &[8, 10, 192, 0, 2, 1].repeat(350)));
    assert_eq!(lease.routes.len(), 1, "what fits counts");
    assert_eq!(dropped, [(Discard::Excess, 1)]);
}

fn edit(mut bytes: Vec<u8>, at: usize, value: u8) -> Vec<u8> {
    bytes[at] = value;
    bytes
}

#[test]
fn the_first_answer_that_cannot_be_used_is_told_of_at_once_and_the_next_ones_later() {
    let mut bench = Bench::selecting(conduct());
    let bad = Packet::lease(OFFER, bench.xid).without(51).option(51, &[0; 4]);
    let mut reports = Vec::new();
    for _ in 0..100 {
        bench.now = bench.now.after(Duration::from_millis(1));
        reports.extend(bench.packet(&bad));
    }
    let [Action::Report(progress)] = &reports[..] else { panic!("{reports:?}") };
    assert_eq!(progress.discards.unusable(), Some((Discard::BadLeaseTime, 1)));
}

#[test]
fn a_flood_of_garbage_is_counted_without_a_flood_of_reports() {
    let mut bench = Bench::bound();
    let garbage = Packet { xid: 7, ..Packet::lease(OFFER, 7) }.bytes();
    let mut reports = 0;
    for _ in 0..50_000 {
        bench.now = bench.now.after(Duration::from_micros(200));
        reports += bench.client.receive(bench.now, &garbage, PacketInfo::PLAIN).len();
    }
    assert_eq!(bench.dropped(), [(Discard::WrongXid, 50_000)]);
    assert_eq!(reports, 2, "ten seconds, one report in five");
    assert_eq!(bench.phase(), Phase::Bound);
}
