//! What an operator is told of a question that nobody has asked.

use orlop_resolver_contract::{Kept, QueryType, ServerAddr, UpstreamState, Upstreams, Way, Why};
use orlop_wire::DomainName;

use crate::message::{A, Message, PTR};
use crate::world::{World, answering, failing};

fn name(text: &str) -> DomainName {
    DomainName::new(text).unwrap()
}

fn why(world: &World, text: &str, kind: u16) -> Why {
    world.resolver.explain(world.now, &name(text), QueryType(kind))
}

fn servers(why: &Why) -> Vec<u8> {
    why.servers.iter().map(|candidate| candidate.upstream.into()).collect()
}

/// One server in a private network and one elsewhere, for all names; the latter and a third one for `corp.example`.
fn world() -> World {
    let mut world = World::new(vec![answering(5), answering(50), failing(5, 2)]);
    let server = |addr: [u8; 4]| ServerAddr::new(addr.into(), 53).unwrap();
    let [private, public, third] = [[10, 0, 0, 1], [198, 51, 100, 2], [198, 51, 100, 3]].map(server);
    let routed = [third, public].into_iter().fold(Upstreams::choose([private, public], |_| false), |all, server| {
        all.with_route(name("Corp.example"), server)
    });
    world.announce_these(routed);
    world.run(5);
    world
}

#[test]
fn the_way_of_a_name_and_its_servers_are_told() {
    let world = world();
    let corp = Way::Routed(name("corp.example"));
    for (text, kind, way, asked) in [
        ("www.example", A, Way::General, vec![0, 1]),
        ("a.CORP.example", A, corp, vec![1, 2]),
        ("1.0.0.10.in-addr.arpa", PTR, Way::Private, vec![0]),
        ("localhost", A, Way::Machine, vec![]),
        ("single", A, Way::Machine, vec![]),
    ] {
        let told = why(&world, text, kind);
        assert_eq!((told.kept, &told.way, servers(&told)), (Kept::Nothing, &way, asked), "{text}");
    }
    assert!(world.sent.is_empty(), "nobody was asked");
}

#[test]
fn what_is_known_of_servers_decides_on_their_order() {
    let mut world = world();
    for at in 0..4 {
        world.answer_to(&Message::query(&format!("a{at}.corp.example"), A));
        world.run(500);
    }
    let told = why(&world, "b.corp.example", A);
    assert_eq!(servers(&told), [1, 2], "the third fails");
    let [good, bad] = [told.servers[0], told.servers[1]];
    assert_eq!((good.state, bad.state), (UpstreamState::Good, UpstreamState::Failing));
    assert!(good.srtt.is_some_and(|took| (40..=60).contains(&took.as_millis())), "{good:?}");
}

#[test]
fn what_is_kept_is_told_with_its_age_and_not_used_by_that() {
    let mut world = world();
    world.answer_to(&Message::query("www.example", A));
    let Kept::Fresh(left) = why(&world, "WWW.example", A).kept else { panic!("it is kept") };
    assert!((290..300).contains(&left), "{left}");
    assert_eq!(why(&world, "www.example", PTR).kept, Kept::Nothing, "another type");
    world.run(310_000);
    let Kept::Stale(since) = why(&world, "www.example", A).kept else { panic!("it is kept although it is too old") };
    assert!((10..20).contains(&since), "{since}");
    world.run(86_400_000);
    assert_eq!(why(&world, "www.example", A).kept, Kept::Nothing);
}
