//! One conflict after another.

use core::net::Ipv4Addr;
use core::time::Duration;

use orlop_dhcp_contract::{Finding, Phase, Stage, UnicastAddr, timing};
use orlop_dhcp_core::client::{Action, Event};
use orlop_dhcp_core::frame::PacketInfo;
use orlop_machine::Machine;

use crate::bench::{Bench, conduct};
use crate::packet::{ACK, Claim, OFFER, Packet};

const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);

/// Leased, in force, and watched.
fn watched(bench: &mut Bench) {
    watched_as(bench, ADDRESS);
}

fn watched_as(bench: &mut Bench, addr: Ipv4Addr) {
    for kind in [OFFER, ACK] {
        let _ = bench.packet(&Packet { yiaddr: addr, ..Packet::lease(kind, bench.xid) });
    }
    let _ = bench.event(Event::Applied);
    let _ = bench.event(Event::Watch(UnicastAddr::new(addr).unwrap()));
    assert!(bench.client.is_watching());
}

/// Claimed by a host with this number; gives whether that is believed.
fn claimed(bench: &mut Bench, addr: Ipv4Addr, host: u8) -> bool {
    let claim = Claim { sender: addr, target: addr, hardware: [2, 0, 0, 0, 0, host], ..Claim::default() };
    let actions = bench.client.hear(bench.now, &claim.bytes(), PacketInfo::PLAIN);
    actions.iter().any(|action| matches!(action, Action::Probed(Finding::Taken { .. })))
}

/// Taken by another host; gives how long the client then waits.
fn taken(bench: &mut Bench) -> Duration {
    assert!(claimed(bench, ADDRESS, 9));
    given_up(bench, ADDRESS)
}

fn given_up(bench: &mut Bench, addr: Ipv4Addr) -> Duration {
    let _ = bench.event(Event::Lost(UnicastAddr::new(addr).unwrap()));
    assert!(!bench.client.is_watching(), "given up");
    let begun = bench.now;
    // What is due earlier is a report.
    while bench.phase() == Phase::Init {
        bench.now = bench.client.deadline().unwrap();
        let _ = bench.event(Event::Deadline);
    }
    bench.now.since(begun)
}

/// RFC 5227 section 2.1.1: "the host MUST limit the rate at which it probes for new addresses … no more than one per RATE_LIMIT_INTERVAL".
#[test]
fn after_ten_conflicts_in_a_row_addresses_are_tried_once_a_minute_until_one_is_free() {
    let mut bench = Bench::selecting(conduct());
    let ten_seconds = Duration::from_secs(10);
    for n in 1..=12 {
        watched(&mut bench);
        let want = if n < timing::MAX_CONFLICTS { ten_seconds } else { timing::RATE_LIMIT_INTERVAL };
        assert_eq!(taken(&mut bench), want, "conflict {n}");
    }
    assert_eq!(bench.client.progress().contest.conflicts, 12);
    watched(&mut bench);
    let _ = (0..4).map(|_| bench.pass(timing::PROBE_MAX)).collect::<Vec<_>>();
    assert_eq!(bench.client.progress().contest.stage, Stage::Watching, "free");
    let _ = bench.event(Event::Watch(UnicastAddr::new(ADDRESS).unwrap()));
    assert_eq!(taken(&mut bench), ten_seconds, "the first after one that was free");
}

/// A router with proxy ARP answers for every address of a network (RFC 1027): whoever believed it had none, for ever.
#[test]
fn a_host_that_claims_a_third_address_has_none_of_them_and_is_not_believed() {
    let mut bench = Bench::selecting(conduct());
    let address = |n| Ipv4Addr::new(192, 0, 2, n);
    // The same one twice is one.
    for n in [9, 9, 10] {
        watched_as(&mut bench, address(n));
        assert!(claimed(&mut bench, address(n), 7), "{n}");
        let _ = given_up(&mut bench, address(n));
    }
    watched_as(&mut bench, address(11));
    assert!(!claimed(&mut bench, address(11), 7));
    assert_eq!(bench.client.progress().contest.stage, Stage::Probing, "it is asked on");
    assert!(claimed(&mut bench, address(11), 8), "another host is believed");
    let _ = given_up(&mut bench, address(11));
    watched_as(&mut bench, address(12));
    assert!(claimed(&mut bench, address(12), 7), "what it claimed was before the other's");
    let _ = given_up(&mut bench, address(12));
    watched_as(&mut bench, address(13));
    let _ = (0..4).map(|_| bench.pass(timing::PROBE_MAX)).collect::<Vec<_>>();
    assert_eq!(bench.client.progress().contest.stage, Stage::Watching, "nobody claims it");
}

#[test]
fn an_address_that_a_host_took_once_it_may_take_again() {
    let mut bench = Bench::selecting(conduct());
    for n in [9, 10, 9, 10] {
        let addr = Ipv4Addr::new(192, 0, 2, n);
        watched_as(&mut bench, addr);
        assert!(claimed(&mut bench, addr, 7), "{n}");
        let _ = given_up(&mut bench, addr);
    }
}
