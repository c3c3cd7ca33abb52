//! What holds for any bytes and any order of events.

use core::net::Ipv4Addr;

use orlop_dhcp_contract::{Counters, HardwareAddr};
use orlop_dhcp_core::client::{Action, Client, Event};
use orlop_dhcp_core::frame::{self, PacketInfo};
use orlop_dhcp_core::message::{Header, Kind, Reply};
use orlop_dhcp_core::option::{Fields, Join, Options};
use orlop_machine::{Instant, Machine, Seed};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::packet::{ACK, OURS, Packet};
use crate::targets;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_parsed_without_a_panic(data in vec(any::<u8>(), 0..700)) {
        targets::options(&data);
        targets::frame(&data);
        targets::message_to_lease(&data);
        targets::ipc_from_worker(&data);
        targets::ipc_from_broker(&data);
    }

    #[test]
    fn any_options_in_a_sound_message_are_parsed_without_a_panic(
        options in vec((any::<u8>(), vec(any::<u8>(), 0..40)), 0..30),
        used in vec((prop::sample::select(vec![1_u8, 3, 6, 12, 15, 26, 33, 51, 52, 54, 58, 59, 61, 80, 119, 121, 249]), vec(any::<u8>(), 0..20)), 0..20),
        file: [u8; 32],
        sname: [u8; 32],
    ) {
        let packet = Packet { yiaddr: Ipv4Addr::new(192, 0, 2, 9), ..Packet::new(ACK, 1) }.in_file(&file).in_sname(&sname);
        let packet = options.iter().chain(&used).fold(packet, |packet, (code, data)| packet.option(*code, data));
        targets::message_to_lease(&packet.message());
        let bytes = packet.bytes();
        targets::frame(&[&[0], &*bytes].concat());
    }

    #[test]
    fn any_order_of_events_keeps_the_promises(script in vec(any::<u8>(), 0..900)) {
        targets::machine(&script);
    }

    #[test]
    fn what_a_server_writes_is_what_is_read(
        xid: u32,
        yiaddr: [u8; 4],
        server in 1_u8..224,
        secs: u32,
        dns in vec((1_u8..127, any::<u8>()), 0..8),
        source: [u8; 4],
    ) {
        let servers: Vec<u8> = dns.iter().flat_map(|(a, b)| [*a, *b, 7, 7]).collect();
        let mut packet = Packet { yiaddr: yiaddr.into(), source: source.into(), ..Packet::new(ACK, xid) }
            .option(54, &[if server == 127 { 1 } else { server }, 0, 2, 1])
            .option(51, &secs.to_be_bytes());
        if !servers.is_empty() {
            packet = packet.option(6, &servers);
        }
        let bytes = packet.bytes();
        let datagram = frame::parse(&bytes, PacketInfo::PLAIN).unwrap();
        prop_assert_eq!(datagram.source, Ipv4Addr::from(source));
        let header = Header::parse(datagram.payload).unwrap();
        prop_assert_eq!(header.xid, xid);
        let mut counters = Counters::default();
        let reply = Reply::parse(&header, datagram.source, &mut counters).unwrap();
        prop_assert_eq!(counters.total(), 0);
        prop_assert_eq!((reply.kind, reply.yiaddr, reply.lease_secs), (Kind::Ack, yiaddr.into(), Some(secs)));
        let mut distinct: Vec<Ipv4Addr> = Vec::new();
        for (a, b) in dns {
            let addr = Ipv4Addr::new(a, b, 7, 7);
            if !distinct.contains(&addr) {
                distinct.push(addr);
            }
        }
        prop_assert_eq!(reply.dns.iter().map(|addr| addr.get()).collect::<Vec<_>>(), distinct);
    }

    #[test]
    fn an_option_cut_anywhere_reads_as_one(data in vec(any::<u8>(), 0..600), cuts in vec(1_usize..200, 1..20)) {
        // More pieces than these are a flood, and left out.
        const MAX_INSTANCES: usize = 256;
        let (mut field, mut kept, mut pieces) = (Vec::new(), Vec::new(), 0);
        let (mut rest, mut cuts) = (&*data, cuts.into_iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(cuts.next().unwrap().min(rest.len()));
            field.extend([200, u8::try_from(piece.len()).unwrap()]);
            field.extend(piece);
            pieces += 1;
            if pieces <= MAX_INSTANCES {
                kept.extend(piece);
            }
            // Something else in between: the pieces need not be neighbours.
            field.extend([0, 201, 1, 7]);
            rest = after;
        }
        let options = Options::parse(Fields { options: &field, file: &[], sname: &[] }, |code| code == 200);
        let joined = options.get(200, Join::All).map(|joined| joined.bytes.into_owned());
        prop_assert_eq!(joined, (!data.is_empty()).then_some(kept));
    }
}

#[test]
fn links_that_start_together_differ_in_xid_and_the_same_seed_repeats() {
    let first_xid = |seed: u8| {
        let conduct = crate::bench::conduct();
        let mut client = Client::new(conduct, HardwareAddr(OURS), None, true, Seed::from_bytes([seed; 32]));
        match client.handle(Instant::from_nanos(1), Event::Started).first() {
            Some(Action::Send { xid, .. }) => *xid,
            other => panic!("{other:?}"),
        }
    };
    let xids: std::collections::BTreeSet<u32> = (0..64).map(first_xid).collect();
    assert_eq!(xids.len(), 64);
    assert_eq!(first_xid(3), first_xid(3));
}
