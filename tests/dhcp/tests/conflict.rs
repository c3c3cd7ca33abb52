//! Another host has the leased address, or says so (RFC 5227).
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::net::Ipv4Addr;
use std::time::Duration;

use orlop_test_dhcp::{ADDRESS, SERVER, SOON, Scene, dhcp, lease_of, leased, testbed, unleased};
use orlop_testbed::capture::Captured;
use orlop_testbed::dhcp::code;
use orlop_testbed::state::Item;
use orlop_testbed::{Arp, Capture, Kind, Lease, Monitor, Phase, Running, Script, Wire, eventually};
use serde_json::Value;

const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 78);
const FORGED: [u8; 6] = [2, 0x66, 0x66, 0x66, 0x66, 0x66];

/// The ARP packets about `addr` that a host has sent, with the time of each.
fn sent(capture: &Capture, addr: Ipv4Addr) -> Vec<(Duration, Arp)> {
    let outgoing = |captured: &Captured| captured.outgoing;
    let frames = capture.frames().into_iter().filter(outgoing);
    let all = frames.filter_map(|captured| Some((captured.at, Arp::decode(&captured.frame)?)));
    all.filter(|(_, arp)| arp.target == addr && (arp.is_probe() || arp.is_announcement())).collect()
}

/// What the status says of conflicts on `eth0`.
fn conflict(scene: &Scene) -> Value {
    let status = scene.status().unwrap_or_default();
    status.pointer("/interfaces/0/conflict").cloned().unwrap_or_default()
}

fn watching(scene: &Scene, daemon: &Running) {
    eventually("the end of the probes", SOON, || Ok((conflict(scene)["stage"] == "watching").then_some(())))
        .unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
}

fn serving(address: Ipv4Addr) -> Script {
    Script::serve(&Lease { address, ..lease_of(600) })
}

#[test]
fn a_free_address_is_probed_for_and_announced_while_it_is_in_use() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _rogue = scene.rogue(serving(ADDRESS)).unwrap();
    let capture = Capture::start(&scene.client).unwrap();
    let daemon = scene.service(&dhcp()).unwrap();
    let all = || Ok(Some(sent(&capture, ADDRESS)).filter(|sent| sent.len() >= 5));
    let sent = eventually("three probes and two announcements", SOON, all);
    let sent = sent.unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
    let kinds: Vec<bool> = sent.iter().map(|(_, arp)| arp.is_probe()).collect();
    assert_eq!(kinds, [true, true, true, false, false]);
    let mac = scene.client.mac("eth0").unwrap();
    assert!(sent.iter().all(|(_, arp)| arp.sender_mac == mac), "{sent:?}");
    for (pair, least) in sent.windows(2).zip([1.0, 1.0, 2.0, 2.0]) {
        // The kernel's clock is not the one that the daemon waits by.
        let apart = (pair[1].0 - pair[0].0).as_secs_f64();
        assert!(apart > least - 0.05, "{apart} s apart: {sent:?}");
    }
    assert_eq!(leased(&scene.client).unwrap().address, ADDRESS);
    watching(&scene, &daemon);
    assert_eq!(conflict(&scene)["detection"], "background");
}

#[test]
fn an_address_that_another_host_has_is_given_up_declined_and_another_taken() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    scene.server.add_address("eth0", &format!("{ADDRESS}/24")).unwrap();
    let rogue = scene.rogue(serving(ADDRESS)).unwrap();
    let capture = Capture::start(&scene.server).unwrap();
    let daemon = scene.service(&dhcp()).unwrap();
    let decline = rogue.wait_for(Phase::Decline, 1, SOON).unwrap();
    let said = [code::REQUESTED_ADDRESS, code::SERVER_ID].map(|code| decline.message.option(code));
    assert_eq!(said, [Some(ADDRESS.octets().to_vec()), Some(SERVER.octets().to_vec())]);
    unleased(&scene.client).unwrap();
    assert_eq!(capture.of_kind(Kind::Decline).len(), 1, "{}", capture.time_line());
    rogue.set(serving(OTHER));
    assert_eq!(leased(&scene.client).unwrap().address, OTHER);
    watching(&scene, &daemon);
    let holder = scene.server.mac("eth0").unwrap().map(|byte| format!("{byte:02x}")).join(":");
    assert_eq!((&conflict(&scene)["conflicts"], &conflict(&scene)["other"]), (&1.into(), &holder.as_str().into()));
    assert_eq!(rogue.count(Phase::Decline), 1, "{}", daemon.text());
}

/// RFC 2131 section 3.1 item 5: "The client SHOULD wait a minimum of ten seconds before restarting the configuration process".
#[test]
fn a_server_that_offers_a_taken_address_again_and_again_is_asked_slowly() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    scene.server.add_address("eth0", &format!("{ADDRESS}/24")).unwrap();
    let rogue = scene.rogue(serving(ADDRESS)).unwrap();
    let capture = Capture::start(&scene.server).unwrap();
    let daemon = scene.service(&dhcp()).unwrap();
    rogue.wait_for(Phase::Decline, 2, 2 * SOON).unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
    let at: Vec<Duration> = capture.of_kind(Kind::Decline).iter().map(|seen| seen.at).collect();
    assert!((at[1] - at[0]).as_secs_f64() > 9.9, "{}", capture.time_line());
    let between = capture.messages().into_iter().filter(|seen| !seen.outgoing && at[0] < seen.at && seen.at < at[1]);
    assert!(between.count() <= 4, "{}", capture.time_line());
}

/// RFC 5227 section 2.4 (c), and (b)'s rule that a defence is sent once in ten seconds.
#[test]
fn a_forged_claim_after_the_probes_is_answered_once_and_unplugs_nobody() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let rogue = scene.rogue(serving(ADDRESS)).unwrap();
    let daemon = scene.service(&dhcp()).unwrap();
    watching(&scene, &daemon);
    let capture = Capture::start(&scene.client).unwrap();
    eventually("the last announcement", SOON, || Ok((sent(&capture, ADDRESS).len() == 1).then_some(()))).unwrap();
    let client = scene.client.mac("eth0").unwrap();
    let claims = [
        Arp::announcement(FORGED, ADDRESS),
        Arp { request: false, destination: client, ..Arp::announcement(FORGED, ADDRESS) },
        Arp::probe(FORGED, ADDRESS),
    ];
    for claim in claims.into_iter().cycle().take(30) {
        claim.send(&scene.server, "eth0").unwrap();
    }
    let defended = || Ok((sent(&capture, ADDRESS).len() > 1).then_some(()));
    eventually("a defence", SOON, defended).unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
    std::thread::sleep(Duration::from_secs(2));
    let defences = sent(&capture, ADDRESS).split_off(1);
    assert!(
        matches!(defences.as_slice(), [(_, one)] if one.is_announcement() && one.sender_mac == client),
        "{defences:?}"
    );
    assert_eq!(leased(&scene.client).unwrap().address, ADDRESS);
    assert_eq!(rogue.count(Phase::Decline), 0, "{}", daemon.text());
    assert_eq!(daemon.text().matches("another host claims").count(), 1, "{}", daemon.text());
}

#[test]
fn another_interface_of_this_host_on_the_same_link_is_no_other_host() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::without_wire().unwrap();
    for (ours, port) in [("eth0", "p0"), ("eth1", "p1")] {
        Wire::veth(&scene.client, ours, &scene.server, port).unwrap();
    }
    scene.server.add_bridge("eth0", &["p0".to_owned(), "p1".to_owned()]).unwrap();
    scene.server.add_address("eth0", &format!("{SERVER}/24")).unwrap();
    for port in ["p0", "p1"] {
        scene.server.link_up(port).unwrap();
    }
    for ours in ["eth0", "eth1"] {
        scene.client.link_up(ours).unwrap();
        scene.client.wait_operational(ours).unwrap();
    }
    let rogue = scene.rogue(serving(ADDRESS)).unwrap();
    let capture = Capture::start(&scene.client).unwrap();
    let daemon = scene.service(&dhcp().args(["eth0"])).unwrap();
    watching(&scene, &daemon);
    let mac = scene.client.mac("eth1").unwrap();
    let answers = capture.frames().into_iter().filter_map(|captured| Arp::decode(&captured.frame));
    let answered = answers.filter(|arp| !arp.request && arp.sender == ADDRESS && arp.sender_mac == mac).count();
    assert!(answered > 0, "the other interface did not answer the probes: this tests nothing");
    assert_eq!(rogue.count(Phase::Decline), 0, "{}", daemon.text());
    assert_eq!(leased(&scene.client).unwrap().address, ADDRESS);
}

#[test]
fn where_it_is_switched_off_no_address_is_probed_for_announced_or_given_up() {
    let Some(_) = testbed(&[]) else { return };
    let dhcpcd = |scene: &Scene| {
        scene.client.write("/run/dhcpcd.conf", "noarp\n").unwrap();
        dhcp().called("/sbin/dhcpcd").args(["-B", "-f", "/run/dhcpcd.conf", "eth0"])
    };
    let own: fn(&Scene) -> orlop_testbed::Launch = |_| dhcp().config("conflict-detection = \"off\"\n");
    for launch in [own, dhcpcd] {
        let scene = Scene::new().unwrap();
        scene.server.add_address("eth0", &format!("{ADDRESS}/24")).unwrap();
        let rogue = scene.rogue(serving(ADDRESS)).unwrap();
        let capture = Capture::start(&scene.client).unwrap();
        let daemon = scene.service(&launch(&scene)).unwrap();
        std::thread::sleep(Duration::from_secs(3));
        assert_eq!(sent(&capture, ADDRESS), [], "{}", daemon.text());
        assert_eq!((leased(&scene.client).unwrap().address, rogue.count(Phase::Decline)), (ADDRESS, 0));
        assert_eq!(conflict(&scene)["detection"], "off");
    }
}

const BLOCKING: &str = "conflict-detection = \"blocking\"\n";

#[test]
fn a_blocking_run_puts_an_address_in_force_once_nobody_has_answered() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let rogue = scene.rogue(serving(ADDRESS)).unwrap();
    let (capture, monitor) = (Capture::start(&scene.client).unwrap(), Monitor::start(&scene.client).unwrap());
    let mut run = scene.oneshot(&dhcp().config(BLOCKING)).unwrap();
    assert!(run.wait_exit(SOON).unwrap().success(), "{}", run.text());
    assert_eq!(leased(&scene.client).unwrap().address, ADDRESS);
    let asked = rogue.wait_for(Phase::Selecting, 1, SOON).unwrap().at;
    let is_address = |item: &Item| matches!(item, Item::Address(_));
    let added = monitor.changes().unwrap().into_iter().find(|(_, change)| is_address(&change.item)).unwrap().0;
    // Two waits of a second at least from probe to probe, and two seconds after the last.
    assert!((added - asked).as_secs_f64() > 3.5, "after {:?}", added - asked);
    let sent = sent(&capture, ADDRESS);
    let kinds: Vec<bool> = sent.iter().map(|(_, arp)| arp.is_probe()).collect();
    assert_eq!(kinds, [true, true, true, false], "{sent:?}");
}

#[test]
fn a_blocking_run_never_uses_an_address_that_another_host_has() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    scene.server.add_address("eth0", &format!("{ADDRESS}/24")).unwrap();
    let rogue = scene.rogue(serving(ADDRESS)).unwrap();
    let monitor = Monitor::start(&scene.client).unwrap();
    let mut run = scene.oneshot(&dhcp().config(&format!("{BLOCKING}deadline = 6\n"))).unwrap();
    assert_eq!(run.wait_exit(SOON).unwrap().code(), Some(76), "{}", run.text());
    assert!(run.text().contains(&format!("another host uses {ADDRESS}")), "{}", run.text());
    assert_eq!(rogue.count(Phase::Decline), 1, "{}", run.text());
    let changes = monitor.changes().unwrap();
    assert!(changes.iter().all(|(_, change)| !matches!(change.item, Item::Address(_))), "{changes:?}");
}
