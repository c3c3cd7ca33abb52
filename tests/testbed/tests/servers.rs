//! The servers, the relay and the flood, proven with Debian's clients.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::net::Ipv4Addr;
use std::time::Duration;

use orlop_testbed::dhcp::code;
use orlop_testbed::frame::Checksum;
use orlop_testbed::relay::{Direction, Fate, Match, Rule, Times};
use orlop_testbed::script::{Edit, Template, overloaded};
use orlop_testbed::{
    Capture, Client, Dnsmasq, Flood, Host, Kind, Lease, Mode, Phase, Relay, Rogue, Running, Script, Testbed, Udhcpd,
    Wire, eventually, malformed,
};

const SOON: Duration = Duration::from_secs(20);
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 77);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// A client and a server host on one wire; the server has 192.0.2.1.
fn pair() -> (Host, Host) {
    let (client, server) = (Host::new("client").unwrap(), Host::new("server").unwrap());
    Wire::veth(&client, "eth0", &server, "eth0").unwrap();
    server.link_up("eth0").unwrap();
    server.add_address("eth0", "192.0.2.1/24").unwrap();
    (client, server)
}

fn leased(client: &Host) -> Ipv4Addr {
    eventually("an address", SOON, || Ok(client.addresses("eth0")?.first().map(|address| address.address))).unwrap()
}

fn udhcpc_once(client: &Host) -> Running {
    Client::Udhcpc.start(client, "eth0", Mode::Oneshot).unwrap()
}

#[test]
fn every_reference_client_takes_a_lease_from_dnsmasq() {
    let Some(_) = Testbed::with(&["dnsmasq", "udhcpc", "dhcpcd", "dhclient"]) else { return };
    for reference in Client::ALL {
        let (client, server) = pair();
        let _dnsmasq =
            Dnsmasq::on("eth0").range("192.0.2.77", "192.0.2.77").option("3,192.0.2.1").start(&server).unwrap();
        let capture = Capture::start(&client).unwrap();
        let mut running = reference.start(&client, "eth0", Mode::Oneshot).unwrap();
        assert_eq!(leased(&client), ADDRESS, "{reference:?}");
        assert!(
            capture.of_kind(Kind::Ack).iter().any(|seen| seen.message.yiaddr == ADDRESS && !seen.outgoing),
            "{}",
            capture.time_line()
        );
        eventually("the default route", SOON, || Ok((!client.default_routes()?.is_empty()).then_some(()))).unwrap();
        if reference != Client::Dhclient {
            assert!(running.wait_exit(SOON).unwrap().success(), "{reference:?}: {}", running.text());
        }
    }
}

#[test]
fn what_cannot_start_says_why() {
    let Some(_) = Testbed::with(&[]) else { return };
    let host = Host::new("bare").unwrap();
    let started = Rogue::start(&host, "eth0", Script::silent());
    let told = format!("{:#}", started.err().expect("there is no eth0"));
    assert!(told.contains("the scripted server on bare did not start: ") && told.contains("eth0"), "{told}");
}

#[test]
fn udhcpd_serves_too() {
    let Some(_) = Testbed::with(&["udhcpd", "udhcpc"]) else { return };
    let (client, server) = pair();
    let _udhcpd = Udhcpd::on("eth0", "192.0.2.77", "192.0.2.77", 60).option("router 192.0.2.1").start(&server).unwrap();
    assert!(udhcpc_once(&client).wait_exit(SOON).unwrap().success());
    assert_eq!(leased(&client), ADDRESS);
}

#[test]
fn a_scripted_server_serves_renews_and_refuses() {
    let Some(_) = Testbed::with(&["dhclient"]) else { return };
    let (client, server) = pair();
    let lease = Lease::new(ADDRESS, 12).times(2, 6);
    let rogue = Rogue::start(&server, "eth0", Script::serve(&lease)).unwrap();
    let _dhclient = Client::Dhclient.start(&client, "eth0", Mode::Service).unwrap();
    rogue.wait_for(Phase::Renewing, 1, SOON).unwrap();
    assert_eq!(leased(&client), ADDRESS);
    // Silent for unicast: the client turns to everybody.
    rogue.set(Script::serve(&lease).without(Phase::Renewing));
    rogue.wait_for(Phase::Rebinding, 1, SOON).unwrap();
    // Refused: it starts again.
    let before = rogue.count(Phase::Discover);
    rogue.set(Script::serve(&lease).first(1, Phase::Renewing, [Template::nak(SERVER)]).first(
        1,
        Phase::Rebinding,
        [Template::nak(SERVER)],
    ));
    rogue.wait_for(Phase::Discover, before + 1, SOON).unwrap();
}

#[test]
fn what_a_scripted_server_spoils_a_client_refuses_and_what_it_moves_a_client_finds() {
    let Some(_) = Testbed::with(&["dhcpcd"]) else { return };
    let lease = Lease::new(ADDRESS, 60);
    for (what, offer, accepted) in [
        ("plain", lease.offer(), true),
        ("overloaded", overloaded(lease.offer()), true),
        ("without a checksum", lease.offer().edit(Edit::Checksum(Checksum::Absent)), true),
        ("with a wrong checksum", lease.offer().edit(Edit::Checksum(Checksum::Wrong)), false),
        ("of another transaction", lease.offer().edit(Edit::Xid(1)), false),
        ("without a server identifier", lease.offer().without(code::SERVER_ID), false),
    ] {
        let (client, server) = pair();
        let script = Script::serve(&lease).without(Phase::Discover).on(Phase::Discover, [offer]);
        let rogue = Rogue::start(&server, "eth0", script).unwrap();
        let _dhcpcd = Client::Dhcpcd.start(&client, "eth0", Mode::Oneshot).unwrap();
        rogue.wait_for(Phase::Discover, 1, SOON).unwrap();
        let requested = rogue.wait_for(Phase::Selecting, 1, Duration::from_secs(if accepted { 20 } else { 2 }));
        assert_eq!(requested.is_ok(), accepted, "{what}: {requested:?}");
    }
}

#[test]
fn a_relay_forwards_loses_delays_and_repeats() {
    let Some(_) = Testbed::with(&["dnsmasq", "udhcpc"]) else { return };
    let (client, server) = (Host::new("client").unwrap(), Host::new("server").unwrap());
    let to_client = |kind| Match { direction: Some(Direction::ToClient), kind: Some(kind), broadcast: None };
    let rules = [
        Rule::drop(Kind::Discover, Times::First(1)),
        Rule { what: to_client(Kind::Offer), times: Times::Nth(1), fate: Fate::Delay(Duration::from_millis(300)) },
        Rule { what: to_client(Kind::Ack), times: Times::Always, fate: Fate::Repeat(2) },
    ];
    let relay = Relay::between((&client, "eth0"), (&server, "eth0"), &rules).unwrap();
    server.add_address("eth0", "192.0.2.1/24").unwrap();
    let _dnsmasq = Dnsmasq::on("eth0").range("192.0.2.77", "192.0.2.77").start(&server).unwrap();
    let capture = Capture::start(&client).unwrap();
    assert!(udhcpc_once(&client).wait_exit(SOON).unwrap().success(), "{}", capture.time_line());
    capture
        .wait_for("the second copy of the acknowledgement", SOON, |_| capture.of_kind(Kind::Ack).len() == 2)
        .unwrap();
    let counters = relay.counters();
    assert_eq!((counters.dropped, counters.delayed, counters.repeated), (1, 1, 1), "{}", capture.time_line());
    let discovers = capture.of_kind(Kind::Discover);
    let offer = &capture.of_kind(Kind::Offer)[0];
    assert!(
        discovers.len() >= 2 && offer.at - discovers[1].at >= Duration::from_millis(300),
        "{}",
        capture.time_line()
    );
}

#[test]
fn a_dead_wire_gives_no_lease() {
    let Some(_) = Testbed::with(&["dnsmasq", "udhcpc"]) else { return };
    let (client, server) = (Host::new("client").unwrap(), Host::new("server").unwrap());
    let relay = Relay::between((&client, "eth0"), (&server, "eth0"), &[Rule::DROP_ALL]).unwrap();
    server.add_address("eth0", "192.0.2.1/24").unwrap();
    let _dnsmasq = Dnsmasq::on("eth0").range("192.0.2.77", "192.0.2.77").start(&server).unwrap();
    assert_eq!(udhcpc_once(&client).wait_exit(SOON).unwrap().code(), Some(1));
    assert_eq!(relay.counters().to_server, 0);
}

#[test]
fn a_flood_reaches_fifty_thousand_frames_a_second() {
    let Some(_) = Testbed::with(&["dnsmasq", "udhcpc"]) else { return };
    let (client, server) = pair();
    let _dnsmasq = Dnsmasq::on("eth0").range("192.0.2.77", "192.0.2.77").start(&server).unwrap();
    client.link_up("eth0").unwrap();
    let frames = malformed::frames(client.mac("eth0").unwrap(), server.mac("eth0").unwrap());
    let frames = frames.into_iter().map(|malformed| malformed.frame).collect();
    let flood = Flood::start(&server, "eth0", frames, 60_000).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let (sent, rate) = (flood.sent(), flood.rate());
    drop(flood);
    let heard: u64 = client.run("cat", &["/sys/class/net/eth0/statistics/rx_packets"]).unwrap().trim().parse().unwrap();
    assert!(rate >= 50_000.0, "only {rate:.0} frames a second");
    assert!(heard >= sent, "{sent} sent, {heard} arrived");
    assert!(udhcpc_once(&client).wait_exit(SOON).unwrap().success(), "the wire is whole after it");
}
