//! Whoever answers in any other way than a time server does: nothing of it is believed.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::time::Duration;

use orlop_test_ntp::script::{Packet, Reply, timestamp};
use orlop_test_ntp::{Clock, RIGHT, SOON, Scene, Scripted, ntp, testbed};
use orlop_testbed::{Host, eventually};

/// How far off what hostile servers say is: believed, it would be seen.
const LIE: i64 = 7200;
/// The first of the ports that hostile servers listen at.
const FIRST: u16 = 2100;

/// What is sent, the reason for which it is dropped (nothing where the kernel drops it), and how it is made.
type Case = (&'static str, Option<&'static str>, fn(&[u8]) -> Vec<Reply>);

fn reply(packet: &Packet) -> Vec<Reply> {
    vec![Reply::Direct(packet.encode())]
}

/// A lie in the right form but for what the test changes.
fn lie(question: &[u8], change: impl FnOnce(&mut Packet)) -> Vec<Reply> {
    let mut packet = Packet::answer(question, LIE);
    change(&mut packet);
    reply(&packet)
}

const CASES: &[Case] = &[
    ("another origin", Some("wrong-origin"), |q| lie(q, |p| p.origin ^= 1)),
    ("an origin of zero", Some("wrong-origin"), |q| lie(q, |p| p.origin = 0)),
    ("the question, sent back", Some("wrong-mode"), |q| vec![Reply::Direct(q.to_vec())]),
    ("a broadcast", Some("wrong-mode"), |q| lie(q, |p| p.mode = 5)),
    ("a control message", Some("wrong-mode"), |q| lie(q, |p| p.mode = 6)),
    ("version 3", Some("wrong-version"), |q| lie(q, |p| p.version = 3)),
    ("stratum 16", Some("unsynchronised"), |q| lie(q, |p| p.stratum = 16)),
    ("leap indicator 3", Some("unsynchronised"), |q| lie(q, |p| p.leap = 3)),
    ("stratum 0 with a time", Some("kiss"), |q| lie(q, |p| p.stratum = 0)),
    ("no transmit timestamp", Some("bad-timestamp"), |q| lie(q, |p| p.transmit = 0)),
    ("no receive timestamp", Some("bad-timestamp"), |q| lie(q, |p| p.receive = 0)),
    ("sent before it was received", Some("bad-timestamp"), |q| lie(q, |p| p.transmit -= 1 << 32)),
    ("answered a day after it came", Some("bad-delay"), |q| lie(q, |p| p.transmit += 86_400 << 32)),
    ("two seconds from the primary clock", Some("distant"), |q| lie(q, |p| p.root_delay = 4 << 16)),
    ("a code without a key", Some("mac"), |q| lie(q, |p| p.tail = vec![7; 20])),
    ("a byte short", Some("malformed"), |q| vec![Reply::Direct(Packet::answer(q, LIE).encode()[..47].to_vec())]),
    ("empty", Some("malformed"), |_| vec![Reply::Direct(Vec::new())]),
    ("a byte long", Some("malformed"), |q| lie(q, |p| p.tail = vec![0])),
    ("longer than any answer", Some("malformed"), |q| lie(q, |p| p.tail = vec![0; 1000])),
    ("from another port", None, |q| vec![Reply::FromElsewhere(Packet::answer(q, LIE).encode())]),
    ("nothing", None, |_| Vec::new()),
];

fn servers(host: &Host, cases: &[Case]) -> Vec<Scripted> {
    let server = |((_, _, answer), port): (&Case, u16)| Scripted::on(host, port, *answer).unwrap();
    cases.iter().zip(FIRST..).map(server).collect()
}

#[test]
fn what_is_no_answer_is_dropped_counted_and_moves_no_clock() {
    let Some(_) = testbed(&[]) else { return };
    // As many sources as there may be at once.
    for cases in CASES.chunks(11) {
        let scene = Scene::new(Clock::behind(Duration::from_secs(1000))).unwrap();
        let servers = servers(&scene.host, cases);
        let daemon = scene.start(&ntp().args(servers.iter().map(|server| server.address.as_str()))).unwrap();
        for server in &servers {
            server.wait_for(2, SOON).unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
        }
        let all_counted = |status: &serde_json::Value| {
            cases.iter().filter_map(|(_, why, _)| *why).all(|why| {
                let sent = cases.iter().filter(|(_, other, _)| *other == Some(why)).count();
                status["discards"][why].as_u64() >= u64::try_from(sent).ok()
            })
        };
        let status = scene.until(&daemon, "every packet among the dropped", all_counted).unwrap();
        for ((what, _, _), server) in cases.iter().zip(&servers) {
            let shown = Scene::server(&status, &server.address);
            assert_eq!(shown["answered"], serde_json::Value::Null, "{what}: {shown:#}");
            // After four questions it is tried through another socket.
            let state = shown["state"].as_str().unwrap();
            assert!(["unreachable", "connecting"].contains(&state), "{what}: {shown:#}");
        }
        assert_eq!((&status["synchronised"], &status["last_step"]), (&false.into(), &serde_json::Value::Null));
        let error = scene.clock().unwrap().error();
        assert!((error - 1000 * 1_000_000_000).abs() < RIGHT, "the clock was moved by {error} ns: {}", daemon.text());
    }
}

// The rest of the table is only worth something when the same packet without its defect is believed.
#[test]
fn the_same_server_without_a_defect_is_believed() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(Duration::from_secs(1000))).unwrap();
    let server = Scripted::on(&scene.host, FIRST, |question| lie(question, |_| {})).unwrap();
    let mut run = scene.oneshot(&ntp().args([server.address.as_str()])).unwrap();
    assert!(run.wait_exit(SOON).unwrap().success(), "{}", run.text());
    let error = scene.clock().unwrap().error() + i128::from(LIE) * 1_000_000_000;
    assert!(error.abs() < RIGHT, "off by {error} ns: {}", run.text());
}

#[test]
fn hostile_servers_beside_honest_ones_do_not_keep_the_clock_from_being_right() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::of_1970()).unwrap();
    let _honest = scene.servers(3).unwrap();
    let hostile = servers(&scene.host, &CASES[..10]);
    let all = Scene::SERVERS.into_iter().chain(hostile.iter().map(|server| server.address.as_str()));
    let mut run = scene.oneshot(&ntp().args(all)).unwrap();
    assert!(run.wait_exit(SOON).unwrap().success(), "{}", run.text());
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", run.text());
}

#[test]
fn an_answer_counts_once_however_often_it_comes() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(Duration::ZERO)).unwrap();
    // The second says something else: whoever believes it has been told a lie.
    let twice = |question: &[u8]| {
        let honest = Packet::answer(question, 0);
        let lie = Packet { receive: timestamp(LIE), transmit: timestamp(LIE), ..honest.clone() };
        [&honest, &honest, &lie].into_iter().flat_map(reply).collect()
    };
    let server = Scripted::on(&scene.host, FIRST, twice).unwrap();
    let daemon = scene.service(&ntp().args([server.address.as_str()])).unwrap();
    server.wait_for(4, SOON).unwrap();
    let status =
        scene.until(&daemon, "the rest dropped", |status| status["discards"]["unasked"].as_u64() >= Some(6)).unwrap();
    assert_eq!(status["last_step"], serde_json::Value::Null, "{status:#}");
    let shown = Scene::server(&status, &server.address);
    assert!(shown["offset_ns"].as_i64().unwrap().abs() < 50_000_000, "{shown:#}");
    assert!(scene.clock().unwrap().error().abs() < RIGHT, "{}", daemon.text());
}

#[test]
fn who_says_to_ask_less_is_asked_less_and_who_says_to_stop_not_at_all() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(Duration::from_secs(1000))).unwrap();
    let kiss = |port, code: [u8; 4]| {
        Scripted::on(&scene.host, port, move |question| reply(&Packet::kiss(question, code))).unwrap()
    };
    let (rate, deny, restrict) = (kiss(FIRST, *b"RATE"), kiss(FIRST + 1, *b"DENY"), kiss(FIRST + 2, *b"RSTR"));
    let silent = Scripted::on(&scene.host, FIRST + 3, |_| Vec::new()).unwrap();
    let all = [&rate, &deny, &restrict, &silent];
    let daemon = scene.start(&ntp().args(all.map(|server| server.address.as_str()))).unwrap();
    // Who says nothing at all shows how often the others would have been asked.
    silent.wait_for(4, SOON).unwrap();
    for (what, server) in [("RATE", &rate), ("DENY", &deny), ("RSTR", &restrict)] {
        assert_eq!(server.asked().len(), 1, "{what}");
    }
    let status = scene.until(&daemon, "three kisses", |status| status["discards"]["kiss"].as_u64() == Some(3)).unwrap();
    for server in [&deny, &restrict] {
        assert_eq!(Scene::server(&status, &server.address)["state"], "denied", "{status:#}");
    }
    let slower = Scene::server(&status, &rate.address)["poll_secs"].as_u64();
    assert!(slower > Scene::server(&status, &silent.address)["poll_secs"].as_u64(), "{status:#}");
    assert_eq!(status["last_step"], serde_json::Value::Null, "{status:#}");
    let shown = scene.command(&["status"]).unwrap().stdout();
    assert!(shown.lines().any(|line| line.trim_start().starts_with('!') && line.contains(&deny.address)), "{shown}");
}

// Anybody on the way may send a kiss: without the random bits of the question it is nothing.
#[test]
fn a_kiss_of_somebody_who_did_not_see_the_question_has_no_effect() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new(Clock::behind(Duration::from_secs(1000))).unwrap();
    let forged_first = |question: &[u8]| {
        let forged = Packet { origin: 0, ..Packet::kiss(question, *b"DENY") };
        [forged, Packet::answer(question, 0)].iter().flat_map(reply).collect()
    };
    let server = Scripted::on(&scene.host, FIRST, forged_first).unwrap();
    let daemon = scene.service(&ntp().args([server.address.as_str()])).unwrap();
    eventually("a right clock", SOON, || Ok((scene.clock()?.error().abs() < RIGHT).then_some(())))
        .unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.text()));
    assert!(scene.status().unwrap()["discards"]["wrong-origin"].as_u64() >= Some(1));
}
