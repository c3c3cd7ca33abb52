//! Of messages as the kernel sends them: a dump has what a request to add it had.

use core::time::Duration;

use orlop_machine::Instant;

use super::*;
use crate::netlink::footprint::Plan;
use crate::netlink::frame::{encode, frames};
use crate::netlink::request::{self, RTM_DELADDR, RTM_DELROUTE};

const NOW: Instant = Instant::from_nanos(1_000_000_000);

fn link(index: u32) -> IfIndex {
    IfIndex::new(index).unwrap()
}

fn unicast(addr: [u8; 4]) -> UnicastAddr {
    UnicastAddr::new(addr.into()).unwrap()
}

fn route(destination: [u8; 4], bits: u8, gateway: Option<[u8; 4]>) -> KernelRoute {
    KernelRoute {
        destination: destination.into(),
        prefix: PrefixLen::new(bits).unwrap(),
        gateway: gateway.map(unicast),
    }
}

fn footprint() -> Footprint {
    Footprint {
        addr: unicast([192, 0, 2, 9]),
        prefix: PrefixLen::new(24).unwrap(),
        ours: true,
        broadcast: Some([192, 0, 2, 255].into()),
        expires_at: Some(NOW.after(Duration::from_secs(600))),
        metric: 1002,
        routes: vec![route([192, 0, 2, 1], 32, None), route([0; 4], 0, Some([192, 0, 2, 1]))],
        mtu: Some(1400),
    }
}

/// What the kernel has once this is on link 2.
fn with(own: &Footprint) -> Observed {
    let put = Plan::replace(None, own, true, NOW).put;
    let mut requests: Vec<_> = put.iter().map(|change| change.request(link(2))).collect();
    requests.push(request::network(link(2), own.addr, own.prefix, own.metric));
    let mut observed = Observed::default();
    for frame in frames(&encode(&requests, 1)) {
        observed.address(link(2), &frame);
        observed.route(link(2), &frame);
    }
    observed
}

#[test]
fn what_was_put_there_is_found_again() {
    let own = footprint();
    let observed = with(&own);
    assert!(observed.has(own.addr, own.prefix) && !observed.is_empty());
    assert!(Observed::default().is_empty());
    assert_eq!(observed.footprints(), [Footprint { expires_at: None, ..own.clone() }]);
    assert!(observed.missing(&own).is_nothing());
}

#[test]
fn each_thing_that_is_not_there_is_missed() {
    let own = footprint();
    let all = Missing { address: false, network: false, routes: 0, elsewhere: false };
    let (other, none) = (unicast([192, 0, 2, 10]), Observed::default());
    let whole = with(&own);
    let default = |metric| Footprint { metric, routes: vec![route([0; 4], 0, None)], ..own.clone() };
    for (what, there, wanted, want) in [
        ("nothing is there", none.clone(), own.clone(), Missing { address: true, network: true, routes: 2, ..all }),
        ("no route", Observed { routes: Vec::new(), ..whole.clone() }, own.clone(), Missing { routes: 2, ..all }),
        (
            "one of two routes",
            Observed { routes: whole.routes[..1].to_vec(), ..whole.clone() },
            own.clone(),
            Missing { routes: 1, ..all },
        ),
        ("another gateway", whole.clone(), default(1002), Missing { routes: 1, ..all }),
        ("another metric", whole.clone(), Footprint { metric: 1003, ..own.clone() }, Missing { routes: 2, ..all }),
        (
            "no network",
            Observed { networks: Vec::new(), ..whole.clone() },
            own.clone(),
            Missing { network: true, ..all },
        ),
        (
            "the network of somebody else's address is not ours to look after",
            Observed { networks: Vec::new(), ..whole.clone() },
            Footprint { ours: false, ..own.clone() },
            all,
        ),
        (
            "an address without a network has no route to it",
            Observed { networks: Vec::new(), ..with(&Footprint { prefix: PrefixLen::HOST, ..own.clone() }) },
            Footprint { prefix: PrefixLen::HOST, ..own.clone() },
            all,
        ),
        (
            "another address",
            whole,
            Footprint { addr: other, ..own.clone() },
            Missing { address: true, network: true, routes: 2, ..all },
        ),
    ] {
        let missing = there.missing(&wanted);
        assert_eq!(missing, want, "{what}");
        assert_eq!(missing.is_nothing(), want == all, "{what}");
    }
}

/// That address, with this to say for itself.
fn having(marked: bool, ends: bool, with_routes: bool) -> Observed {
    let mut observed = with(&footprint());
    for address in &mut observed.addresses {
        (address.marked, address.ends) = (marked, ends);
    }
    if !with_routes {
        observed.routes.clear();
    }
    observed
}

#[test]
fn an_address_is_leased_when_it_says_so_or_has_an_end_or_was_leased_to_us_for_ever() {
    let own = footprint();
    let endless = Footprint { expires_at: None, ..own.clone() };
    let elsewhere = Footprint { addr: unicast([192, 0, 2, 10]), ..endless.clone() };
    let theirs = Footprint { ours: false, ..endless.clone() };
    for (what, there, before, want) in [
        ("not there", Observed::default(), None, Owner::Nobody),
        ("marked", having(true, false, true), None, Owner::Us),
        ("with an end", having(false, true, true), None, Owner::Us),
        ("for good", having(false, false, true), None, Owner::Another),
        ("for good, where we had put one with an end", having(false, false, true), Some(&own), Owner::Another),
        ("for ever, as we had put it", having(false, false, true), Some(&endless), Owner::Us),
        ("for ever, where we had put another", having(false, false, true), Some(&elsewhere), Owner::Another),
        ("for ever, and not ours before", having(false, false, true), Some(&theirs), Owner::Another),
    ] {
        assert_eq!(there.owner(&own, before), want, "{what}");
    }
    for (what, there, before, want) in [
        ("as we left it", having(true, true, true), &own, true),
        ("made to last by somebody", having(false, false, true), &own, false),
        ("gone", Observed::default(), &own, true),
        ("never ours", having(true, true, true), &theirs, false),
    ] {
        assert_eq!(there.still_ours(before), Footprint { ours: want, ..before.clone() }, "{what}");
    }
}

#[test]
fn what_an_earlier_client_left_is_told_by_its_mark_or_by_its_end_and_its_routes() {
    let own = footprint();
    for (what, there, want) in [
        ("marked, without a route", having(true, false, false), true),
        ("an end and routes", having(false, true, true), true),
        ("an end alone", having(false, true, false), false),
        ("routes alone", having(false, false, true), false),
    ] {
        assert_eq!(there.footprints().len(), usize::from(want), "{what}");
        let found = there.footprint_of(own.addr, own.prefix).expect("the address is there");
        assert_eq!(found.ours, want, "{what}");
    }
    assert_eq!(with(&own).footprint_of(own.addr, PrefixLen::HOST), None, "another prefix");
    assert_eq!(with(&own).footprint_of(unicast([192, 0, 2, 10]), own.prefix), None, "another address");
}

#[test]
fn without_a_route_the_metric_is_that_of_the_address_and_there_is_no_mtu() {
    let bare = with(&Footprint { routes: Vec::new(), ..footprint() });
    let found = bare.footprint_of(footprint().addr, footprint().prefix).unwrap();
    assert_eq!((found.metric, found.mtu, found.routes), (1002, None, Vec::new()));
}

#[test]
fn of_other_links_and_other_messages_nothing_is_taken() {
    let own = footprint();
    let put = Plan::replace(None, &own, true, NOW).put;
    let requests: Vec<_> = put.iter().map(|change| change.request(link(2))).collect();
    let datagram = encode(&requests, 1);
    let taken = |link: IfIndex, kind: Option<u16>| {
        let mut observed = Observed::default();
        for frame in frames(&datagram) {
            let frame = Frame { kind: kind.unwrap_or(frame.kind), ..frame };
            observed.address(link, &frame);
            observed.route(link, &frame);
        }
        (observed.addresses.len(), observed.routes.len())
    };
    assert_eq!(taken(link(2), None), (1, 2));
    assert_eq!(taken(link(3), None), (0, 0), "another link");
    assert_eq!(taken(link(2), Some(RTM_DELADDR)), (0, 0), "an address that goes");
    assert_eq!(taken(link(2), Some(RTM_DELROUTE)), (0, 0), "a route that goes");
    let elsewhere: Vec<bool> = frames(&datagram).map(|frame| is_on_another(link(3), own.addr, &frame)).collect();
    assert_eq!(elsewhere, [true, false, false], "seen from link 3");
    assert!(!frames(&datagram).any(|frame| is_on_another(link(2), own.addr, &frame)), "seen from its own");
    assert!(
        !frames(&datagram).any(|frame| is_on_another(link(3), unicast([192, 0, 2, 10]), &frame)),
        "another address"
    );
}

#[test]
fn an_address_says_whether_it_came_by_dhcp_and_whether_it_ends() {
    let of = |expires_at| {
        let observed = with(&Footprint { expires_at, ..footprint() });
        observed.addresses.iter().map(|address| (address.marked, address.ends)).collect::<Vec<_>>()
    };
    assert_eq!(of(Some(NOW.after(Duration::from_secs(600)))), [(true, true)]);
    assert_eq!(of(None), [(true, false)]);
    let route = with(&footprint());
    assert_eq!(route.footprints().first().and_then(|found| found.mtu), Some(1400));
}

#[test]
fn only_routes_of_dhcp_and_of_the_kernel_in_the_main_table_count() {
    // In the header of a route: its table, and who has put it there (linux/rtnetlink.h).
    const TABLE: usize = 4;
    const PROTOCOL: usize = 5;
    let put = Plan::replace(None, &footprint(), true, NOW).put;
    let datagram = encode(&put.iter().map(|change| change.request(link(2))).collect::<Vec<_>>(), 1);
    for (what, at, byte, routes, networks) in [
        ("as it was put there", PROTOCOL, 16, 2, 0),
        ("the kernel's own", PROTOCOL, 2, 0, 2),
        ("the operator's", PROTOCOL, 4, 0, 0),
        ("in another table", TABLE, 100, 0, 0),
    ] {
        let mut observed = Observed::default();
        for frame in frames(&datagram) {
            let mut payload = frame.payload.to_vec();
            payload[at] = byte;
            observed.route(link(2), &Frame { payload: &payload, ..frame });
        }
        assert_eq!((observed.routes.len(), observed.networks.len()), (routes, networks), "{what}");
    }
}

#[test]
fn a_dump_that_says_the_same_twice_is_kept_once() {
    let own = footprint();
    let put = Plan::replace(None, &own, true, NOW).put;
    let requests: Vec<_> = put.iter().chain(&put).map(|change| change.request(link(2))).collect();
    let mut observed = Observed::default();
    for frame in frames(&encode(&requests, 1)) {
        observed.address(link(2), &frame);
        observed.route(link(2), &frame);
    }
    assert_eq!((observed.addresses.len(), observed.routes.len()), (1, 2));
}
