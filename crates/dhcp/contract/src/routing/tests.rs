use orlop_machine::Instant;

use super::*;
use crate::Term;

fn unicast(addr: [u8; 4]) -> UnicastAddr {
    UnicastAddr::new(addr.into()).unwrap()
}

fn lease(addr: [u8; 4], bits: u8) -> Lease {
    Lease::bare(
        unicast(addr),
        PrefixLen::new(bits).unwrap(),
        unicast([192, 0, 2, 1]),
        Term::Infinite { acquired: Instant::from_nanos(0) },
    )
}

fn route(destination: [u8; 4], bits: u8, gateway: Option<[u8; 4]>) -> Route {
    Route::new(destination.into(), PrefixLen::new(bits).unwrap(), gateway.map(unicast)).unwrap()
}

fn written(plan: &[KernelRoute]) -> Vec<String> {
    plan.iter()
        .map(|route| {
            let KernelRoute { destination, prefix, gateway } = route;
            gateway.map_or(format!("{destination}/{prefix}"), |gateway| format!("{destination}/{prefix} via {gateway}"))
        })
        .collect()
}

#[test]
fn a_plain_lease_has_one_default_route() {
    let mut lease = lease([192, 0, 2, 9], 24);
    lease.routers = [unicast([192, 0, 2, 1]), unicast([192, 0, 2, 2])].into_iter().collect();
    assert_eq!(written(&plan_routes(&lease)), ["0.0.0.0/0 via 192.0.2.1"]);
}

#[test]
fn a_router_beside_a_host_lease_gets_a_host_route_first() {
    let mut lease = lease([10, 156, 0, 5], 32);
    lease.routers = [unicast([10, 156, 0, 1])].into_iter().collect();
    assert_eq!(written(&plan_routes(&lease)), ["10.156.0.1/32", "0.0.0.0/0 via 10.156.0.1"]);
}

#[test]
fn google_clouds_own_host_route_is_used_and_not_doubled() {
    let mut lease = lease([10, 156, 0, 5], 32);
    lease.routes =
        [route([0, 0, 0, 0], 0, Some([10, 156, 0, 1])), route([10, 156, 0, 1], 32, None)].into_iter().collect();
    assert_eq!(written(&plan_routes(&lease)), ["10.156.0.1/32", "0.0.0.0/0 via 10.156.0.1"]);
}

#[test]
fn classless_routes_silence_the_router_option() {
    let mut lease = lease([192, 0, 2, 9], 24);
    lease.routers = [unicast([192, 0, 2, 1])].into_iter().collect();
    lease.routes = [route([10, 0, 0, 0], 8, Some([192, 0, 2, 2]))].into_iter().collect();
    assert_eq!(written(&plan_routes(&lease)), ["10.0.0.0/8 via 192.0.2.2"]);
}

#[test]
fn two_routes_through_one_far_router_need_one_host_route() {
    let mut lease = lease([192, 0, 2, 9], 24);
    lease.routes = [route([10, 0, 0, 0], 8, Some([172, 31, 1, 1])), route([0, 0, 0, 0], 0, Some([172, 31, 1, 1]))]
        .into_iter()
        .collect();
    let want = ["172.31.1.1/32", "10.0.0.0/8 via 172.31.1.1", "0.0.0.0/0 via 172.31.1.1"];
    assert_eq!(written(&plan_routes(&lease)), want);
}

#[test]
fn being_ones_own_router_means_that_everything_is_on_the_link() {
    let mut lease = lease([192, 0, 2, 9], 32);
    lease.routers = [unicast([192, 0, 2, 9])].into_iter().collect();
    assert_eq!(written(&plan_routes(&lease)), ["0.0.0.0/0"]);
}

#[test]
fn the_second_route_to_a_network_is_dropped() {
    let mut lease = lease([192, 0, 2, 9], 24);
    lease.routes = [route([10, 0, 0, 0], 8, Some([192, 0, 2, 2])), route([10, 0, 0, 0], 8, Some([192, 0, 2, 3]))]
        .into_iter()
        .collect();
    assert_eq!(written(&plan_routes(&lease)), ["10.0.0.0/8 via 192.0.2.2"]);
}

#[test]
fn a_network_on_the_link_does_not_bring_a_router_of_another_network_onto_it() {
    let mut lease = lease([192, 0, 2, 9], 24);
    lease.routes =
        [route([198, 51, 100, 0], 24, None), route([0, 0, 0, 0], 0, Some([172, 31, 1, 1]))].into_iter().collect();
    assert_eq!(written(&plan_routes(&lease)), ["198.51.100.0/24", "172.31.1.1/32", "0.0.0.0/0 via 172.31.1.1"]);
    lease.routes =
        [route([198, 51, 100, 0], 24, None), route([0, 0, 0, 0], 0, Some([198, 51, 100, 1]))].into_iter().collect();
    assert_eq!(written(&plan_routes(&lease)), ["198.51.100.0/24", "0.0.0.0/0 via 198.51.100.1"]);
}
