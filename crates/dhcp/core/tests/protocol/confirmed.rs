//! What an ACK says of the lease that is there already, or of what its OFFER said: some servers do not say everything twice.

use core::net::Ipv4Addr;
use core::time::Duration;

use orlop_dhcp_contract::Lease;
use orlop_dhcp_core::client::{Action, Event};

use crate::bench::{Bench, conduct};
use crate::packet::{ACK, OFFER, Packet};

/// Everything that can be configured.
fn full(p: Packet) -> Packet {
    p.option(3, &[192, 0, 2, 1])
        .option(6, &[192, 0, 2, 53])
        .option(12, b"node")
        .option(15, b"example.com")
        .option(26, &1400_u16.to_be_bytes())
        .option(28, &[192, 0, 2, 127])
        .option(42, &[192, 0, 2, 123])
        .option(119, b"\x04corp\0")
}

fn lease_in(actions: Vec<Action>) -> Option<Lease> {
    actions.into_iter().find_map(|action| match action {
        Action::Configure(lease) => Some(*lease),
        Action::Send { .. } | Action::Deconfigure(_) | Action::Report(_) | Action::Arp(_) | Action::Probed(_) => None,
    })
}

/// Bound to a full lease of 192.0.2.9/25, and asking again after `secs`.
fn asking_again(secs: u64) -> (Bench, Lease) {
    let mut bench = Bench::requesting();
    let ack = full(Packet::lease(ACK, bench.xid).without(1).option(1, &[255, 255, 255, 128]));
    let lease = lease_in(bench.packet(&ack)).unwrap();
    let _ = bench.event(Event::Applied);
    let _ = bench.pass(Duration::from_secs(secs));
    (bench, lease)
}

fn rebooting() -> (Bench, Lease) {
    let (mut bench, lease) = asking_again(1);
    let _ = bench.event(Event::CarrierDown);
    let _ = bench.pass(Duration::from_secs(2));
    let _ = bench.event(Event::CarrierUp);
    (bench, lease)
}

/// ACK with type, server and time, and nothing else.
fn bare(xid: u32) -> Packet {
    Packet::lease(ACK, xid).without(1)
}

#[test]
fn a_server_that_confirms_its_lease_and_says_nothing_else_takes_nothing_away() {
    type Edit = fn(Packet) -> Packet;
    let rows: [(&str, Edit, bool); 9] = [
        ("type, server and time", |p| p, true),
        ("without option 54", |p| p.without(54), true),
        ("with T1 and T2", |p| p.option(58, &[0, 0, 0, 99]).option(59, &[0, 0, 9, 9]), true),
        ("with options that are of no use", |p| p.option(43, &[1]).option(56, b"ok").option(61, &[1]), true),
        ("a router", |p| p.option(3, &[192, 0, 2, 2]), false),
        ("a mask", |p| p.option(1, &[255, 255, 255, 128]), false),
        ("a name server that is none", |p| p.option(6, &[9]), false),
        ("another server", |p| p.without(54).option(54, &[192, 0, 2, 66]), false),
        ("another address", |p| Packet { yiaddr: Ipv4Addr::new(192, 0, 2, 10), ..p }, false),
    ];
    for (what, edit, kept) in rows {
        for (state, (mut bench, held)) in
            [("renewing", asking_again(1800)), ("rebinding", asking_again(3150)), ("rebooting", rebooting())]
        {
            let lease = lease_in(bench.packet(&edit(bare(bench.xid)))).unwrap();
            assert!(lease.term.acquired() > held.term.acquired(), "{state}, {what}: the time is that of now");
            assert_eq!(lease.same_configuration(&held), kept, "{state}, {what}");
            assert_eq!(
                lease.dns.is_empty() && lease.search.is_empty() && lease.mtu.is_none(),
                !kept,
                "{state}, {what}"
            );
        }
    }
}

#[test]
fn a_renewal_that_says_something_is_the_whole_truth_but_for_the_mask() {
    let (mut bench, held) = asking_again(1800);
    let lease = lease_in(bench.packet(&bare(bench.xid).option(6, &[192, 0, 2, 54]))).unwrap();
    assert_eq!(lease.prefix, held.prefix, "the mask belongs to the address");
    assert_eq!(lease.dns.iter().map(|addr| addr.get()).collect::<Vec<_>>(), [Ipv4Addr::new(192, 0, 2, 54)]);
    assert!(lease.routers.is_empty() && lease.search.is_empty() && lease.domain.is_none() && lease.ntp.is_empty());
    // A mask with a hole is none.
    let (mut bench, held) = asking_again(1800);
    let lease = lease_in(bench.packet(&full(bare(bench.xid)).option(1, &[255, 0, 255, 0]))).unwrap();
    assert_eq!(lease.prefix, held.prefix);
    let (mut bench, _) = asking_again(1800);
    let lease = lease_in(bench.packet(&full(bare(bench.xid)).option(1, &[255, 255, 0, 0]))).unwrap();
    assert_eq!(lease.prefix.bits(), 16, "another mask is another mask");
}

#[test]
fn an_ack_without_an_address_extends_only_the_one_that_asked() {
    for (what, ciaddr, want) in [
        ("ours", [192, 0, 2, 9], Some([192, 0, 2, 9])),
        ("another", [192, 0, 2, 10], None),
        ("none", [0, 0, 0, 0], None),
    ] {
        let (mut bench, _) = asking_again(1800);
        let ack = Packet { yiaddr: Ipv4Addr::UNSPECIFIED, ciaddr: ciaddr.into(), ..bare(bench.xid) };
        let lease = lease_in(bench.packet(&ack));
        // What names another address is a grant of it, as the server wrote it: of none.
        assert_eq!(lease.map(|lease| lease.addr.get()), want.map(Ipv4Addr::from), "{what}");
    }
    let mut bench = Bench::requesting();
    let ack = Packet { yiaddr: Ipv4Addr::UNSPECIFIED, ciaddr: [192, 0, 2, 9].into(), ..Packet::lease(ACK, bench.xid) };
    assert_eq!(lease_in(bench.packet(&ack)), None, "a first ACK names its address");
}

#[test]
fn the_first_ack_falls_back_on_its_offer_group_by_group() {
    type Edit = fn(Packet) -> Packet;
    type Seen = fn(&Lease) -> String;
    let ways: Seen = |lease| format!("{:?} {}", lease.routers, lease.routes.len());
    let names: Seen = |lease| format!("{:?} {:?}", lease.domain, lease.search);
    let dns: Seen = |lease| format!("{:?}", lease.dns);
    let mask: Seen = |lease| lease.prefix.to_string();
    let offered: Edit = |p| full(p.without(1).option(1, &[255, 255, 255, 128]));
    let rows: [(&str, Edit, Edit, Seen, &str); 13] = [
        ("router only in the OFFER", offered, |p| p, ways, "[192.0.2.1] 0"),
        ("routes only in the OFFER", |p| p.option(121, &[8, 10, 192, 0, 2, 1]), |p| p, ways, "[] 1"),
        ("Microsoft's only in the OFFER", |p| p.option(249, &[8, 10, 192, 0, 2, 1]), |p| p, ways, "[] 1"),
        ("another router", offered, |p| p.option(3, &[192, 0, 2, 2]), ways, "[192.0.2.2] 0"),
        ("routes in the ACK, a router in the OFFER", offered, |p| p.option(121, &[8, 10, 192, 0, 2, 1]), ways, "[] 1"),
        ("routes in the ACK of which none counts", offered, |p| p.option(121, &[8, 127, 192, 0, 2, 1]), ways, "[] 0"),
        ("domains only in the OFFER", offered, |p| p, names, "Some(\"example.com\") [\"corp\"]"),
        ("a domain in the ACK", offered, |p| p.option(15, b"a.example"), names, "Some(\"a.example\") []"),
        ("a search list in the ACK", offered, |p| p.option(119, b"\x01b\0"), names, "None [\"b\"]"),
        ("name servers only in the OFFER", offered, |p| p, dns, "[192.0.2.53]"),
        ("other name servers", offered, |p| p.option(6, &[192, 0, 2, 54]), dns, "[192.0.2.54]"),
        ("mask only in the OFFER", offered, |p| p, mask, "25"),
        ("a mask in the ACK", offered, |p| p.option(1, &[255, 255, 0, 0]), mask, "16"),
    ];
    for (what, offer, ack, seen, want) in rows {
        let mut bench = Bench::selecting(conduct());
        let _ = bench.packet(&offer(Packet::lease(OFFER, bench.xid)));
        let lease = lease_in(bench.packet(&ack(bare(bench.xid)))).unwrap();
        assert_eq!(seen(&lease), want, "{what}");
        assert_eq!(
            (lease.mtu, lease.hostname, lease.ntp.len()),
            (None, None, 0),
            "{what}: what has no group is as the ACK says"
        );
    }
}
