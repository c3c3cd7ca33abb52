//! Public names that claim addresses of private networks, where the operator forbids it.

use orlop_resolver_contract::{Conduct, Discard, Host, ServerAddr, Upstreams};
use orlop_resolver_core::resolver::Event;
use orlop_wire::DomainName;

use crate::decoded::{decode, ede};
use crate::message::{A, CNAME, Message, QUESTION, TXT, name};
use crate::world::{World, scripted};

const AAAA: u16 = 28;
const HTTPS: u16 = 65;

/// A world with one server for all names, and another for `corp.example`, which answer both with these records of this type.
fn world(refuse_private: bool, kind: u16, records: &[&[u8]]) -> World {
    let records: Vec<Vec<u8>> = records.iter().map(|data| data.to_vec()).collect();
    let upstream = |_: u8| {
        let records = records.clone();
        scripted(5, move |query: &[u8]| {
            records.iter().fold(Message::reply(query), |reply, data| reply.answer(&QUESTION, kind, 60, data))
        })
    };
    let mut world = World::with(Conduct { refuse_private, ..Conduct::default() }, vec![upstream(0), upstream(1)]);
    let [general, corp] = [1, 2].map(|last| ServerAddr::new([198, 51, 100, last].into(), 53).unwrap());
    let corp_example = DomainName::new("corp.example").unwrap();
    world.announce_these(Upstreams::choose([general], |_| false).with_route(corp_example, corp));
    world.run(5);
    world
}

/// The code, the extended error and the number of records that whoever asks for this gets, live and out of the cache.
fn told(world: &mut World, text: &str, kind: u16) -> (u16, Option<u16>, usize) {
    let mut seen: Vec<_> = (0..2)
        .map(|_| {
            let client = world.ask(&Message::query(text, kind).opt(1232, 0, &[]));
            world.run(50);
            let answer = world.answer(client);
            (u16::from(answer.code()), ede(&answer.message), decode(&answer.message).answers.len())
        })
        .collect();
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
    seen[0]
}

const MAPPED: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1];

#[test]
fn a_public_name_has_no_address_of_a_private_network() {
    const REFUSED: (u16, Option<u16>, usize) = (5, Some(15), 0);
    for (what, kind, records, want) in [
        ("private", A, &[&[10, 0, 0, 1][..]][..], REFUSED),
        ("this machine", A, &[&[127, 0, 0, 1]], REFUSED),
        ("one of several", A, &[&[192, 0, 2, 1], &[192, 168, 0, 1]], REFUSED),
        ("public", A, &[&[192, 0, 2, 1]], (0, None, 1)),
        ("mapped (CVE-2026-123603)", AAAA, &[&MAPPED], REFUSED),
        ("a hint of a service", HTTPS, &[b"\0\x01\0\0\x04\0\x04\x0a\0\0\x01"], REFUSED),
        ("a public hint", HTTPS, &[b"\0\x01\0\0\x04\0\x04\xc0\0\x02\x01"], (0, None, 1)),
        ("a text", TXT, &[b"\x0410.1"], (0, None, 1)),
    ] {
        let mut world = world(true, kind, records);
        assert_eq!(told(&mut world, "www.example", kind), want, "{what}");
        assert_eq!(world.resolver.status().discards.of(Discard::Rebinding), u32::from(want.0 == 5), "{what}");
        assert_eq!(world.questions(0), 1, "{what}: nobody is asked again for it");
    }
}

#[test]
fn routes_and_who_does_not_forbid_it_are_spared() {
    let mut routed = world(true, A, &[&[10, 0, 0, 1]]);
    assert_eq!(told(&mut routed, "www.corp.example", A), (0, None, 1), "a route");
    let mut allowed = world(false, A, &[&[10, 0, 0, 1]]);
    assert_eq!(told(&mut allowed, "www.example", A), (0, None, 1), "not forbidden");
}

/// What an attacker's name is an alias of is as good as an address of its own.
#[test]
fn an_alias_does_not_lead_around_it() {
    let mut world = world(true, A, &[&[10, 0, 0, 1]]);
    world.replace(
        0,
        scripted(5, |query| {
            let target = if query.windows(5).any(|label| label.eq_ignore_ascii_case(b"\x04host")) {
                "db.host"
            } else {
                "www.corp.example"
            };
            Message::reply(query).answer(&QUESTION, CNAME, 60, &name(target))
        }),
    );
    assert_eq!(told(&mut world, "evil.example", A).0, 5, "into a routed domain");
    let address = std::net::IpAddr::from([192, 168, 0, 9]).into();
    world.happens(Event::Hosts(vec![Host { address, name: DomainName::new("db.host").unwrap() }]));
    assert_eq!(told(&mut world, "evil.host", A).0, 5, "to a name of this machine");
    assert_eq!(told(&mut world, "db.host", A).0, 0, "which has it by itself");
}
