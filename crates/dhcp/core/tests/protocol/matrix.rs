//! Which reply counts in which state (the table of `client/acceptance.rs`), row by row.

use core::net::Ipv4Addr;

use orlop_dhcp_contract::{Conduct, Discard, Phase, ServerRule};
use orlop_dhcp_core::client::{Action, Event};

use crate::bench::{Bench, conduct};
use crate::packet::{ACK, NAK, OFFER, Packet};

/// What a reply does.
#[derive(Debug, PartialEq)]
enum Effect {
    /// The offer is asked for.
    Asks,
    /// A lease is configured.
    Configures,
    /// The exchange is over, the address refused.
    Refuses,
    /// Nothing but a count.
    Drops(Discard),
}

use Effect::{Asks, Configures, Drops, Refuses};

fn effect(mut bench: Bench, edit: impl Fn(Packet) -> Packet, kind: u8) -> Effect {
    let (naks, before) = (bench.client.progress().naks, bench.phase());
    let packet = if kind == NAK {
        Packet::new(NAK, bench.xid).option(54, &[192, 0, 2, 1])
    } else {
        Packet::lease(kind, bench.xid)
    };
    let actions = bench.packet(&edit(packet));
    let dropped = bench.dropped();
    if actions.iter().any(|action| matches!(action, Action::Configure(_))) {
        return Configures;
    }
    if bench.client.progress().naks > naks {
        return Refuses;
    }
    if before == Phase::Selecting && bench.phase() == Phase::Requesting {
        return Asks;
    }
    assert_eq!(bench.phase(), before, "a dropped reply changes nothing");
    assert!(actions.iter().all(|action| matches!(action, Action::Report(_))), "{actions:?}");
    assert_eq!(dropped.len(), 1, "{dropped:?}");
    Drops(dropped[0].0)
}

fn rapid() -> Conduct {
    Conduct { rapid_commit: true, ..conduct() }
}

/// A state, how to get there, and what an offer, an acknowledgement and a refusal do in it.
type Row = (&'static str, fn() -> Bench, [Effect; 3]);

#[test]
fn each_state_takes_only_the_replies_it_has_a_use_for() {
    let rows: [Row; 8] = [
        ("selecting", || Bench::selecting(conduct()), [Asks, Drops(Discard::Unexpected), Drops(Discard::Unexpected)]),
        (
            "selecting with rapid commit",
            || Bench::selecting(rapid()),
            [Asks, Drops(Discard::Unexpected), Drops(Discard::Unexpected)],
        ),
        ("requesting", Bench::requesting, [Drops(Discard::Unexpected), Configures, Refuses]),
        ("rebooting", Bench::rebooting, [Drops(Discard::Unexpected), Configures, Refuses]),
        ("renewing", Bench::renewing, [Drops(Discard::Unexpected), Configures, Refuses]),
        ("rebinding", Bench::rebinding, [Drops(Discard::Unexpected), Configures, Refuses]),
        ("bound", Bench::bound, [Drops(Discard::WrongXid), Drops(Discard::WrongXid), Drops(Discard::WrongXid)]),
        (
            "released",
            || {
                let mut bench = Bench::bound();
                let _ = bench.event(Event::Command(orlop_dhcp_contract::Command::Release));
                bench
            },
            [Drops(Discard::WrongXid), Drops(Discard::WrongXid), Drops(Discard::WrongXid)],
        ),
    ];
    for (what, state, [offer, ack, nak]) in rows {
        assert_eq!(effect(state(), |packet| packet, OFFER), offer, "{what}: OFFER");
        assert_eq!(effect(state(), |packet| packet, ACK), ack, "{what}: ACK");
        assert_eq!(effect(state(), |packet| packet, NAK), nak, "{what}: NAK");
    }
}

/// A reply with something odd about it, in one state.
type Odd = (&'static str, fn() -> Bench, fn(Packet) -> Packet, u8, Effect);

#[test]
fn whose_reply_counts_depends_on_the_state() {
    let other: fn(Packet) -> Packet = |packet| packet.without(54).option(54, &[192, 0, 2, 66]);
    let none: fn(Packet) -> Packet = |packet| packet.without(54);
    let none_from_elsewhere: fn(Packet) -> Packet =
        |packet| Packet { source: Ipv4Addr::new(192, 0, 2, 66), ..packet.without(54) };
    let other_addr: fn(Packet) -> Packet = |packet| Packet { yiaddr: Ipv4Addr::new(192, 0, 2, 77), ..packet };
    let with_80: fn(Packet) -> Packet = |packet| packet.option(80, &[]);
    let rows: [Odd; 26] = [
        ("ACK with 80 that we asked for", || Bench::selecting(rapid()), with_80, ACK, Configures),
        ("ACK with 80 that nobody asked for", || Bench::selecting(conduct()), with_80, ACK, Drops(Discard::Unexpected)),
        ("OFFER with 80", || Bench::selecting(rapid()), with_80, OFFER, Asks),
        ("OFFER without 54", || Bench::selecting(conduct()), none, OFFER, Asks),
        ("ACK of a failover partner", Bench::requesting, other, ACK, Configures),
        (
            "ACK of another server for another address",
            Bench::requesting,
            |packet| Packet { yiaddr: Ipv4Addr::new(192, 0, 2, 77), ..packet.without(54).option(54, &[192, 0, 2, 66]) },
            ACK,
            Drops(Discard::WrongServer),
        ),
        ("ACK without 54", Bench::requesting, none, ACK, Configures),
        ("ACK for another address", Bench::requesting, other_addr, ACK, Drops(Discard::BadAddress)),
        ("NAK of another server", Bench::requesting, other, NAK, Drops(Discard::WrongServer)),
        ("NAK without 54 from the chosen server", Bench::requesting, none, NAK, Refuses),
        ("NAK without 54 from elsewhere", Bench::requesting, none_from_elsewhere, NAK, Drops(Discard::WrongServer)),
        ("ACK of another server", Bench::rebooting, other, ACK, Configures),
        ("ACK for another address", Bench::rebooting, other_addr, ACK, Configures),
        ("NAK of another server", Bench::rebooting, other, NAK, Refuses),
        ("NAK without 54", Bench::rebooting, none_from_elsewhere, NAK, Refuses),
        ("ACK of another server", Bench::renewing, other, ACK, Configures),
        ("ACK without 54", Bench::renewing, none, ACK, Configures),
        ("ACK for another address", Bench::renewing, other_addr, ACK, Configures),
        ("NAK of another server", Bench::renewing, other, NAK, Drops(Discard::WrongServer)),
        ("NAK without 54 from elsewhere", Bench::renewing, none_from_elsewhere, NAK, Drops(Discard::WrongServer)),
        ("ACK of another server", Bench::rebinding, other, ACK, Configures),
        ("ACK for another address", Bench::rebinding, other_addr, ACK, Configures),
        ("NAK of another server", Bench::rebinding, other, NAK, Refuses),
        ("NAK without 54", Bench::rebinding, none_from_elsewhere, NAK, Refuses),
        (
            "unspecified address",
            || Bench::selecting(conduct()),
            |packet| Packet { yiaddr: Ipv4Addr::UNSPECIFIED, ..packet },
            OFFER,
            Drops(Discard::BadAddress),
        ),
        ("FORCERENEW", Bench::renewing, |packet| packet.without(53).option(53, &[9]), ACK, Drops(Discard::WrongType)),
    ];
    for (what, state, edit, kind, want) in rows {
        let phase = state().phase();
        assert_eq!(effect(state(), edit, kind), want, "{phase}: {what}");
    }
}

#[test]
fn a_server_that_the_operator_refuses_is_not_listened_to() {
    let rule = |allow: &str, deny: &str| Conduct {
        servers: ServerRule { allow: allow.parse().into_iter().collect(), deny: deny.parse().into_iter().collect() },
        ..conduct()
    };
    let from = |source: [u8; 4]| move |packet: Packet| Packet { source: source.into(), ..packet };
    let unnamed = |source: [u8; 4]| move |packet: Packet| Packet { source: source.into(), ..packet.without(54) };
    let (ours, rogue, relay) = ([192, 0, 2, 1], [192, 0, 2, 66], [192, 0, 2, 254]);
    for (what, conduct, edit, want) in [
        ("denied by its name", rule("", "192.0.2.1"), Box::new(from(ours)) as Box<dyn Fn(Packet) -> Packet>, false),
        ("denied by its source", rule("", "192.0.2.66"), Box::new(from(rogue)), false),
        ("denied by its network", rule("", "192.0.2.0/25"), Box::new(from(ours)), false),
        ("another is denied", rule("", "192.0.2.66"), Box::new(from(ours)), true),
        ("denied, and without a name", rule("", "192.0.2.66"), Box::new(unnamed(rogue)), false),
        ("allowed by its name", rule("192.0.2.1", ""), Box::new(from(ours)), true),
        ("allowed by its name through a relay", rule("192.0.2.1", ""), Box::new(from(relay)), true),
        ("not allowed", rule("192.0.2.66", ""), Box::new(from(ours)), false),
        ("allowed, and without a name", rule("192.0.2.66", ""), Box::new(unnamed(rogue)), true),
    ] {
        let want = if want { Asks } else { Drops(Discard::DeniedServer) };
        assert_eq!(effect(Bench::selecting(conduct), edit, OFFER), want, "{what}");
    }
    // Its NAK takes nothing away.
    let mut bench = Bench::selecting(rule("", "192.0.2.66"));
    let _ = bench.packet(&Packet::lease(OFFER, bench.xid));
    let nak = Packet { source: rogue.into(), ..Packet::new(NAK, bench.xid).option(54, &ours) };
    let _ = bench.packet(&nak);
    assert_eq!((bench.phase(), bench.dropped()), (Phase::Requesting, vec![(Discard::DeniedServer, 1)]));
}

#[test]
fn a_client_identifier_that_is_not_ours_is_not_for_us() {
    let ours: &[u8] = &[1, 2, 0, 0, 0, 0, 1];
    let with = || Conduct { client_id: ours.iter().copied().collect(), ..conduct() };
    for (what, conduct, echo, want) in [
        ("ours", with(), Some(ours), Asks),
        ("no echo (before RFC 6842)", with(), None, Asks),
        ("another's", with(), Some(&[1, 2, 0, 0, 0, 0, 2][..]), Drops(Discard::WrongClientId)),
        ("longer", with(), Some(&[1, 2, 0, 0, 0, 0, 1, 0][..]), Drops(Discard::WrongClientId)),
        ("we sent none", conduct(), Some(&[1, 2, 3][..]), Asks),
    ] {
        let edit = |packet: Packet| match echo {
            Some(id) => packet.option(61, id),
            None => packet,
        };
        assert_eq!(effect(Bench::selecting(conduct), edit, OFFER), want, "{what}");
    }
}

#[test]
fn a_lease_without_option_54_is_from_the_ip_source_and_never_from_siaddr() {
    for (what, siaddr, source, want) in [
        ("siaddr is where to boot from", [198, 51, 100, 7], [192, 0, 2, 1], [192, 0, 2, 1]),
        ("no siaddr", [0, 0, 0, 0], [169, 254, 169, 254], [169, 254, 169, 254]),
    ] {
        let edit = |packet: Packet| Packet { siaddr: siaddr.into(), source: source.into(), ..packet.without(54) };
        let mut bench = Bench::selecting(conduct());
        let _ = bench.packet(&edit(Packet::lease(OFFER, bench.xid)));
        let actions = bench.packet(&edit(Packet::lease(ACK, bench.xid)));
        let Action::Configure(lease) = &actions[0] else { panic!("{what}: {actions:?}") };
        assert_eq!(lease.server.get(), Ipv4Addr::from(want), "{what}");
    }
}
