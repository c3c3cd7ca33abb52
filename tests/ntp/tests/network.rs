//! Whom the service asks, what it sends, and what it does when servers, networks and addresses come and go.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::net::Ipv4Addr;
use std::time::Duration;

use orlop_test_ntp::{Chrony, Clock, Lie, RIGHT, SOON, Scene, end, ntp, steps, testbed};
use orlop_testbed::frame::Udp;
use orlop_testbed::{Capture, Host, Wire, eventually};
use serde_json::Value;

const HOUR: Duration = Duration::from_secs(3600);
/// The shortest time between two questions to one server, less what a busy machine adds to the first of them.
const APART: Duration = Duration::from_millis(1800);
const ARP: [u8; 2] = [0x08, 0x06];

/// What the DHCP client leaves when a network names these time servers (option 42).
fn facts(host: &Host, servers: &[Ipv4Addr]) {
    let lines: String = servers.iter().map(|server| format!("ntp {server}\n")).collect();
    let text = format!("netfacts 1\ninterface eth0\n{lines}");
    let folder = "/run/orlop/netfacts";
    host.write(&format!("{folder}/.draft"), text).unwrap();
    host.run("mv", &[&format!("{folder}/.draft"), &format!("{folder}/dhcp.eth0")]).unwrap();
}

fn names(status: &Value) -> Vec<(&str, &str)> {
    let sources = status["sources"].as_array().into_iter().flatten();
    sources.map(|source| (source["name"].as_str().unwrap(), source["origin"].as_str().unwrap())).collect()
}

#[test]
fn servers_that_the_network_names_are_followed_without_losing_the_clock() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(HOUR)).unwrap();
    let server = scene.wired().unwrap();
    let [first, second, third] = Scene::WIRED;
    let _servers = Scene::WIRED.map(|address| Chrony::at(address, 123).start(&server).unwrap());
    let daemon = scene.start(&ntp()).unwrap();
    scene.until(&daemon, "a first word", |status| status["phase"] == "waiting").unwrap();

    facts(&scene.host, &[first, second]);
    let right = |status: &Value| status["synchronised"] == true && names(status).len() == 2;
    let status = scene.until(&daemon, "a right clock", right).unwrap();
    assert_eq!(names(&status), [("192.0.2.1", "network"), ("192.0.2.2", "network")]);
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", daemon.text());

    // Another lease, one server of which is the same: nobody doubts the clock meanwhile.
    facts(&scene.host, &[second, third]);
    let both = |status: &Value| {
        assert_eq!(status["synchronised"], true, "{status:#}");
        let asked = |at| Scene::server(status, at)["state"] == "selected";
        names(status).iter().any(|(name, _)| *name == "192.0.2.3")
            && status.to_string().contains("192.0.2.3:123")
            && asked("192.0.2.3:123")
            && asked("192.0.2.2:123")
    };
    let status = scene.until(&daemon, "the new server among the believed", both).unwrap();
    assert!(names(&status).iter().all(|(name, _)| *name != "192.0.2.1"), "{status:#}");
    assert_eq!(steps(&daemon, 1), 1, "{}", daemon.text());

    // The interface is gone, and with it what it said.
    scene.host.run("rm", &["/run/orlop/netfacts/dhcp.eth0"]).unwrap();
    scene.until(&daemon, "nobody to ask", |status| names(status).is_empty()).unwrap();
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", daemon.text());
}

#[test]
fn a_neighbour_is_asked_behind_its_interface_where_there_is_no_network_further_away() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(HOUR)).unwrap();
    let server = Host::new("server").unwrap();
    // The same address is behind two interfaces, and only one of the two hosts knows what time it is.
    let other = Host::new("other").unwrap();
    for (host, interface) in [(&server, "eth0"), (&other, "eth1")] {
        Wire::veth(&scene.host, interface, host, "eth0").unwrap();
        host.ip_batch("address add fe80::1/64 dev eth0 nodad\nlink set eth0 up\nlink set lo up\n").unwrap();
        scene.host.run("sysctl", &["-qw", &format!("net.ipv6.conf.{interface}.accept_dad=0")]).unwrap();
        scene.host.link_up(interface).unwrap();
    }
    let _server = Chrony::on(1121).start(&server).unwrap();
    let _liar = Chrony::on(1121).lying(Lie::Fake(86_400)).start(&other).unwrap();
    let daemon = scene.service(&ntp().config("sources = [\"[fe80::1%eth0]:1121\"]\n")).unwrap();
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", daemon.text());
    let status = scene.status().unwrap();
    assert_eq!(names(&status), [("[fe80::1%eth0]:1121", "configuration")]);
    end(daemon).unwrap();

    let daemon = scene.start(&ntp().args(["[fe80::1%eth7]:1121"])).unwrap();
    daemon.wait_for("there was no such interface when the daemon started interface=\"eth7\"", SOON).unwrap();
    scene.until(&daemon, "nobody to ask", |status| status["synchronised"] == false).unwrap();
    end(daemon).unwrap();
}

#[test]
fn what_the_operator_names_counts_more_than_what_the_network_names() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(HOUR)).unwrap();
    let server = scene.wired().unwrap();
    let [named, other, _] = Scene::WIRED;
    let _servers = [named, other].map(|address| Chrony::at(address, 123).start(&server).unwrap());
    facts(&scene.host, &[other]);
    let daemon = scene.service(&ntp().config("sources = [\"192.0.2.1\"]\n")).unwrap();
    assert_eq!(names(&scene.status().unwrap()), [("192.0.2.1", "configuration")]);
    // Nor does news of the network change that: the order that comes after it is carried out by the same servers.
    facts(&scene.host, &[other, Scene::WIRED[2]]);
    let (mark, order) = (daemon.mark(), scene.command(&["step"]).unwrap());
    assert!(order.stdout().contains("done"), "{}", order.text());
    daemon.wait_for_after(mark, "order", SOON).unwrap();
    scene.until(&daemon, "a right clock", |status| status["synchronised"] == true).unwrap();
    assert_eq!(names(&scene.status().unwrap()), [("192.0.2.1", "configuration")], "{}", daemon.text());
    // Unless the network's servers are not wanted at all, they count where nobody else is named.
    end(daemon).unwrap();
    let daemon = scene.start(&ntp().config("network-sources = false\n")).unwrap();
    let status = scene.until(&daemon, "a first word", |status| status["phase"] == "waiting").unwrap();
    assert_eq!(names(&status), [], "{}", daemon.text());
}

#[test]
fn a_server_that_dies_and_comes_back_is_asked_again() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(HOUR)).unwrap();
    let server = Chrony::on(1121);
    let before = server.start(&scene.host).unwrap();
    let config = "sources = [{ server = \"127.0.0.1:1121\", min-poll = 1, max-poll = 1 }]\n";
    let daemon = scene.service(&ntp().config(config)).unwrap();
    let pair = scene.trio(&daemon, SOON).unwrap();
    drop(before);
    // Each question to the port that nobody listens at comes back as ECONNREFUSED.
    scene
        .until(&daemon, "silence", |status| {
            status["sources"][0]["servers"][0]["reach"].as_u64().is_some_and(|reach| reach & 1 == 0)
        })
        .unwrap();
    let _again = server.start(&scene.host).unwrap();
    let answered = |status: &Value| {
        let reach = status["sources"][0]["servers"][0]["reach"].as_u64().unwrap_or(0);
        status["synchronised"] == true && reach & 1 == 1 && reach.count_zeros() > 56
    };
    scene.until(&daemon, "an answer after the silence", answered).unwrap();
    assert_eq!(scene.trio(&daemon, SOON).unwrap(), pair, "{}", daemon.text());
    assert_eq!(steps(&daemon, 1), 1, "{}", daemon.text());
}

#[test]
fn questions_go_on_from_another_address_of_the_machine() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(HOUR)).unwrap();
    let server = scene.wired().unwrap();
    let capture = Capture::start(&server).unwrap();
    let _server = Chrony::at(Scene::WIRED[0], 123).start(&server).unwrap();
    let config = "sources = [{ server = \"192.0.2.1\", max-poll = 1, min-poll = 1 }]\n";
    let daemon = scene.service(&ntp().config(config)).unwrap();

    scene.host.link_down("eth0").unwrap();
    scene.host.run("ip", &["address", "flush", "dev", "eth0"]).unwrap();
    scene.until(&daemon, "no network", |status| status["phase"] == "offline").unwrap();
    scene.host.ip_batch("address add 192.0.2.20/24 dev eth0\nlink set eth0 up\n").unwrap();
    let from_there = || {
        let asked = capture
            .frames()
            .iter()
            .filter_map(|seen| Udp::decode(&seen.frame))
            .any(|udp| udp.destination_port == 123 && udp.source == Ipv4Addr::new(192, 0, 2, 20));
        Ok(asked.then_some(()))
    };
    eventually("a question from the new address", SOON, from_there)
        .unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
    let answered = |status: &Value| {
        status["phase"] == "steady"
            && status["sources"][0]["servers"][0]["reach"].as_u64().is_some_and(|reach| reach & 1 == 1)
    };
    scene.until(&daemon, "answers again", answered).unwrap();
    assert_eq!(steps(&daemon, 1), 1, "{}", daemon.text());
}

#[test]
fn nothing_leaves_but_questions_to_the_servers_that_are_named_and_seldom() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::of_1970()).unwrap();
    let server = scene.wired().unwrap();
    let capture = Capture::start(&scene.host).unwrap();
    let [first, second, silent] = Scene::WIRED;
    let _servers = [first, second].map(|address| Chrony::at(address, 123).start(&server).unwrap());
    let named = Scene::WIRED.map(|address| address.to_string());
    let daemon = scene.service(&ntp().args(named.iter().map(String::as_str))).unwrap();
    let questions = |to: Ipv4Addr| {
        let seen = capture.frames().into_iter().filter(|seen| seen.outgoing && seen.interface == "eth0");
        let udp = seen.filter_map(|seen| Some((seen.at, Udp::decode(&seen.frame)?)));
        udp.filter(move |(_, udp)| udp.destination == to).collect::<Vec<_>>()
    };
    let more = |to: Ipv4Addr, than: usize| {
        eventually("more questions", SOON, || Ok((questions(to).len() > than).then_some(())))
            .unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
    };
    // Whatever makes the time uncertain, or the network new, makes everybody be asked at once: not before his time all the same.
    more(first, 1);
    scene.command(&["step"]).unwrap();
    more(first, 2);
    scene.host.add_address("eth0", "192.0.2.11/24").unwrap();
    more(first, 3);
    scene.host.run("ip", &["address", "delete", "192.0.2.11/24", "dev", "eth0"]).unwrap();
    more(second, 4);
    end(daemon).unwrap();

    let mut seen = 0;
    for frame in capture.frames().iter().filter(|frame| frame.outgoing && frame.interface == "eth0") {
        let Some(udp) = Udp::decode(&frame.frame) else {
            assert_eq!(frame.frame.get(12..14), Some(&ARP[..]), "neither UDP nor ARP: {:x?}", frame.frame);
            continue;
        };
        seen += 1;
        assert!(Scene::WIRED.contains(&udp.destination) && udp.destination_port == 123, "{udp:x?}");
        assert_eq!(udp.payload.len(), 48, "{udp:x?}");
        assert_eq!((udp.payload[0], udp.payload[1..40].iter().all(|byte| *byte == 0)), (0x23, true), "{udp:x?}");
        assert!(udp.payload[40..] != [0; 8], "a question that can be guessed: {udp:x?}");
    }
    assert!(seen >= 12, "only {seen} questions");
    for server in Scene::WIRED {
        let asked = questions(server);
        let mut randoms: Vec<_> = asked.iter().map(|(_, udp)| udp.payload[40..].to_vec()).collect();
        for pair in asked.windows(2) {
            let apart = pair[1].0.saturating_sub(pair[0].0);
            assert!(apart >= APART, "{server}: two questions {apart:?} apart");
        }
        randoms.sort();
        randoms.dedup();
        assert_eq!(randoms.len(), asked.len(), "{server}: the same question twice");
    }
    assert!(!questions(silent).is_empty());
}
