//! Servers whose offers came to nothing.

use core::net::Ipv4Addr;

use orlop_dhcp_contract::Phase;
use orlop_dhcp_core::client::Event;
use orlop_machine::Machine;

use crate::bench::{Bench, conduct};
use crate::packet::{NAK, OFFER, Packet};

fn offer(bench: &Bench, server: u8) -> Packet {
    Packet { yiaddr: Ipv4Addr::new(192, 0, 2, 9), ..Packet::new(OFFER, bench.xid) }
        .option(54, &[192, 0, 2, server])
        .option(51, &3600_u32.to_be_bytes())
        .option(1, &[255, 255, 255, 0])
}

/// Offers, and then refuses.
fn fail(bench: &mut Bench, server: u8) {
    let _ = bench.packet(&offer(bench, server));
    assert_eq!(bench.phase(), Phase::Requesting, "server {server} is new");
    let _ = bench.packet(&Packet::new(NAK, bench.xid).option(54, &[192, 0, 2, server]));
    while bench.phase() != Phase::Selecting {
        bench.now = bench.client.deadline().unwrap();
        let _ = bench.event(Event::Deadline);
    }
}

#[test]
fn of_the_servers_that_failed_four_are_remembered() {
    let mut bench = Bench::selecting(conduct());
    (1..=4).for_each(|server| fail(&mut bench, server));
    let _ = bench.packet(&offer(&bench, 1));
    assert_eq!(bench.phase(), Phase::Selecting, "the first of four waits for a better one");

    let mut bench = Bench::selecting(conduct());
    (1..=5).for_each(|server| fail(&mut bench, server));
    let _ = bench.packet(&offer(&bench, 2));
    assert_eq!(bench.phase(), Phase::Selecting, "the second of five waits");
    let _ = bench.packet(&offer(&bench, 1));
    assert_eq!(bench.phase(), Phase::Requesting, "the first of five is forgotten");
}
