//! Interfaces that come late, go, flap or are many; and what a one-shot run says when there is nothing to configure.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use orlop_test_netns::{ADDRESS, SERVER, SOON, Scene, lease_of, leased, leased_on};
use orlop_testbed::dhcp::code;
use orlop_testbed::script::Template;
use orlop_testbed::{Capture, Daemon, Kind, Mode, Monitor, Phase, Script, Wire, eventually};

const UNCONFIGURED: Option<i32> = Some(69);

/// Runs once, and checks the exit code, that it took between these times, and that the last line of its log names all these words.
fn oneshot_ends(scene: &Scene, daemon: &Daemon, code: Option<i32>, within: std::ops::Range<f64>, words: &[&str]) {
    let start = Instant::now();
    let mut run = scene.oneshot(daemon).unwrap();
    let took = start.elapsed().as_secs_f64();
    assert_eq!(run.wait_exit(SOON).unwrap().code(), code, "{}", run.text());
    assert!(within.contains(&took), "ended after {took:.2} s, not within {within:?}:\n{}", run.text());
    let said = run.stderr().to_lowercase();
    for word in words {
        assert!(said.contains(word), "{word:?} is not in\n{said}");
    }
}

#[test]
fn without_a_server_the_run_ends_by_its_deadline_and_says_so() {
    let Some(_) = Daemon::testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let capture = Capture::start(&scene.client).unwrap();
    let daemon = Daemon::new().args(["--deadline", "3"]);
    oneshot_ends(&scene, &daemon, UNCONFIGURED, 2.8..4.0, &["eth0", "server"]);
    let sent = capture.of_kind(Kind::Discover);
    assert!((2..=4).contains(&sent.len()), "{}", capture.time_line());
}

#[test]
fn without_a_carrier_the_run_ends_sooner_than_its_deadline() {
    let Some(_) = Daemon::testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    scene.server.link_down("eth0").unwrap();
    let daemon = Daemon::new().config("carrier-wait = 1\n");
    oneshot_ends(&scene, &daemon, UNCONFIGURED, 0.9..3.0, &["eth0", "carrier"]);
}

#[test]
fn without_an_interface_the_run_ends_sooner_than_its_deadline() {
    let Some(_) = Daemon::testbed(&[]) else { return };
    let scene = Scene::without_wire().unwrap();
    let daemon = Daemon::new().config("carrier-wait = 1\n");
    oneshot_ends(&scene, &daemon, UNCONFIGURED, 0.9..3.0, &["no interface"]);
}

#[test]
fn when_every_request_is_refused_the_run_says_refused() {
    let Some(_) = Daemon::testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let lease = lease_of(600);
    let script = Script::default().on(Phase::Discover, [lease.offer()]).on(Phase::Selecting, [Template::nak(SERVER)]);
    let rogue = scene.rogue(script).unwrap();
    let daemon = Daemon::new().args(["--deadline", "4"]);
    oneshot_ends(&scene, &daemon, Some(76), 0.0..5.0, &["eth0", "refused"]);
    let requests = rogue.count(Phase::Selecting);
    assert!((2..=6).contains(&requests), "{requests} requests in four seconds: refusals slow it down");
}

#[test]
fn when_one_of_two_interfaces_has_no_server_the_run_is_done_in_part() {
    let Some(_) = Daemon::testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    Wire::veth(&scene.client, "eth1", &scene.server, "eth1").unwrap();
    scene.server.link_up("eth1").unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    let daemon = Daemon::new().args(["--deadline", "3"]);
    oneshot_ends(&scene, &daemon, Some(75), 2.8..4.0, &["eth0", "192.0.2.77", "eth1"]);
    assert_eq!(leased(&scene.client).unwrap().address, ADDRESS);
}

#[test]
fn an_interface_without_a_carrier_does_not_hold_up_the_one_with() {
    let Some(_) = Daemon::testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    Wire::veth(&scene.client, "eth1", &scene.server, "eth1").unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    oneshot_ends(&scene, &Daemon::new(), Some(0), 0.0..2.5, &["eth0", "192.0.2.77"]);
}

#[test]
fn an_interface_that_is_down_is_brought_up() {
    let Some(_) = Daemon::testbed(&["dnsmasq"]) else { return };
    let scene = Scene::with_link_down().unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    assert!(!scene.client.link("eth0").unwrap().up);
    oneshot_ends(&scene, &Daemon::new(), Some(0), 0.0..4.0, &["eth0", "192.0.2.77"]);
}

#[test]
fn a_carrier_that_comes_late_is_waited_for() {
    let Some(_) = Daemon::testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    scene.server.link_down("eth0").unwrap();
    let mut run = Daemon::new().mode(Mode::Oneshot).start(&scene.client).unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    assert!(run.poll_exit().unwrap().is_none(), "{}", run.text());
    let capture = Capture::start(&scene.client).unwrap();
    scene.server.link_up("eth0").unwrap();
    let up = Instant::now();
    assert!(run.wait_exit(SOON).unwrap().success(), "{}", run.text());
    assert!(
        up.elapsed() < Duration::from_millis(1500),
        "{:?} after the carrier came\n{}",
        up.elapsed(),
        capture.time_line()
    );
}

#[test]
fn an_interface_that_appears_late_is_configured() {
    let Some(_) = Daemon::testbed(&["dnsmasq"]) else { return };
    let scene = Scene::without_wire().unwrap();
    let daemon = Daemon::new().start(&scene.client).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    Wire::veth(&scene.client, "eth0", &scene.server, "eth0").unwrap();
    scene.server.link_up("eth0").unwrap();
    scene.server.add_address("eth0", "192.0.2.1/24").unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    let address = leased(&scene.client).unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
    assert_eq!(address.address, ADDRESS);
}

#[test]
fn an_interface_that_goes_and_comes_back_is_configured_again() {
    let Some(_) = Daemon::testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let daemon = {
        let _rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
        scene.service(&Daemon::new()).unwrap()
    };
    scene.client.link_delete("eth0").unwrap();
    Wire::veth(&scene.client, "eth0", &scene.server, "eth0").unwrap();
    scene.server.link_up("eth0").unwrap();
    scene.server.add_address("eth0", "192.0.2.1/24").unwrap();
    let _rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    let address = leased(&scene.client).unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
    assert_eq!(address.address, ADDRESS);
}

#[test]
fn only_interfaces_that_were_asked_for_are_touched() {
    let Some(_) = Daemon::testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    for other in ["wlan0", "eth1"] {
        Wire::veth(&scene.client, other, &scene.server, other).unwrap();
        scene.server.link_up(other).unwrap();
    }
    let _dnsmasq = scene.dnsmasq().unwrap();
    let capture = Capture::start(&scene.server).unwrap();
    let mut run = scene.oneshot(&Daemon::new().config("deny-interfaces = [\"eth1\"]\n")).unwrap();
    assert!(run.wait_exit(SOON).unwrap().success(), "{}", run.text());
    for other in ["wlan0", "eth1"] {
        assert!(!scene.client.link(other).unwrap().up, "{other} was brought up");
        assert!(capture.frames().iter().all(|frame| frame.interface != other), "{other} was spoken on");
    }
}

// A cable that is pulled for a moment: some drivers do that by themselves.
#[test]
fn a_short_loss_of_carrier_changes_nothing() {
    let Some(_) = Daemon::testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    let _daemon = scene.service(&Daemon::new()).unwrap();
    let monitor = Monitor::start(&scene.client).unwrap();
    let asked = rogue.asked().len();
    scene.server.link_down("eth0").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    scene.server.link_up("eth0").unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert!(monitor.deletions().unwrap().is_empty(), "{:?}", monitor.deletions());
    assert_eq!(rogue.asked().len(), asked, "{:?}", rogue.asked().iter().map(|asked| asked.phase).collect::<Vec<_>>());
    assert_eq!(leased(&scene.client).unwrap().address, ADDRESS);
}

#[test]
fn after_a_long_loss_of_carrier_the_lease_is_confirmed_while_the_address_stays() {
    let Some(_) = Daemon::testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    let _daemon = scene.service(&Daemon::new()).unwrap();
    let monitor = Monitor::start(&scene.client).unwrap();
    scene.server.link_down("eth0").unwrap();
    std::thread::sleep(Duration::from_millis(2500));
    scene.server.link_up("eth0").unwrap();
    let request = rogue.wait_for(Phase::Rebooting, 1, SOON).unwrap().message;
    assert_eq!(request.address_option(code::REQUESTED_ADDRESS), Some(ADDRESS));
    assert!(monitor.deletions().unwrap().is_empty(), "{:?}", monitor.deletions());
    let routes = || Ok((scene.client.default_routes()?.len() == 1).then_some(()));
    eventually("the default route", SOON, routes).unwrap();
}

#[test]
fn sixty_four_interfaces_are_configured_at_once() {
    const LINKS: u16 = 64;
    let Some(_) = Daemon::testbed(&["dnsmasq"]) else { return };
    let scene = Scene::without_wire().unwrap();
    Wire::many(&scene.client, "eth", &scene.server, "port", LINKS).unwrap();
    let ports: Vec<String> = (0..LINKS).map(|n| format!("port{n}")).collect();
    scene.server.add_bridge("br0", &ports).unwrap();
    scene.server.add_address("br0", "10.0.0.1/16").unwrap();
    let dnsmasq = orlop_testbed::Dnsmasq::on("br0").range("10.0.1.1", "10.0.1.200").option("3,10.0.0.1");
    let _dnsmasq = dnsmasq.start(&scene.server).unwrap();
    let capture = Capture::start(&scene.server).unwrap();
    let start = Instant::now();
    let mut run = scene.oneshot(&Daemon::new()).unwrap();
    assert!(run.wait_exit(SOON).unwrap().success(), "{}", run.text());
    println!("{LINKS} interfaces in {:?}", start.elapsed());
    let mut addresses: Vec<_> =
        (0..LINKS).map(|n| leased_on(&scene.client, &format!("eth{n}")).unwrap().address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses.len(), usize::from(LINKS), "each has an address of its own");
    let mut metrics: Vec<_> = scene.client.default_routes().unwrap().iter().map(|route| route.metric).collect();
    metrics.sort_unstable();
    metrics.dedup();
    assert_eq!(metrics.len(), usize::from(LINKS), "each has a metric of its own");
    // One that starts anew has a new transaction; two never share one.
    let mut owners = BTreeMap::new();
    for seen in capture.of_kind(Kind::Discover) {
        let owner = *owners.entry(seen.message.xid).or_insert(seen.message.mac());
        assert_eq!(owner, seen.message.mac(), "two interfaces share a transaction");
    }
    assert!(owners.len() >= usize::from(LINKS));
}
