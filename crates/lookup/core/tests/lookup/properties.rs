//! What holds for any bytes and any order of events.

use std::net::IpAddr;

use hickory_proto::op::{Message as Theirs, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use orlop_lookup_contract::Transport;
use orlop_lookup_core::answer::Reply;
use orlop_lookup_core::question::Kind;
use orlop_wire::HostAddr;
use proptest::prelude::*;

use crate::answers::read;
use crate::message::NAME;
use crate::targets;

proptest! {
    #[test]
    fn any_answer_is_survived(data in prop::collection::vec(any::<u8>(), 0..300)) {
        targets::answer(&data);
    }

    /// Pointers and lengths where there are some: what only looks like an answer.
    #[test]
    fn any_damage_to_an_answer_is_survived(at in 0_usize..200, byte: u8, cut in 0_usize..200) {
        let whole = crate::answers::good().remove(20).1.bytes();
        let mut data = [&[0][..], &whole].concat();
        let length = data.len();
        data[at % length] = byte;
        targets::answer(&data);
        targets::answer(&data[..cut % length]);
    }

    #[test]
    fn any_order_of_events_keeps_the_rules(script in prop::collection::vec(any::<u8>(), 0..400)) {
        targets::machine(&script);
    }

    #[test]
    fn any_request_has_one_spelling(data in prop::collection::vec(any::<u8>(), 0..40)) {
        targets::request(&data);
    }

    /// Written by hickory's encoder, with its compression; read by us as hickory reads it.
    #[test]
    fn what_another_library_writes_is_read_as_it_reads_it(
        aliases in 0_u8..5,
        addresses in prop::collection::vec((any::<[u8; 4]>(), 60_u32..86_400), 0..20),
        others in prop::collection::vec(any::<[u8; 16]>(), 0..3),
        backwards: bool,
    ) {
        let name = |n: u8| Name::from_ascii(if n == 0 { format!("{NAME}.") } else { format!("c{n}.{NAME}.") }).unwrap();
        let mut message = Theirs::new(7, MessageType::Response, OpCode::Query);
        message.add_query(Query::query(name(0), RecordType::A));
        let mut records: Vec<Record> =
            (0..aliases).map(|n| Record::from_rdata(name(n), 86_400, RData::CNAME(CNAME(name(n + 1))))).collect();
        let end = name(aliases);
        records.extend(addresses.iter().map(|(octets, ttl)| Record::from_rdata(end.clone(), *ttl, RData::A(A((*octets).into())))));
        records.extend(others.iter().map(|octets| Record::from_rdata(end.clone(), 1, RData::AAAA(AAAA((*octets).into())))));
        records.push(Record::from_rdata(end, 1, RData::TXT(TXT::new(vec!["more".to_owned()]))));
        if backwards {
            records.reverse();
        }
        message.insert_answers(records);
        let bytes = message.to_vec().unwrap();

        let theirs = Theirs::from_vec(&bytes).unwrap();
        let mut hosts = Vec::new();
        for record in &theirs.answers {
            if let RData::A(A(addr)) = &record.data && HostAddr::new((*addr).into()).is_some() {
                hosts.push((*addr).into());
            }
        }
        let mut want: Vec<IpAddr> = Vec::new();
        for addr in hosts {
            if !want.contains(&addr) {
                want.push(addr);
            }
        }
        want.truncate(16);
        match read(&bytes, Kind::A, Transport::Udp).0 {
            Ok(Reply::Addresses(addresses, _)) => {
                prop_assert_eq!(addresses.iter().map(|addr| addr.get()).collect::<Vec<_>>(), want);
            }
            Ok(Reply::NoAddress) => prop_assert!(want.is_empty()),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
