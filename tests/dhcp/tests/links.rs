//! Interfaces that come late, go, flap or are many; and what a one-shot run says when there is nothing to configure.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use orlop_test_dhcp::{ADDRESS, SERVER, SOON, Scene, dhcp, lease_of, leased, leased_on, testbed};
use orlop_testbed::dhcp::code;
use orlop_testbed::script::Template;
use orlop_testbed::state::Item;
use orlop_testbed::{Capture, Kind, Launch, Lease, Monitor, Phase, Script, Wire, eventually};

const UNCONFIGURED: Option<i32> = Some(69);

/// Runs once, and checks the exit code, that it took between these times, and that the last line of its log names all these words.
fn oneshot_ends(scene: &Scene, daemon: &Launch, code: Option<i32>, within: std::ops::Range<f64>, words: &[&str]) {
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
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let capture = Capture::start(&scene.client).unwrap();
    let daemon = dhcp().args(["--deadline", "3"]);
    oneshot_ends(&scene, &daemon, UNCONFIGURED, 2.8..4.0, &["eth0", "server"]);
    let sent = capture.of_kind(Kind::Discover);
    assert!((2..=4).contains(&sent.len()), "{}", capture.time_line());
}

#[test]
fn without_a_carrier_the_run_ends_sooner_than_its_deadline() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    scene.server.link_down("eth0").unwrap();
    let daemon = dhcp().config("carrier-wait = 1\n");
    oneshot_ends(&scene, &daemon, UNCONFIGURED, 0.9..3.0, &["eth0", "carrier"]);
}

#[test]
fn without_an_interface_the_run_ends_sooner_than_its_deadline() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::without_wire().unwrap();
    let daemon = dhcp().config("carrier-wait = 1\n");
    oneshot_ends(&scene, &daemon, UNCONFIGURED, 0.9..3.0, &["no interface"]);
}

#[test]
fn when_every_request_is_refused_the_run_says_refused() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let lease = lease_of(600);
    let script = Script::default().on(Phase::Discover, [lease.offer()]).on(Phase::Selecting, [Template::nak(SERVER)]);
    let rogue = scene.rogue(script).unwrap();
    let daemon = dhcp().args(["--deadline", "4"]);
    oneshot_ends(&scene, &daemon, Some(76), 0.0..5.0, &["eth0", "refused"]);
    let requests = rogue.count(Phase::Selecting);
    assert!((2..=6).contains(&requests), "{requests} requests in four seconds: refusals slow it down");
}

#[test]
fn when_one_of_two_interfaces_has_no_server_the_run_is_done_in_part() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    Wire::veth(&scene.client, "eth1", &scene.server, "eth1").unwrap();
    scene.server.link_up("eth1").unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    let daemon = dhcp().args(["--deadline", "3"]);
    oneshot_ends(&scene, &daemon, Some(75), 2.8..4.0, &["eth0", "192.0.2.77", "eth1"]);
    assert_eq!(leased(&scene.client).unwrap().address, ADDRESS);
}

#[test]
fn an_interface_without_a_carrier_does_not_hold_up_the_one_with() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    Wire::veth(&scene.client, "eth1", &scene.server, "eth1").unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    oneshot_ends(&scene, &dhcp(), Some(0), 0.0..2.5, &["eth0", "192.0.2.77"]);
}

#[test]
fn an_interface_that_is_down_is_brought_up() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::with_link_down().unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    assert!(!scene.client.link("eth0").unwrap().up);
    oneshot_ends(&scene, &dhcp(), Some(0), 0.0..4.0, &["eth0", "192.0.2.77"]);
}

#[test]
fn a_carrier_that_comes_late_is_waited_for() {
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    let _dnsmasq = scene.dnsmasq().unwrap();
    scene.server.link_down("eth0").unwrap();
    let mut run = dhcp().oneshot().start(&scene.client).unwrap();
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
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::without_wire().unwrap();
    let daemon = dhcp().start(&scene.client).unwrap();
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
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let daemon = {
        let _rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
        scene.service(&dhcp()).unwrap()
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
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::new().unwrap();
    for other in ["wlan0", "eth1"] {
        Wire::veth(&scene.client, other, &scene.server, other).unwrap();
        scene.server.link_up(other).unwrap();
    }
    let _dnsmasq = scene.dnsmasq().unwrap();
    let capture = Capture::start(&scene.server).unwrap();
    let mut run = scene.oneshot(&dhcp().config("deny-interfaces = [\"eth1\"]\n")).unwrap();
    assert!(run.wait_exit(SOON).unwrap().success(), "{}", run.text());
    for other in ["wlan0", "eth1"] {
        assert!(!scene.client.link(other).unwrap().up, "{other} was brought up");
        assert!(capture.frames().iter().all(|frame| frame.interface != other), "{other} was spoken on");
    }
}

// A cable that is pulled for a moment: some drivers do that by themselves.
#[test]
fn a_short_loss_of_carrier_changes_nothing() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    let _daemon = scene.service(&dhcp()).unwrap();
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
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    let _daemon = scene.service(&dhcp()).unwrap();
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
    let Some(_) = testbed(&["dnsmasq"]) else { return };
    let scene = Scene::without_wire().unwrap();
    Wire::many(&scene.client, "eth", &scene.server, "port", LINKS).unwrap();
    let ports: Vec<String> = (0..LINKS).map(|n| format!("port{n}")).collect();
    scene.server.add_bridge("br0", &ports).unwrap();
    scene.server.add_address("br0", "10.0.0.1/16").unwrap();
    let dnsmasq = orlop_testbed::Dnsmasq::on("br0").range("10.0.1.1", "10.0.1.200").option("3,10.0.0.1");
    let _dnsmasq = dnsmasq.start(&scene.server).unwrap();
    let capture = Capture::start(&scene.server).unwrap();
    let start = Instant::now();
    let mut run = scene.oneshot(&dhcp()).unwrap();
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

// The kernel drops the routes of an interface that is set down, and gives only the addresses back.
#[test]
fn an_interface_that_is_set_down_and_up_has_its_routes_again_even_without_a_server() {
    let Some(_) = testbed(&[]) else { return };
    for (what, pause) in [("at once", Duration::ZERO), ("after a while", Duration::from_millis(1500))] {
        let scene = Scene::new().unwrap();
        let rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
        let daemon = scene.service(&dhcp()).unwrap();
        let routed = || Ok((!scene.client.default_routes()?.is_empty()).then_some(()));
        eventually("the default route", SOON, routed).unwrap();
        rogue.set(Script::silent());
        scene.client.link_down("eth0").unwrap();
        assert_eq!(scene.client.default_routes().unwrap(), [], "{what}: the kernel dropped it");
        std::thread::sleep(pause);
        scene.client.link_up("eth0").unwrap();
        eventually("the default route again", SOON, routed)
            .unwrap_or_else(|error| panic!("{what}: {error:#}\n{}", daemon.text()));
        assert_eq!(leased(&scene.client).unwrap().address, ADDRESS, "{what}");
    }
}

#[test]
fn another_hardware_address_gets_its_own_lease_in_place_of_the_old_one() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    // For ever: nothing but us would ever remove it.
    let rogue = scene.rogue(Script::serve(&lease_of(u32::MAX))).unwrap();
    let daemon = scene.service(&dhcp()).unwrap();
    let other = Ipv4Addr::new(192, 0, 2, 88);
    rogue.set(Script::serve(&Lease { address: other, ..lease_of(600) }));
    scene.client.shell("ip link set eth0 address 02:00:00:00:00:99").unwrap();
    let alone = || {
        let all: Vec<_> = scene.client.addresses("eth0")?.iter().map(|address| address.address).collect();
        Ok((all == [other]).then_some(()))
    };
    eventually("the new address alone", SOON, alone).unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
}

#[test]
fn a_renamed_interface_keeps_its_lease_under_the_new_name_and_takes_that_names_settings() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    let daemon = scene.service(&dhcp().config("[interface.eth7]\nmetric = 7\n")).unwrap();
    let monitor = Monitor::start(&scene.client).unwrap();
    scene.client.shell("ip link set eth0 down; ip link set eth0 name eth7; ip link set eth7 up").unwrap();
    let with_metric = || Ok(scene.client.default_routes()?.iter().any(|route| route.metric == 7).then_some(()));
    eventually("a default route of metric 7", SOON, with_metric)
        .unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
    let gone = monitor.deletions().unwrap().into_iter().any(|item| matches!(item, Item::Address(_)));
    assert!(!gone, "the address stays: {}", daemon.text());
    let files = scene.client.shell("ls /run/orlop/dhcp /run/orlop/netfacts").unwrap();
    assert!(files.contains("lease.eth7") && files.contains("dhcp.eth7") && !files.contains("eth0"), "{files}");
}

#[test]
fn what_others_have_on_the_interface_outlives_the_lease() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let rogue = scene.rogue(Script::serve(&lease_of(20).times(2, 15))).unwrap();
    let daemon = scene.service(&dhcp()).unwrap();
    scene
        .client
        .shell(
            "ip address add 192.0.2.200/24 dev eth0
             ip address add 10.9.9.9/24 dev eth0
             ip route add 10.50.0.0/16 via 192.0.2.9
             ip route add default via 10.9.9.1 metric 5",
        )
        .unwrap();
    rogue.set(Script::silent().on(Phase::Renewing, [Template::nak(SERVER)]));
    let addresses = || -> Result<Vec<_>, _> {
        scene.client.addresses("eth0").map(|all| all.iter().map(|address| address.address).collect())
    };
    eventually("our address gone", SOON, || Ok((!addresses()?.contains(&ADDRESS)).then_some(()))).unwrap();
    let mut left = addresses().unwrap();
    left.sort_unstable();
    assert_eq!(left, [Ipv4Addr::new(10, 9, 9, 9), Ipv4Addr::new(192, 0, 2, 200)], "{}", daemon.text());
    let routes = scene.client.shell("ip -4 route").unwrap();
    for route in ["10.50.0.0/16 via 192.0.2.9", "default via 10.9.9.1"] {
        assert!(routes.contains(route), "{route} is not in\n{routes}");
    }
}

#[test]
fn an_interface_whose_port_another_client_holds_is_configured_once_that_is_gone() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _rogue = scene.rogue(Script::serve(&lease_of(600))).unwrap();
    let holder = scene.client.inside(|| Ok(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 68))?)).unwrap();
    let daemon = dhcp().start(&scene.client).unwrap();
    daemon.wait_for("another DHCP client", SOON).unwrap();
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(scene.client.addresses("eth0").unwrap(), []);
    assert_eq!(daemon.lines().len(), 1, "it says so once:\n{}", daemon.text());
    drop(holder);
    let address = leased(&scene.client).unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
    assert_eq!(address.address, ADDRESS);
}
