//! What every good client does, ours and Debian's alike (STYLE 39).
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::net::Ipv4Addr;
use std::time::Duration;

use orlop_test_dhcp::{ADDRESS, Player, SERVER, SOON, Scene, lease_of, leased, players};
use orlop_testbed::dhcp::code;
use orlop_testbed::frame::Checksum;
use orlop_testbed::relay::{Rule, Times};
use orlop_testbed::script::{Edit, Template, WRONG_COOKIE};
use orlop_testbed::{Capture, Client, Kind, Lease, Phase, Relay, Script, Udhcpd};

#[test]
fn a_lease_is_taken_from_dnsmasq() {
    for player in players(&[]) {
        let scene = Scene::new().unwrap();
        let _dnsmasq = scene.dnsmasq().unwrap();
        let running = player.start(&scene.client, "eth0").unwrap();
        let address = leased(&scene.client).unwrap_or_else(|error| panic!("{player}: {error:#}\n{}", running.text()));
        assert_eq!((address.address, address.prefix), (ADDRESS, 24), "{player}");
    }
}

#[test]
fn a_lease_is_taken_from_udhcpd() {
    for player in players(&[]) {
        let scene = Scene::new().unwrap();
        let _udhcpd = Udhcpd::on("eth0", "192.0.2.77", "192.0.2.77", 60).start(&scene.server).unwrap();
        let running = player.start(&scene.client, "eth0").unwrap();
        let address = leased(&scene.client).unwrap_or_else(|error| panic!("{player}: {error:#}\n{}", running.text()));
        assert_eq!(address.address, ADDRESS, "{player}");
    }
}

// RFC 2131 section 4.1: "The client MUST adopt a retransmission strategy".
#[test]
fn a_lost_message_of_each_type_is_made_up_for() {
    for player in players(&[]) {
        // The others take many seconds for the later ones; they prove the relay with the first.
        let types = [Kind::Discover, Kind::Offer, Kind::Request, Kind::Ack];
        for lost in if player == Player::Orlop { &types[..] } else { &types[..1] }.iter().copied() {
            let scene = Scene::without_wire().unwrap();
            let relay =
                Relay::between((&scene.client, "eth0"), (&scene.server, "eth0"), &[Rule::drop(lost, Times::First(1))])
                    .unwrap();
            scene.server.add_address("eth0", "192.0.2.1/24").unwrap();
            let _dnsmasq = scene.dnsmasq().unwrap();
            let capture = Capture::start(&scene.client).unwrap();
            let _running = player.start(&scene.client, "eth0").unwrap();
            let address = leased(&scene.client)
                .unwrap_or_else(|error| panic!("{player}, {lost} lost: {error:#}\n{}", capture.time_line()));
            assert_eq!(address.address, ADDRESS, "{player}, {lost} lost");
            assert_eq!(relay.counters().dropped, 1, "{player}, {lost} lost");
            if player == Player::Orlop && lost == Kind::Discover {
                let sent = capture.of_kind(Kind::Discover);
                let gap = sent[1].at - sent[0].at;
                assert!(gap <= Duration::from_millis(1350), "the first retry came after {gap:?}");
            }
        }
    }
}

// RFC 2131 section 4.4.1: "If the client receives a DHCPNAK message, the client restarts the configuration process."
#[test]
fn a_refused_request_starts_the_exchange_again() {
    // dhclient ignores a refusal while it has no lease.
    for player in players(&[Client::Dhclient]) {
        let scene = Scene::new().unwrap();
        let script = Script::serve(&lease_of(60)).first(1, Phase::Selecting, [Template::nak(SERVER)]);
        let rogue = scene.rogue(script).unwrap();
        let _running = player.start(&scene.client, "eth0").unwrap();
        rogue.wait_for(Phase::Discover, 2, SOON).unwrap_or_else(|error| panic!("{player}: {error:#}"));
        assert_eq!(leased(&scene.client).unwrap().address, ADDRESS, "{player}");
    }
}

#[test]
fn a_refusal_by_a_server_that_was_not_chosen_is_ignored() {
    // dhcpcd takes the first refusal for its own.
    for player in players(&[Client::Dhcpcd]) {
        let scene = Scene::new().unwrap();
        let stranger = Template::nak(Ipv4Addr::new(192, 0, 2, 99));
        let answers = [stranger, lease_of(600).ack().after(Duration::from_millis(100))];
        let script = Script::serve(&lease_of(600)).without(Phase::Selecting).on(Phase::Selecting, answers);
        let rogue = scene.rogue(script).unwrap();
        let capture = Capture::start(&scene.client).unwrap();
        let running = player.start(&scene.client, "eth0").unwrap();
        let address = leased(&scene.client).unwrap_or_else(|error| panic!("{player}: {error:#}")).address;
        assert_eq!(address, ADDRESS, "{player}");
        let asked = (rogue.count(Phase::Discover), rogue.count(Phase::Selecting));
        assert_eq!(
            asked,
            (1, 1),
            "{player}:
{}{}",
            capture.time_line(),
            running.text()
        );
    }
}

// RFC 2131 section 3.1 item 3: the client chooses one server and names it in its request.
#[test]
fn of_two_servers_one_is_chosen_and_named() {
    for player in players(&[]) {
        let scene = Scene::new().unwrap();
        let other = Ipv4Addr::new(192, 0, 2, 2);
        let late = lease_of(60).server(other).offer().after(Duration::from_millis(150));
        let script =
            Script::serve(&lease_of(60)).without(Phase::Discover).on(Phase::Discover, [lease_of(60).offer(), late]);
        let rogue = scene.rogue(script).unwrap();
        let _running = player.start(&scene.client, "eth0").unwrap();
        let request =
            rogue.wait_for(Phase::Selecting, 1, SOON).unwrap_or_else(|error| panic!("{player}: {error:#}")).message;
        assert_eq!(request.address_option(code::SERVER_ID), Some(SERVER), "{player}");
        assert_eq!(request.address_option(code::REQUESTED_ADDRESS), Some(ADDRESS), "{player}");
        assert_eq!(leased(&scene.client).unwrap().address, ADDRESS, "{player}");
    }
}

#[test]
fn an_offer_that_is_not_for_us_or_not_whole_is_ignored() {
    use Client::{Dhclient, Dhcpcd, Udhcpc};
    // Behind each, the clients that were found to take the offer, or to be confused by it.
    let bad: [(_, _, &[Client]); 6] = [
        ("of another transaction", Edit::Xid(1), &[]),
        ("for another client", Edit::Chaddr([0xee; 6]), &[]),
        ("with a wrong checksum", Edit::Checksum(Checksum::Wrong), &[]),
        ("without the cookie", Edit::Cookie(WRONG_COOKIE), &[Dhcpcd, Dhclient]),
        ("that is a request", Edit::Op(1), &[Udhcpc, Dhclient]),
        ("to another port", Edit::DestinationPort(6868), &[]),
    ];
    for player in players(&[]) {
        for (what, edit, otherwise) in &bad {
            if player.is_one_of(otherwise) {
                continue;
            }
            assert_eq!(requested_after(player, what, edit), Some(ADDRESS), "{player}, an offer {what}");
        }
    }
}

// A frame for a VLAN shows up on the parent interface too. To a packet socket for IPv4 the kernel shows it without its tag,
// but as one for another host.
#[test]
fn an_offer_for_a_vlan_is_ignored_on_its_parent() {
    // udhcpc and dhcpcd take it.
    for player in players(&[Client::Udhcpc, Client::Dhcpcd]) {
        assert_eq!(requested_after(player, "with a VLAN tag", &Edit::Vlan(5)), Some(ADDRESS), "{player}");
    }
}

/// Which address a client asks for when a bad offer of another is followed by a good one.
fn requested_after(player: Player, what: &str, edit: &Edit) -> Option<Ipv4Addr> {
    let scene = Scene::new().unwrap();
    let bad = Lease::new(Ipv4Addr::new(192, 0, 2, 66), 60).offer().edit(edit.clone());
    let good = lease_of(60).offer().after(Duration::from_millis(100));
    let script = Script::serve(&lease_of(60)).without(Phase::Discover).on(Phase::Discover, [bad, good]);
    let rogue = scene.rogue(script).unwrap();
    let _running = player.start(&scene.client, "eth0").unwrap();
    let request = rogue.wait_for(Phase::Selecting, 1, SOON);
    let request = request.unwrap_or_else(|error| panic!("{player}, an offer {what}: {error:#}")).message;
    request.address_option(code::REQUESTED_ADDRESS)
}
