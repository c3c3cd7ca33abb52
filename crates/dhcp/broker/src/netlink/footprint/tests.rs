use orlop_dhcp_contract::{Ipv4Broadcast, Mtu, Route, Term};

use super::*;

const NOW: Instant = Instant::from_nanos(1_000_000_000_000);
const CHOICE: RouteChoice = RouteChoice { metric: 1002, routes: true, route_mtu: true };

fn unicast(addr: [u8; 4]) -> UnicastAddr {
    UnicastAddr::new(addr.into()).unwrap()
}

fn lease(addr: [u8; 4], bits: u8, router: [u8; 4]) -> Lease {
    let (prefix, term) = (PrefixLen::new(bits).unwrap(), Term::Infinite { acquired: NOW });
    Lease {
        routers: [unicast(router)].into_iter().collect(),
        ..Lease::bare(unicast(addr), prefix, unicast([192, 0, 2, 1]), term)
    }
}

fn footprint(addr: [u8; 4], bits: u8, router: [u8; 4]) -> Footprint {
    Footprint::of(&lease(addr, bits, router), CHOICE)
}

/// Changes as a person would type them.
fn written(changes: &[Change]) -> Vec<String> {
    let route = |route: &KernelRoute, metric: u32| {
        let KernelRoute { destination, prefix, gateway } = route;
        let via = gateway.map(|gateway| format!(" via {gateway}")).unwrap_or_default();
        format!("{destination}/{prefix}{via} metric {metric}")
    };
    changes
        .iter()
        .map(|change| match change {
            Change::PutAddress { addr, prefix, .. } => format!("+address {addr}/{prefix}"),
            Change::DropAddress { addr, prefix } => format!("-address {addr}/{prefix}"),
            Change::PutRoute { route: own, source, metric, .. } => format!("+{} src {source}", route(own, *metric)),
            Change::DropRoute { route: own, source, metric } => format!("-{} src {source}", route(own, *metric)),
        })
        .collect()
}

#[test]
fn a_first_lease_is_an_address_and_then_its_routes() {
    let plan = Plan::replace(None, &footprint([192, 0, 2, 9], 24, [192, 0, 2, 1]), true, NOW);
    assert_eq!(written(&plan.put), ["+address 192.0.2.9/24", "+0.0.0.0/0 via 192.0.2.1 metric 1002 src 192.0.2.9"]);
    assert_eq!(plan.clean, []);
}

#[test]
fn renewing_without_a_change_removes_nothing() {
    let same = footprint([192, 0, 2, 9], 24, [192, 0, 2, 1]);
    let later = Footprint { expires_at: Some(NOW.after(Duration::from_secs(600))), ..same.clone() };
    assert_eq!(Plan::replace(Some(&same), &later, false, NOW).clean, []);
}

#[test]
fn another_router_comes_before_the_old_one_goes() {
    let (old, new) = (footprint([192, 0, 2, 9], 24, [192, 0, 2, 1]), footprint([192, 0, 2, 9], 24, [192, 0, 2, 2]));
    let plan = Plan::replace(Some(&old), &new, false, NOW);
    assert_eq!(written(&plan.put), ["+address 192.0.2.9/24", "+0.0.0.0/0 via 192.0.2.2 metric 1002 src 192.0.2.9"]);
    assert_eq!(written(&plan.clean), ["-0.0.0.0/0 via 192.0.2.1 metric 1002 src 192.0.2.9"]);
}

#[test]
fn what_the_new_lease_lacks_goes_after_the_new_is_in() {
    let mut old = lease([192, 0, 2, 9], 24, [192, 0, 2, 1]);
    let route = |destination: [u8; 4], bits, gateway: Option<[u8; 4]>| {
        Route::new(destination.into(), PrefixLen::new(bits).unwrap(), gateway.map(unicast)).unwrap()
    };
    old.routes =
        [route([0; 4], 0, Some([172, 31, 1, 1])), route([10, 0, 0, 0], 8, Some([192, 0, 2, 5]))].into_iter().collect();
    let old = Footprint::of(&old, CHOICE);
    let new = footprint([198, 51, 100, 7], 24, [198, 51, 100, 1]);
    assert_eq!(
        written(&Plan::replace(Some(&old), &new, false, NOW).clean),
        [
            "-10.0.0.0/8 via 192.0.2.5 metric 1002 src 192.0.2.9",
            "-0.0.0.0/0 via 172.31.1.1 metric 1002 src 192.0.2.9",
            "-172.31.1.1/32 metric 1002 src 192.0.2.9",
            "-address 192.0.2.9/24",
        ]
    );
}

#[test]
fn a_second_address_in_the_same_network_is_put_again_after_the_first_went() {
    let (old, new) = (footprint([192, 0, 2, 9], 24, [192, 0, 2, 1]), footprint([192, 0, 2, 10], 24, [192, 0, 2, 1]));
    let plan = Plan::replace(Some(&old), &new, false, NOW);
    assert_eq!(
        written(&plan.clean),
        [
            "-0.0.0.0/0 via 192.0.2.1 metric 1002 src 192.0.2.9",
            "-address 192.0.2.9/24",
            "+address 192.0.2.10/24",
            "+0.0.0.0/0 via 192.0.2.1 metric 1002 src 192.0.2.10",
        ]
    );
}

#[test]
fn another_prefix_length_is_another_address() {
    let (old, new) = (footprint([192, 0, 2, 9], 16, [192, 0, 2, 1]), footprint([192, 0, 2, 9], 24, [192, 0, 2, 1]));
    assert_eq!(written(&Plan::replace(Some(&old), &new, false, NOW).clean), ["-address 192.0.2.9/16"]);
}

#[test]
fn another_metric_leaves_no_route_behind() {
    let old = footprint([192, 0, 2, 9], 24, [192, 0, 2, 1]);
    let new = Footprint { metric: 50, ..old.clone() };
    let plan = Plan::replace(Some(&old), &new, false, NOW);
    assert_eq!(written(&plan.clean), ["-0.0.0.0/0 via 192.0.2.1 metric 1002 src 192.0.2.9"]);
}

#[test]
fn another_mtu_leaves_no_route_behind() {
    let old = footprint([192, 0, 2, 9], 24, [192, 0, 2, 1]);
    let new = Footprint { mtu: Some(1400), ..old.clone() };
    let plan = Plan::replace(Some(&old), &new, false, NOW);
    assert_eq!(written(&plan.clean), ["-0.0.0.0/0 via 192.0.2.1 metric 1002 src 192.0.2.9"]);
}

#[test]
fn withdrawing_undoes_in_reverse() {
    let cloud = footprint([10, 156, 0, 5], 32, [10, 156, 0, 1]);
    assert_eq!(
        written(&Plan::withdraw(&cloud)),
        [
            "-0.0.0.0/0 via 10.156.0.1 metric 1002 src 10.156.0.5",
            "-10.156.0.1/32 metric 1002 src 10.156.0.5",
            "-address 10.156.0.5/32",
        ]
    );
}

#[test]
fn an_address_of_somebody_else_is_left_alone_and_only_the_routes_are_ours() {
    let ours = footprint([192, 0, 2, 9], 24, [192, 0, 2, 1]);
    let theirs = Footprint { ours: false, ..ours.clone() };
    let next = footprint([192, 0, 2, 10], 24, [192, 0, 2, 1]);
    let (put, drop) =
        ("+0.0.0.0/0 via 192.0.2.1 metric 1002 src 192.0.2.9", "-0.0.0.0/0 via 192.0.2.1 metric 1002 src 192.0.2.9");
    assert_eq!(written(&Plan::replace(None, &theirs, false, NOW).put), [put], "leased");
    assert_eq!(written(&Plan::replace(Some(&theirs), &theirs, false, NOW).put), [put], "renewed");
    assert_eq!(written(&Plan::replace(Some(&ours), &theirs, false, NOW).clean), [""; 0], "made their own meanwhile");
    assert_eq!(written(&Plan::withdraw(&theirs)), [drop], "over");
    let moved = Plan::replace(Some(&theirs), &next, true, NOW).clean;
    assert!(!written(&moved).iter().any(|change| change.contains("address 192.0.2.9")), "{moved:?}");
    assert_eq!(written(&moved)[0], drop, "another address is leased");
}

#[test]
fn the_broadcast_address_is_the_leases_or_the_computed_one() {
    for (what, bits, option, want) in [
        ("computed", 24, None, Some([192, 0, 2, 255])),
        ("from option 28", 24, Some([192, 0, 2, 0]), Some([192, 0, 2, 0])),
        ("point to point", 31, None, None),
        ("single host", 32, None, None),
    ] {
        let mut lease = lease([192, 0, 2, 9], bits, [192, 0, 2, 1]);
        lease.broadcast = option.map(|addr: [u8; 4]| Ipv4Broadcast(addr.into()));
        assert_eq!(Footprint::of(&lease, CHOICE).broadcast, want.map(Ipv4Addr::from), "{what}");
    }
}

#[test]
fn the_operator_can_leave_routes_and_mtu_out() {
    let mut lease = lease([192, 0, 2, 9], 24, [192, 0, 2, 1]);
    lease.mtu = Mtu::new(1400);
    for (what, routes, route_mtu, want) in [
        ("both", true, true, (1, Some(1400))),
        ("no MTU", true, false, (1, None)),
        ("no routes", false, true, (0, Some(1400))),
    ] {
        let footprint = Footprint::of(&lease, RouteChoice { routes, route_mtu, ..CHOICE });
        assert_eq!((footprint.routes.len(), footprint.mtu), want, "{what}");
    }
}

#[test]
fn a_lifetime_is_rounded_up_and_never_zero_or_for_ever() {
    for (what, left, want) in [
        ("whole", Duration::from_secs(600), 600),
        ("a little more", Duration::from_millis(599_001), 600),
        ("over", Duration::ZERO, 1),
        ("longer than fits", Duration::from_secs(u64::from(u32::MAX) + 7), u32::MAX - 1),
    ] {
        assert_eq!(whole_seconds(left), want, "{what}");
    }
}
