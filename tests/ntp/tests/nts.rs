//! NTS with real chronyd servers: a clock is set under keys and never without, also where nobody knows yet what time it is.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use orlop_test_ntp::script::{HEADER, Packet};
use orlop_test_ntp::{
    Authority, CA, Chrony, Clock, Days, Lie, Names, Passing, RIGHT, Relay, SOON, Scene, ntp, steps, testbed,
};
use orlop_testbed::{Launch, Running};
use serde_json::Value;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// A scene whose daemon trusts an authority.
fn scene(clock: Clock) -> (Scene, Authority) {
    let scene = Scene::new(clock).unwrap();
    let authority = Authority::new().unwrap();
    authority.trusted_on(&scene.host).unwrap();
    (scene, authority)
}

/// The daemon with these sources, asked with NTS.
fn secured(sources: &[&str]) -> Launch {
    let sources: Vec<String> = sources
        .iter()
        .map(|server| format!("{{ server = \"{server}\", nts = true, min-poll = 1, max-poll = 1 }}"))
        .collect();
    ntp().config(&format!("nts-ca = \"{CA}\"\nsources = [{}]\n", sources.join(", ")))
}

/// What servers show in the tests of machines that do not know the time: this many days from now, so that it is long after the build
/// whenever that was.
const LATER: i64 = 40;

/// A server that shows that time.
fn later(scene: &Scene, authority: &Authority, port: u16, days: Days) -> Running {
    let identity = authority.certify(&["127.0.0.1"], days).unwrap();
    Chrony::on(port).lying(Lie::Fake(LATER * 86_400)).secured(port + 3340, &identity).start(&scene.host).unwrap()
}

/// By how much the clock differs from what those servers show.
fn off_later(scene: &Scene) -> i128 {
    scene.clock().unwrap().error() + i128::from(LATER) * 86_400_000_000_000
}

/// A server at this port, which exchanges keys at the port 3340 higher.
fn server(scene: &Scene, authority: &Authority, port: u16, days: Days) -> Running {
    let identity = authority.certify(&["127.0.0.1"], days).unwrap();
    Chrony::on(port).secured(port + 3340, &identity).start(&scene.host).unwrap()
}

fn nts(status: &Value, source: usize) -> &Value {
    &status["sources"][source]["nts"]
}

#[test]
fn a_clock_is_set_by_a_server_that_proves_who_it_is() {
    let Some(_) = testbed(&[]) else { return };
    let (scene, authority) = scene(Clock::behind(HOUR / 2));
    let _server = server(&scene, &authority, 1121, Days::USUAL);
    let daemon = scene.service(&secured(&["127.0.0.1:4461"])).unwrap();
    assert_eq!(steps(&daemon, 1), 1, "{}", daemon.text());
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", daemon.text());
    // Each question takes a cookie, and each answer brings one.
    let full = |status: &Value| nts(status, 0)["cookies"] == 8 && nts(status, 0)["state"] == "protected";
    let status = scene.until(&daemon, "eight cookies", full).unwrap();
    assert_eq!(nts(&status, 0)["exchanges"], 1, "{status:#}");
    assert_eq!(nts(&status, 0)["failures"], 0, "{status:#}");
    assert_eq!(Scene::server(&status, "127.0.0.1:1121")["state"], "selected");
    let shown = scene.command(&["sources"]).unwrap();
    assert!(shown.stdout().contains("protected"), "{}", shown.text());
    assert!(daemon.text().contains("keys exchanged"), "{}", daemon.text());
    // The one that has exchanged the keys has ended.
    let processes = scene.host.run("ps", &["-eo", "args"]).unwrap();
    assert!(!processes.contains("ntp-ke"), "{processes}");
}

#[test]
fn a_machine_that_does_not_know_the_time_checks_certificates_by_what_the_majority_says() {
    let Some(_) = testbed(&[]) else { return };
    for (what, clock) in [
        ("in 1970", Clock::of_1970()),
        ("a week behind the servers", Clock::ahead(33 * DAY)),
        ("in 2099", Clock::ahead(72 * 365 * DAY)),
    ] {
        let (scene, authority) = scene(clock);
        // Not valid yet at the time of the build, which is all that a machine in 1970 knows.
        let young = Days { from: LATER - 2, until: LATER + 60 };
        let _servers = [1121, 1122, 1123].map(|port| later(&scene, &authority, port, young));
        let daemon = scene.service(&secured(&["127.0.0.1:4461", "127.0.0.1:4462", "127.0.0.1:4463"])).unwrap();
        assert!(off_later(&scene).abs() < RIGHT, "{what}: {}", daemon.text());
        // Those of the majority before the clock was set, and whoever was late at once afterwards.
        let all = |status: &Value| {
            (0..3).all(|at| nts(status, at)["state"] == "protected" && nts(status, at)["exchanges"] == 2)
        };
        scene.until(&daemon, "all three, confirmed", all).unwrap();
        let made = usize::from(what == "in 1970") + 1;
        assert_eq!(steps(&daemon, made), made, "{what}: to the build, and then once: {}", daemon.text());
    }
}

#[test]
fn a_certificate_that_has_expired_sets_no_clock_also_where_nobody_knows_the_time() {
    let Some(_) = testbed(&[]) else { return };
    let (scene, authority) = scene(Clock::of_1970());
    // It was valid after the build, so that the time could be then.
    let old = later(&scene, &authority, 1121, Days { from: LATER - 10, until: LATER - 2 });
    let daemon = scene.start(&secured(&["127.0.0.1:4461"])).unwrap();
    let expired = |status: &Value| {
        let why = nts(status, 0)["failure"].as_str();
        why.is_some_and(|why| why.contains("expired")) && nts(status, 0)["state"] == "no-keys"
    };
    let status = scene.until(&daemon, "a certificate that has expired, and no keys", expired).unwrap();
    daemon.wait_for("no keys: the certificate has expired", SOON).unwrap();
    let text = daemon.text();
    let (before, _) = text.split_once("no keys: the certificate has expired").unwrap();
    assert_eq!(before.matches("keys exchanged").count(), 1, "the first was provisional: {text}");
    assert_eq!(status["synchronised"], false, "{status:#}");
    assert_eq!(steps(&daemon, 1), 1, "only to the build: {}", daemon.text());
    orlop_test_ntp::end(daemon).unwrap();

    // Two others that are good set it, without the first.
    let good = Days { from: LATER - 30, until: LATER + 30 };
    let _servers = [1122, 1123].map(|port| later(&scene, &authority, port, good));
    Clock::of_1970().put(&scene.host).unwrap();
    scene.host.shell("rm -f /var/lib/orlop/ntp/state").unwrap();
    let daemon = scene.service(&secured(&["127.0.0.1:4461", "127.0.0.1:4462", "127.0.0.1:4463"])).unwrap();
    assert!(off_later(&scene).abs() < RIGHT, "{}", daemon.text());
    scene.until(&daemon, "a certificate that has expired, and no keys", expired).unwrap();
    drop(old);
}

#[test]
fn a_server_that_has_forgotten_its_keys_exchanges_new_ones() {
    let Some(_) = testbed(&[]) else { return };
    let (scene, authority) = scene(Clock::behind(HOUR / 2));
    let first = server(&scene, &authority, 1121, Days::USUAL);
    let daemon = scene.service(&secured(&["127.0.0.1:4461"])).unwrap();
    drop(first);
    let _second = server(&scene, &authority, 1121, Days::USUAL);
    let again = |status: &Value| nts(status, 0)["exchanges"] == 2 && nts(status, 0)["state"] == "protected";
    let status = scene.until(&daemon, "new keys", again).unwrap();
    assert!(status["discards"]["nts-nak"].as_u64().is_some_and(|n| n >= 1), "{status:#}");
    assert_eq!(steps(&daemon, 1), 1, "{}", daemon.text());
}

#[test]
fn names_are_those_of_certificates_and_a_server_may_name_another() {
    let Some(_) = testbed(&[]) else { return };
    let (scene, authority) = scene(Clock::behind(HOUR / 2));
    let identity = authority.certify(&["time.example"], Days::USUAL).unwrap();
    let lo = Ipv4Addr::LOCALHOST;
    let _server =
        Chrony::on(1121).secured(4461, &identity).with("ntsntpserver elsewhere.example").start(&scene.host).unwrap();
    let _names =
        Names::start(&scene.host, &[("time.example", lo), ("elsewhere.example", lo), ("other.example", lo)]).unwrap();
    let daemon = scene.service(&secured(&["time.example:4461"])).unwrap();
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", daemon.text());
    orlop_test_ntp::end(daemon).unwrap();
    // The same server under a name that its certificate does not have.
    let daemon = scene.start(&secured(&["other.example:4461"])).unwrap();
    let status = scene.until(&daemon, "a failure", |status| nts(status, 0)["failure"].is_string()).unwrap();
    assert_eq!(nts(&status, 0)["failure"], "the certificate is for another name", "{status:#}");
    assert_eq!((steps(&daemon, 0), &status["synchronised"]), (0, &Value::Bool(false)), "{}", daemon.text());
}

/// A daemon whose questions pass somebody on their way, who makes of each answer what `answers` does, after `good` that pass.
fn meddled(
    good: usize,
    mut answers: impl FnMut(Passing, &[Vec<u8>]) -> Vec<Vec<u8>> + Send + 'static,
) -> (Scene, Running, Running, Relay) {
    let (scene, authority) = scene(Clock::behind(HOUR / 2));
    let identity = authority.certify(&["127.0.0.1"], Days::USUAL).unwrap();
    let chrony = Chrony::on(1121).secured(4461, &identity).with("ntsntpserver 127.0.0.2").start(&scene.host).unwrap();
    let (here, there) = (SocketAddr::from(([127, 0, 0, 2], 1121)), SocketAddr::from(([127, 0, 0, 1], 1121)));
    let mut past = Vec::new();
    let relay = Relay::start(&scene.host, here, there, move |passing| {
        let answer = passing.answer.clone();
        let said = if passing.n < good { vec![answer.clone()] } else { answers(passing, &past) };
        past.push(answer);
        said
    });
    let daemon = scene.start(&secured(&["127.0.0.1:4461"])).unwrap();
    (scene, daemon, chrony, relay.unwrap())
}

#[test]
fn nothing_that_somebody_between_us_says_sets_the_clock() {
    let Some(_) = testbed(&[]) else { return };
    // Every byte of the answer in which another one would mean something else, and what follows from it.
    let flip = |at: usize, passing: &Passing| {
        let mut answer = passing.answer.clone();
        answer[at] ^= 1;
        answer
    };
    let (scene, daemon, _chrony, relay) = meddled(0, move |passing, past| {
        let ahead = Packet::answer(&passing.question, 86_400).encode();
        let mut replayed = past.iter().rev().take(2).cloned().collect::<Vec<_>>();
        // An old answer that claims to be one to this question.
        for old in past.iter().filter(|old| old.len() > HEADER).take(1) {
            let mut old = old.clone();
            old[24..32].copy_from_slice(&passing.question[40..48]);
            replayed.push(old);
        }
        let end = passing.answer.len() - 1;
        let mut all = vec![
            ahead.clone(),
            // A plain answer with the question's own fields behind it.
            [&ahead[..], &passing.question[HEADER..]].concat(),
            // The server's protection under another time.
            [&ahead[..], &passing.answer[HEADER..]].concat(),
            // It ends before its protection.
            passing.answer[..HEADER + 36].to_vec(),
            // Kisses that nobody vouches for.
            Packet::kiss(&passing.question, *b"DENY").encode(),
            [&Packet::kiss(&passing.question, *b"DENY").encode()[..], &passing.answer[HEADER..]].concat(),
            Packet::kiss(&passing.question, *b"RATE").encode(),
        ];
        // Stratum, receive and transmit timestamps, identifier, lengths, nonce, and the protected text.
        for at in [1, 32, 40, HEADER + 4, HEADER + 36 + 5, HEADER + 36 + 8, HEADER + 36 + 24, end] {
            all.push(flip(at, &passing));
        }
        all.extend(replayed);
        all
    });
    let asked = |_: &Value| relay.asked() >= 6;
    let status = scene.until(&daemon, "six questions", asked).unwrap();
    let status = scene
        .until(&daemon, "forgeries", |status| {
            status["discards"]["forged"].as_u64() >= Some(30) && status["discards"]["unprotected"].as_u64() >= Some(10)
        })
        .unwrap_or(status);
    assert_eq!(status["synchronised"], false, "{status:#}");
    assert_eq!(steps(&daemon, 0), 0, "{}", daemon.text());
    assert_eq!(Scene::server(&status, "127.0.0.2:1121")["reach"], 0, "{status:#}");
    assert!(status["discards"]["forged"].as_u64() >= Some(30), "{status:#}");
    assert_eq!(nts(&status, 0)["state"], "intercepted", "{status:#}");
    assert_eq!(daemon.text().matches("does somebody between us intercept it?").count(), 1, "{}", daemon.text());
    let shown = scene.command(&["status"]).unwrap();
    assert!(shown.stdout().contains("intercepted?"), "{}", shown.text());
}

#[test]
fn a_network_that_answers_in_the_servers_place_is_told_and_never_believed() {
    let Some(_) = testbed(&[]) else { return };
    let (scene, daemon, _chrony, relay) =
        meddled(3, |passing, _| vec![Packet::answer(&passing.question, 3600).encode()]);
    let intercepted = |status: &Value| nts(status, 0)["state"] == "intercepted";
    scene.until(&daemon, "interception", intercepted).unwrap();
    let asked = relay.asked();
    scene.until(&daemon, "more questions", |_| relay.asked() > asked + 2).unwrap();
    assert_eq!(steps(&daemon, 1), 1, "only by what came first: {}", daemon.text());
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", daemon.text());
    assert_eq!(daemon.text().matches("does somebody between us intercept it?").count(), 1, "{}", daemon.text());
}

#[test]
fn a_nak_that_anybody_could_have_sent_costs_nothing_while_the_server_answers() {
    let Some(_) = testbed(&[]) else { return };
    let (scene, daemon, _chrony, relay) = meddled(0, |passing, _| {
        let kiss = Packet::kiss(&passing.question, *b"NTSN").encode();
        let unique = &passing.question[HEADER..HEADER + 36];
        // Each second question gets a forged one, so that the one after it gets its answer.
        if passing.n % 2 == 0 { vec![[&kiss[..], unique].concat()] } else { vec![passing.answer] }
    });
    let status = scene.until(&daemon, "a right clock", |status| status["synchronised"] == true).unwrap();
    assert!(relay.asked() >= 2, "{status:#}");
    scene.until(&daemon, "more questions", |_| relay.asked() >= 8).unwrap();
    let status = scene.until(&daemon, "NAKs", |status| status["discards"]["nts-nak"].as_u64() >= Some(2)).unwrap();
    assert_eq!(nts(&status, 0)["exchanges"], 1, "{status:#}");
}
