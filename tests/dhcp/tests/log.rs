//! What the log tells a person: how a lease comes and goes, every message at `debug`, and little of what goes wrong each time.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::net::Ipv4Addr;
use std::time::Duration;

use nix::sys::signal::Signal;
use orlop_test_dhcp::{ADDRESS, SOON, Scene, dhcp, lease_of, leased, testbed};
use orlop_testbed::dhcp::code;
use orlop_testbed::script::{Edit, Phase, Reply, Template, classless_routes};
use orlop_testbed::{Lease, Script};

/// Offers that cannot be used, and the reason that is told.
fn unusable() -> Vec<(&'static str, Template)> {
    let nowhere = Lease { address: Ipv4Addr::new(127, 0, 0, 9), ..lease_of(600) };
    vec![
        ("bad-lease-time", lease_of(0).offer()),
        ("bad-address", nowhere.offer()),
        ("wrong-client-id", lease_of(600).with(code::CLIENT_ID, [1, 2, 3, 4, 5, 6, 7]).offer()),
        ("wrong-type", lease_of(600).offer().edit(Edit::RawOptions(vec![54, 4, 192, 0, 2, 1, 255]))),
    ]
}

/// Replies that are not to us, or no replies.
fn noise() -> Vec<(&'static str, Template)> {
    let offer = || lease_of(600).offer();
    vec![
        ("wrong-xid", offer().edit(Edit::Xid(1))),
        ("wrong-chaddr", offer().edit(Edit::Chaddr([2, 0, 0, 0, 9, 9]))),
        ("wrong-hardware", offer().edit(Edit::Hlen(16))),
    ]
}

#[test]
fn debug_tells_of_every_message_both_ways_and_why_one_is_dropped() {
    let Some(_) = testbed(&[]) else { return };
    let bad = || unusable().into_iter().chain(noise());
    // One option is left out of the good offer, and nothing else of it.
    let good = lease_of(600).with(code::MTU, [5]).offer().after(Duration::from_millis(100));
    let offers: Vec<Reply> = bad().map(|(_, offer)| offer).chain([good]).map(Reply::Message).collect();
    for (level, told) in [("debug", true), ("info", false)] {
        let scene = Scene::new().unwrap();
        let _rogue = scene.rogue(Script::serve(&lease_of(600)).always(Phase::Discover, offers.clone())).unwrap();
        let run = scene.oneshot(&dhcp().args(["--log", level])).unwrap();
        let said = run.text();
        assert_eq!(leased(&scene.client).unwrap().address, ADDRESS, "{said}");
        let line = |words: &[&str]| said.lines().find(|line| words.iter().all(|word| line.contains(word)));
        for (reason, _) in bad() {
            let words = ["received and dropped interface=eth0", &format!("reason={reason}")];
            assert_eq!(line(&words).is_some(), told, "{level}, {reason}: {said}");
        }
        for words in [
            &["sent", "interface=eth0", "Discover"][..],
            &["sent", "interface=eth0", "Select", "192.0.2.77", "192.0.2.1"],
            &["received interface=eth0", "kind=Offer", "server=192.0.2.1", "address=192.0.2.77", "left_out=bad-option"],
            &["received interface=eth0", "kind=Ack", "server=192.0.2.1", "address=192.0.2.77"],
            &["received and dropped", "kind=Offer", "server=192.0.2.1", "address=127.0.0.9", "reason=bad-address"],
        ] {
            assert_eq!(line(words).is_some(), told, "{level}, {words:?}: {said}");
        }
    }
}

#[test]
fn answers_that_cannot_be_used_are_not_told_as_no_answer() {
    let Some(_) = testbed(&[]) else { return };
    for (reason, offer) in unusable() {
        let scene = Scene::new().unwrap();
        let _rogue = scene.rogue(Script::silent().on(Phase::Discover, [offer])).unwrap();
        let mut run = scene.oneshot(&dhcp().args(["--deadline", "2"])).unwrap();
        assert_eq!(run.wait_exit(SOON).unwrap().code(), Some(76), "{reason}: {}", run.text());
        assert!(run.text().contains(&format!("for {reason}")), "{reason}: {}", run.text());
    }
    // The control: what is not to us is no answer.
    let scene = Scene::new().unwrap();
    let _rogue =
        scene.rogue(Script::silent().on(Phase::Discover, noise().into_iter().map(|(_, offer)| offer))).unwrap();
    let mut run = scene.oneshot(&dhcp().args(["--deadline", "2"])).unwrap();
    assert_eq!(run.wait_exit(SOON).unwrap().code(), Some(69), "{}", run.text());
}

#[test]
fn routes_that_the_kernel_refuses_at_every_renewal_are_one_line() {
    let Some(_) = testbed(&[]) else { return };
    // No kernel takes a broadcast address as a router.
    let nowhere = Ipv4Addr::new(192, 0, 2, 255);
    for count in [1, 2, 42] {
        let scene = Scene::new().unwrap();
        let routes: Vec<_> = (0..count).map(|n| (Ipv4Addr::new(20 + n, 0, 0, 0), 8, nowhere)).collect();
        let lease = lease_of(20).times(2, 15).with(code::CLASSLESS_ROUTES, classless_routes(&routes));
        let rogue = scene.rogue(Script::serve(&lease)).unwrap();
        let daemon = scene.service(&dhcp()).unwrap();
        rogue.wait_for(Phase::Renewing, 3, SOON).unwrap();
        let said = daemon.text();
        let lines: Vec<&str> = said.lines().filter(|line| line.contains("not taken by the kernel")).collect();
        assert_eq!(lines.len(), 1, "{count} routes: {said}");
        assert!(lines[0].contains(&format!("routes={count} first=20.0.0.0/8")), "{}", lines[0]);
    }
}

#[test]
fn the_log_tells_how_a_lease_is_lost_and_that_the_daemon_stops() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let rogue = scene.rogue(Script::serve(&lease_of(8).times(2, 5))).unwrap();
    let mut daemon = scene.service(&dhcp()).unwrap();
    let mark = daemon.mark();
    rogue.set(Script::silent());
    daemon.wait_for_after(mark, "soliciting a lease", SOON).unwrap();
    daemon.signal(Signal::SIGTERM).unwrap();
    daemon.wait_exit(SOON).unwrap();
    let said = daemon.text();
    let mut from = 0;
    for line in [
        "leased interface=eth0",
        "renewing the lease interface=eth0 server=192.0.2.1",
        "the server of the lease does not answer; asking any interface=eth0",
        "lease expired interface=eth0 address=192.0.2.77",
        "soliciting a lease interface=eth0",
        "stopping",
    ] {
        let at = said[from..].find(line).unwrap_or_else(|| panic!("{line}, in this order: {said}"));
        from += at + line.len();
    }
    assert_eq!(said.matches("renewing the lease").count(), 1, "{said}");
}
