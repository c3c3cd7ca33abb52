//! One conflict after another.

use core::net::Ipv4Addr;
use core::time::Duration;

use orlop_dhcp_contract::{Phase, Stage, UnicastAddr, timing};
use orlop_dhcp_core::client::Event;
use orlop_dhcp_core::frame::PacketInfo;
use orlop_machine::Machine;

use crate::bench::{Bench, conduct};
use crate::packet::{ACK, Claim, OFFER, Packet};

const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);

/// Leased, in force, and watched.
fn watched(bench: &mut Bench) {
    let _ = bench.packet(&Packet::lease(OFFER, bench.xid));
    let _ = bench.packet(&Packet::lease(ACK, bench.xid));
    let _ = bench.event(Event::Applied);
    let _ = bench.event(Event::Watch(UnicastAddr::new(ADDRESS).unwrap()));
    assert!(bench.client.is_watching());
}

/// Taken by another host; gives how long the client then waits.
fn taken(bench: &mut Bench) -> Duration {
    let claim = Claim { sender: ADDRESS, target: ADDRESS, ..Claim::default() };
    let _ = bench.client.hear(bench.now, &claim.bytes(), PacketInfo::PLAIN);
    let _ = bench.event(Event::Lost(UnicastAddr::new(ADDRESS).unwrap()));
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
