//! How a lease is kept.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::net::Ipv4Addr;
use std::time::Duration;

use orlop_test_dhcp::{ADDRESS, SERVER, SOON, Scene, dhcp, lease_of, leased, leased_on, testbed};
use orlop_testbed::dhcp::code;
use orlop_testbed::script::Template;
use orlop_testbed::state::Item;
use orlop_testbed::{Capture, Kind, Lease, Monitor, Phase, Rogue, Script, Udhcpd, Wire, eventually};

const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 88);

// RFC 2131 table 5: in RENEWING, `ciaddr` is set and options 50 and 54 are not; section 4.4.5: it is unicast.
#[test]
fn at_t1_the_leasing_server_alone_is_asked_to_extend_the_lease() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let rogue = scene.rogue(Script::serve(&lease_of(20).times(2, 15))).unwrap();
    let capture = Capture::start(&scene.client).unwrap();
    let _daemon = scene.service(&dhcp()).unwrap();
    let monitor = Monitor::start(&scene.client).unwrap();
    let bound = rogue.asked().last().unwrap().at;
    let renewal = rogue.wait_for(Phase::Renewing, 1, SOON).unwrap();
    let after = renewal.at - bound;
    assert!((1900..3000).contains(&after.as_millis()), "T1 is 2 s, renewed after {after:?}");
    let message = renewal.message;
    assert_eq!(message.ciaddr, ADDRESS);
    assert_eq!((message.option(code::REQUESTED_ADDRESS), message.option(code::SERVER_ID)), (None, None));
    let on_wire = capture.messages().into_iter().find(|seen| seen.message == message).unwrap();
    assert_eq!((on_wire.source, on_wire.destination), (ADDRESS, SERVER));
    let renewed = |change: &orlop_testbed::state::Change| matches!(&change.item, Item::Address(address) if address.valid > Some(17));
    monitor.wait_for("the lifetime starting anew", SOON, renewed).unwrap();
    assert_eq!(capture.of_kind(Kind::Discover).len(), 1, "{}", capture.time_line());
}

#[test]
fn udhcpd_extends_a_lease() {
    let Some(_) = testbed(&["udhcpd"]) else { return };
    let scene = Scene::new().unwrap();
    let _udhcpd = Udhcpd::on("eth0", "192.0.2.77", "192.0.2.77", 10).start(&scene.server).unwrap();
    let capture = Capture::start(&scene.client).unwrap();
    let _daemon = scene.service(&dhcp()).unwrap();
    let acks = || Ok((capture.of_kind(Kind::Ack).len() >= 2).then_some(()));
    eventually("a second acknowledgement", SOON, acks).unwrap();
    // It makes sure for two seconds that nobody has the address, so the client asks twice; but not after it has its lease.
    let last = |kind| capture.of_kind(kind).last().unwrap().at;
    let first_ack = capture.of_kind(Kind::Ack)[0].at;
    assert!(last(Kind::Discover) < first_ack && first_ack < last(Kind::Ack), "{}", capture.time_line());
}

// RFC 2131 section 4.4.5: at T2, "the client … sends (via broadcast) a DHCPREQUEST".
#[test]
fn at_t2_every_server_is_asked_when_the_leasing_one_is_silent() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let rogue = scene.rogue(Script::serve(&lease_of(30).times(1, 4)).without(Phase::Renewing)).unwrap();
    let monitor = Monitor::start(&scene.client).unwrap();
    let _daemon = scene.service(&dhcp()).unwrap();
    rogue.wait_for(Phase::Renewing, 1, SOON).unwrap();
    let rebinding = rogue.wait_for(Phase::Rebinding, 1, SOON).unwrap().message;
    assert_eq!((rebinding.ciaddr, rebinding.option(code::SERVER_ID)), (ADDRESS, None));
    // Answered: the lease is whole again, and the next renewal is unicast.
    let renewals = rogue.count(Phase::Renewing);
    rogue.wait_for(Phase::Renewing, renewals + 1, SOON).unwrap();
    assert!(monitor.deletions().unwrap().is_empty(), "{:?}", monitor.deletions());
}

#[test]
fn another_server_may_take_the_lease_over_when_rebinding() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    scene.server.add_address("eth0", "192.0.2.2/24").unwrap();
    let second = lease_of(30).server(Ipv4Addr::new(192, 0, 2, 2)).times(2, 20);
    let script = Script::serve(&lease_of(30).times(1, 3))
        .without(Phase::Renewing)
        .without(Phase::Rebinding)
        .on(Phase::Rebinding, [second.ack()]);
    let rogue = scene.rogue(script).unwrap();
    let capture = Capture::start(&scene.client).unwrap();
    let _daemon = scene.service(&dhcp()).unwrap();
    rogue.wait_for(Phase::Rebinding, 1, SOON).unwrap();
    let to_second = |seen: &orlop_testbed::Seen| seen.outgoing && seen.destination == Ipv4Addr::new(192, 0, 2, 2);
    capture.wait_for("a renewal sent to the second server", SOON, to_second).unwrap();
}

/// Ten links, each renewed ten times, as often as the daemon will: every two seconds.
#[test]
fn a_hundred_renewals_that_change_nothing_remove_nothing() {
    let Some(_) = testbed(&[]) else { return };
    const LINKS: u16 = 10;
    const RENEWALS: usize = 10;
    let scene = Scene::without_wire().unwrap();
    Wire::many(&scene.client, "eth", &scene.server, "port", LINKS).unwrap();
    let servers: Vec<Rogue> = (0..LINKS)
        .map(|n| {
            let (port, third) = (format!("port{n}"), u8::try_from(n).unwrap());
            let lease = Lease::new(Ipv4Addr::new(10, 0, third, 9), 8).times(2, 6).with(code::ROUTER, [10, 0, third, 1]);
            scene.server.add_address(&port, &format!("10.0.{n}.1/24")).unwrap();
            Rogue::start(&scene.server, &port, Script::serve(&lease)).unwrap()
        })
        .collect();
    let daemon = dhcp().start(&scene.client).unwrap();
    for n in 0..LINKS {
        leased_on(&scene.client, &format!("eth{n}")).unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
    }
    let routes = || Ok((scene.client.default_routes()?.len() == usize::from(LINKS)).then_some(()));
    eventually("all default routes", SOON, routes).unwrap();
    let monitor = Monitor::start(&scene.client).unwrap();
    let updates_before = monitor.address_updates().unwrap();
    for (n, server) in servers.iter().enumerate() {
        server
            .wait_for(Phase::Renewing, RENEWALS, SOON * 2)
            .unwrap_or_else(|error| panic!("eth{n}: {error:#}\n{}", daemon.text()));
    }
    assert!(monitor.deletions().unwrap().is_empty(), "{:?}", monitor.deletions());
    let updates = monitor.address_updates().unwrap() - updates_before;
    assert!(
        updates + usize::from(LINKS) >= usize::from(LINKS) * RENEWALS,
        "lifetimes were refreshed only {updates} times"
    );
}

#[test]
fn an_address_that_changes_on_renewal_is_replaced_the_new_one_first() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let other = Lease { address: OTHER, ..lease_of(600) };
    let script = Script::serve(&lease_of(20).times(2, 15)).without(Phase::Renewing).on(Phase::Renewing, [other.ack()]);
    let _rogue = scene.rogue(script).unwrap();
    let _daemon = scene.service(&dhcp()).unwrap();
    let monitor = Monitor::start(&scene.client).unwrap();
    let is = |wanted: Ipv4Addr, gone: bool| {
        move |change: &orlop_testbed::state::Change| {
            change.deleted == gone && matches!(&change.item, Item::Address(address) if address.address == wanted)
        }
    };
    let came = monitor.wait_for("the new address", SOON, is(OTHER, false)).unwrap();
    let went = monitor.wait_for("the old address going", SOON, is(ADDRESS, true)).unwrap();
    assert!(came <= went, "there was a moment without an address");
    let all: Vec<_> = scene.client.addresses("eth0").unwrap().iter().map(|address| address.address).collect();
    assert_eq!(all, [OTHER]);
}

// RFC 2131 section 4.4.5: on a DHCPNAK the client "must … halt network processing and … restart in INIT state".
#[test]
fn a_refusal_while_renewing_takes_the_address_away_and_leads_to_a_new_one() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let other = Lease { address: OTHER, ..lease_of(600) };
    let rogue = scene.rogue(Script::serve(&lease_of(20).times(2, 15))).unwrap();
    let _daemon = scene.service(&dhcp()).unwrap();
    rogue.set(Script::serve(&other).first(1, Phase::Renewing, [Template::nak(SERVER)]));
    let renewed = || Ok(scene.client.addresses("eth0")?.iter().any(|address| address.address == OTHER).then_some(()));
    eventually("the other address", SOON, renewed).unwrap();
    let all: Vec<_> = scene.client.addresses("eth0").unwrap().iter().map(|address| address.address).collect();
    assert_eq!(all, [OTHER]);
}

#[test]
fn a_refusal_from_a_server_that_did_not_lease_is_ignored_while_renewing() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let stranger = Template::nak(Ipv4Addr::new(192, 0, 2, 99));
    let renewing = [stranger, lease_of(20).times(2, 15).ack().after(Duration::from_millis(50))];
    let script = Script::serve(&lease_of(20).times(2, 15)).without(Phase::Renewing).on(Phase::Renewing, renewing);
    let rogue = scene.rogue(script).unwrap();
    let _daemon = scene.service(&dhcp()).unwrap();
    let monitor = Monitor::start(&scene.client).unwrap();
    rogue.wait_for(Phase::Renewing, 2, SOON).unwrap();
    assert!(monitor.deletions().unwrap().is_empty(), "{:?}", monitor.deletions());
    assert_eq!(rogue.count(Phase::Discover), 1);
}

#[test]
fn a_lease_for_ever_is_not_renewed() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let rogue = scene.rogue(Script::serve(&lease_of(u32::MAX))).unwrap();
    let _daemon = scene.service(&dhcp()).unwrap();
    assert!(rogue.wait_for(Phase::Renewing, 1, Duration::from_secs(4)).is_err());
    assert_eq!(leased(&scene.client).unwrap().valid, None);
}
