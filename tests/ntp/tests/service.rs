//! The service: whom it asks, what it does when servers and networks come and go, and what it is told to do.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use orlop_test_ntp::script::{Packet, Reply};
use orlop_test_ntp::{Chrony, Clock, SOON, Scene, Scripted, ntp, testbed};
use orlop_testbed::{Host, Running, eventually};
use serde_json::Value;

const HOUR: Duration = Duration::from_secs(3600);
const RIGHT: i128 = 50_000_000;

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

fn steps(daemon: &Running) -> usize {
    daemon.text().matches("clock set").count()
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
    assert_eq!(steps(&daemon), 1, "{}", daemon.text());

    // The interface is gone, and with it what it said.
    scene.host.run("rm", &["/run/orlop/netfacts/dhcp.eth0"]).unwrap();
    scene.until(&daemon, "nobody to ask", |status| names(status).is_empty()).unwrap();
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", daemon.text());
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
    drop(daemon);
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
    assert_eq!(steps(&daemon), 1, "{}", daemon.text());
}

#[test]
fn a_service_that_nobody_answers_waits_and_is_right_once_somebody_does() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::of_1970()).unwrap();
    let daemon = scene.start(&ntp().args(Scene::SERVERS)).unwrap();
    scene.until(&daemon, "a first word", |status| status["phase"] == "asking").unwrap();
    assert_eq!(scene.command(&["status"]).unwrap().wait_exit(SOON).unwrap().code(), Some(69));
    let _servers = scene.servers(3).unwrap();
    scene.until(&daemon, "a right clock", |status| status["synchronised"] == true).unwrap();
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", daemon.text());
}

#[test]
fn questions_go_on_from_another_address_of_the_machine() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(HOUR)).unwrap();
    let server = scene.wired().unwrap();
    let capture = orlop_testbed::Capture::start(&server).unwrap();
    let _server = Chrony::at(Scene::WIRED[0], 123).start(&server).unwrap();
    let config = "sources = [{ server = \"192.0.2.1\", max-poll = 1, min-poll = 1 }]\n";
    let daemon = scene.service(&ntp().config(config)).unwrap();

    scene.host.link_down("eth0").unwrap();
    scene.host.run("ip", &["address", "flush", "dev", "eth0"]).unwrap();
    scene.until(&daemon, "no network", |status| status["phase"] == "offline").unwrap();
    scene.host.ip_batch("address add 192.0.2.20/24 dev eth0\nlink set eth0 up\n").unwrap();
    let from_there = || {
        let asked =
            capture.frames().iter().filter_map(|seen| orlop_testbed::frame::Udp::decode(&seen.frame)).any(|udp| {
                udp.destination_port == 123 && IpAddr::from(udp.source) == IpAddr::from(Ipv4Addr::new(192, 0, 2, 20))
            });
        Ok(asked.then_some(()))
    };
    eventually("a question from the new address", SOON, from_there)
        .unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
    let answered = |status: &Value| {
        status["phase"] == "steady"
            && status["sources"][0]["servers"][0]["reach"].as_u64().is_some_and(|reach| reach & 1 == 1)
    };
    scene.until(&daemon, "answers again", answered).unwrap();
    assert_eq!(steps(&daemon), 1, "{}", daemon.text());
}

#[test]
fn whoever_waits_for_a_right_clock_hears_of_it() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::of_1970()).unwrap();
    let mut vain = scene.command(&["wait-sync", "--deadline", "2"]).unwrap();
    assert_eq!(vain.wait_exit(SOON).unwrap().code(), Some(69), "{}", vain.text());
    assert!(vain.stderr().contains("help: "), "{}", vain.text());

    let mut waiting = orlop_testbed::Launch::of("orlop-ntp").args(["wait-sync"]).start(&scene.host).unwrap();
    let daemon = scene.start(&ntp().args(Scene::SERVERS)).unwrap();
    scene.until(&daemon, "a first word", |status| status["phase"] == "asking").unwrap();
    assert_eq!(waiting.poll_exit().unwrap(), None, "{}", waiting.text());
    let _servers = scene.servers(3).unwrap();
    assert_eq!(waiting.wait_exit(SOON).unwrap().code(), Some(0), "{}", waiting.text());
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", daemon.text());
}

// A clock that is ahead is not set back by a service that was only started anew: the operator's order does it.
#[test]
fn the_operators_order_sets_the_clock_back() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(Duration::ZERO)).unwrap();
    let _servers = scene.servers(3).unwrap();
    let daemon = ntp().args(Scene::SERVERS);
    drop(scene.service(&daemon).unwrap());
    Clock::ahead(HOUR).put(&scene.host).unwrap();
    let running = scene.start(&daemon).unwrap();
    scene.until(&running, "a slew", |status| status["phase"] == "slewing").unwrap();
    let error = scene.clock().unwrap().error();
    assert!(error < -3_590_000_000_000, "it was set back by itself: {error} ns\n{}", running.text());

    let mut order = scene.command(&["step"]).unwrap();
    assert_eq!(order.wait_exit(SOON).unwrap().code(), Some(0), "{}", order.text());
    let status = scene
        .until(&running, "a step", |status| status["last_step"]["why"] == "operator" && status["synchronised"] == true)
        .unwrap();
    assert_eq!(status["phase"], "steady", "{status:#}");
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", running.text());
    let shown = scene.command(&["status"]).unwrap().stdout();
    assert!(shown.contains("last step  -3599 s") || shown.contains("last step  -3600 s"), "{shown}");
}

#[test]
fn an_order_that_nobody_can_carry_out_is_told() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(Duration::ZERO)).unwrap();
    for args in [&["step"][..], &["status"], &["sources"]] {
        let mut run = scene.command(args).unwrap();
        assert_eq!(run.wait_exit(SOON).unwrap().code(), Some(69), "{args:?}: {}", run.text());
        assert!(run.stderr().contains("help: "), "{args:?}: {}", run.text());
    }
}

// The majority is counted against those who are asked, and each of them has one vote, whoever is in front of it.
#[test]
fn a_server_that_is_named_twice_has_one_vote() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(HOUR)).unwrap();
    let lie = |question: &[u8]| vec![Reply::Direct(Packet::answer(question, 7200).encode())];
    let liar = Scripted::on(&scene.host, 1122, lie).unwrap();
    let _honest = scene.servers(1).unwrap();
    let twice = ["127.0.0.1:1121", &liar.address, &liar.address];
    let mut run = scene.oneshot(&ntp().args(twice).args(["--deadline", "3"])).unwrap();
    assert_eq!(run.wait_exit(SOON).unwrap().code(), Some(76), "{}", run.text());
    assert!(scene.clock().unwrap().error() > 3_590_000_000_000, "{}", run.text());
}
