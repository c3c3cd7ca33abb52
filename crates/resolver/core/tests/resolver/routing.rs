//! Which upstream is asked for which name.

use std::net::IpAddr;

use orlop_resolver_contract::{Host, NEVER_ASKED, ServerAddr, Upstreams};
use orlop_resolver_core::resolver::Event;
use orlop_wire::DomainName;

use crate::decoded::decode;
use crate::message::{A, CNAME, Message, PTR, QUESTION, TXT, name};
use crate::world::{World, answering, failing, scripted};

fn server(last: u8) -> ServerAddr {
    ServerAddr::new([198, 51, 100, last].into(), 53).unwrap()
}

/// Three upstreams: the first for everything, the second for `corp.example` and more as well, the third for `lab.corp.example` alone.
fn routed() -> World {
    let mut world = World::new(vec![answering(5), answering(5), answering(5)]);
    world.announce_these(routes());
    world.run(5);
    world
}

fn routes() -> Upstreams {
    let mut upstreams = Upstreams::choose([1, 2].map(server), |_| false);
    for (domain, last) in [
        ("Corp.example", 2),
        ("lab.corp.example", 3),
        ("10.in-addr.arpa", 2),
        ("printers", 2),
        ("test", 2),
        ("localhost", 2),
        ("onion", 2),
        ("x", 2),
        ("b.c", 3),
    ] {
        upstreams = upstreams.with_route(DomainName::new(domain).unwrap(), server(last));
    }
    upstreams
}

#[test]
fn the_longest_route_counts_and_nobody_else_is_asked() {
    for (text, kind, want) in [
        ("a.corp.example", A, &[1][..]),
        ("CORP.example", A, &[1]),
        ("a.LAB.corp.example", A, &[2]),
        ("lab.corp.example", A, &[2]),
        ("notlab.corp.example", A, &[1]),
        ("acorp.example", A, &[0, 1]),
        ("example", TXT, &[0, 1]),
        ("1.0.0.10.in-addr.arpa", PTR, &[1]),
        ("1.1.168.192.in-addr.arpa", PTR, &[]),
        ("printers", A, &[1]),
        ("scanners", A, &[]),
        ("a.test", A, &[1]),
        ("a.localhost", A, &[]),
        ("a.onion", A, &[]),
        // The shortest domains there are, on the wire: of three and of five bytes.
        ("x", A, &[1]),
        ("a.x", A, &[1]),
        ("ax", TXT, &[0, 1]),
        ("b.c", A, &[2]),
        ("a.b.c", A, &[2]),
        ("c", TXT, &[0, 1]),
        ("ab.c", A, &[0, 1]),
    ] {
        let mut world = routed();
        world.answer_to(&Message::query(text, kind));
        let asked: Vec<usize> = (0..3).filter(|upstream| world.questions(*upstream) > 0).collect();
        assert_eq!(asked, want, "{text}");
    }
}

#[test]
fn no_route_leads_to_names_that_nobody_is_asked_for() {
    for domain in NEVER_ASKED {
        let mut world = World::new(vec![answering(5)]);
        world.announce_these(
            Upstreams::choose([server(1)], |_| false).with_route(DomainName::new(domain).unwrap(), server(1)),
        );
        world.run(5);
        world.answer_to(&Message::query(domain, A));
        world.answer_to(&Message::query(&format!("9.{domain}"), PTR));
        assert_eq!(world.questions(0), 0, "{domain}");
    }
}

#[test]
fn of_the_servers_of_a_route_the_next_is_asked_when_one_fails() {
    let mut world = routed();
    world.announce_these(routes().with_route(DomainName::new("lab.corp.example").unwrap(), server(2)));
    world.run(5);
    world.replace(2, failing(5, 2));
    assert_eq!(world.answer_to(&Message::query("a.lab.corp.example", A)).code(), 0);
    assert_eq!((world.questions(0), world.questions(1)), (0, 1));
}

#[test]
fn a_routed_name_is_not_told_to_others_when_its_server_fails() {
    let mut world = routed();
    world.replace(2, failing(5, 2));
    assert_eq!(world.answer_to(&Message::query("a.lab.corp.example", A)).code(), 2);
    assert_eq!((world.questions(0), world.questions(1)), (0, 0));
}

#[test]
fn an_alias_into_a_routed_domain_is_asked_there() {
    let mut world = routed();
    let alias = |asked: &[u8]| Message::reply(asked).answer(&QUESTION, CNAME, 60, &name("b.lab.corp.example"));
    world.replace(0, scripted(5, alias));
    world.replace(1, scripted(5, alias));
    let answer = world.answer_to(&Message::query("a.example", A));
    assert_eq!((decode(&answer.message).answers.len(), world.questions(2)), (2, 1));
}

#[test]
fn an_alias_to_a_name_of_this_machine_is_answered_here() {
    let alias = |asked: &[u8]| Message::reply(asked).answer(&QUESTION, CNAME, 60, &name("db.example"));
    let mut world = World::new(vec![scripted(5, alias)]);
    let address = IpAddr::from([192, 0, 2, 9]).into();
    world.happens(Event::Hosts(vec![Host { address, name: DomainName::new("db.example").unwrap() }]));
    let answer = world.answer_to(&Message::query("a.example", A));
    assert_eq!((answer.message.last(), world.questions(0)), (Some(&9), 1));
}

#[test]
fn what_is_kept_goes_when_the_routes_change() {
    let mut world = routed();
    world.answer_to(&Message::query("a.example", A));
    let sent = world.sent.len();
    world.announce_these(routes());
    world.run(5);
    world.answer_to(&Message::query("a.example", A));
    assert_eq!(world.sent.len(), sent, "the same routes");
    let corp = DomainName::new("corp.example").unwrap();
    world.announce_these(Upstreams::choose([server(1)], |_| false).with_route(corp, server(2)));
    world.run(5);
    world.answer_to(&Message::query("a.example", A));
    assert_eq!(world.sent.len(), sent + 1);
}
