//! Servers that fail, lie, are silent, or are not there.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use orlop_test_resolver::{Question, Scene, Server, address, end, resolver, server, testbed};

const BAD: &str = "127.0.1.1";
const GOOD: &str = "127.0.1.2";

fn good(scene: &Scene) -> Server {
    Server::start(&scene.host, GOOD, |asked| vec![asked.address(60, [192, 0, 2, 7]).after(Duration::from_millis(20))])
        .unwrap()
}

#[test]
fn what_one_server_cannot_say_another_is_asked_for() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let bad = Server::start(&scene.host, BAD, |_| Vec::new()).unwrap();
    let _good = good(&scene);
    let daemon = scene.start(&resolver().args([BAD, GOOD])).unwrap();
    for (what, code) in [
        ("servfail", Some(server::SERVFAIL)),
        ("refused", Some(server::REFUSED)),
        ("notimp", Some(server::NOTIMP)),
        ("formerr", Some(1)),
        ("malformed", None),
    ] {
        bad.become_like(move |asked| {
            vec![match code {
                Some(code) => asked.code(code),
                // An address of three bytes.
                None => asked.records(&[(1, 60, &[192, 0, 2])]),
            }]
        });
        for n in 0..3 {
            let found = address(&scene.host, &format!("{what}{n}.example"));
            assert_eq!(found.unwrap(), "192.0.2.7", "{what}: {}", daemon.text());
        }
    }
    assert!(!bad.asked().is_empty(), "the bad one is preferred, and was asked");
    end(daemon).unwrap();
}

#[test]
fn a_server_that_does_not_answer_costs_the_first_question_little_and_later_ones_nothing() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let silent = Server::start(&scene.host, BAD, |_| Vec::new()).unwrap();
    let _good = good(&scene);
    let _daemon = scene.start(&resolver().args([BAD, GOOD])).unwrap();
    let took = |name: &str| Question::of(name).ask(&scene.host).unwrap().took;
    let first = took("first.example");
    // 300 ms in a quiet machine; this one may be busy.
    assert!(first < Duration::from_millis(1000), "{first:?}");
    let later: Vec<Duration> = (0..5).map(|n| took(&format!("later{n}.example"))).collect();
    assert!(later.iter().min().unwrap() < &Duration::from_millis(200), "{later:?}");
    assert!(!silent.asked().is_empty());
}

#[test]
fn where_nobody_listens_the_next_one_is_asked_at_once() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let _good = good(&scene);
    let daemon = scene.start(&resolver().args(["127.0.1.9", GOOD])).unwrap();
    assert_eq!(address(&scene.host, "a.example").unwrap(), "192.0.2.7");
    end(daemon).unwrap();

    // And where there is nobody else, there is nothing to wait for: silence would be waited for for 4.5 s.
    let _daemon = scene.start(&resolver().args(["127.0.1.8", "127.0.1.9"])).unwrap();
    let nobody = Question::of("b.example").ask(&scene.host).unwrap();
    assert_eq!(nobody.code(), ResponseCode::ServFail);
    assert!(nobody.took < Duration::from_secs(3), "{:?}", nobody.took);
}

#[test]
fn an_answer_that_is_not_to_the_question_is_waited_past() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let upstream = Server::start(&scene.host, BAD, |_| Vec::new()).unwrap();
    let daemon = scene.start(&resolver().args([BAD])).unwrap();
    for what in ["number", "case", "name", "type", "garbage", "question"] {
        upstream.become_like(move |asked| {
            let forged = asked.address(60, [203, 0, 113, 66]).changed(|bytes| match what {
                "number" => bytes[0] ^= 0xff,
                // Every letter of the name in the other case.
                "case" => bytes[12..12 + asked.name.len()]
                    .iter_mut()
                    .filter(|b| b.is_ascii_alphabetic())
                    .for_each(|b| *b ^= 0x20),
                "name" => bytes[13] = b'0',
                "type" => {
                    let at = 12 + asked.name.len() + 2;
                    bytes[at + 1] = 28;
                }
                "garbage" => bytes.truncate(13),
                _ => bytes[2] &= 0x7f,
            });
            vec![forged, asked.address(60, [192, 0, 2, 7]).after(Duration::from_millis(20))]
        });
        let found = address(&scene.host, &format!("{what}.forged.example"));
        assert_eq!(found.unwrap(), "192.0.2.7", "{what}: {}", daemon.text());
    }
    let discards = &scene.status().unwrap()["discards"];
    for why in ["wrong-id", "wrong-case", "wrong-question"] {
        assert!(discards[why].as_u64() >= Some(1), "{why}: {discards}");
    }
}

#[test]
fn while_no_server_answers_what_was_known_is_said_again_and_said_to_be_old() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let upstream = Server::start(&scene.host, BAD, |asked| vec![asked.address(1, [192, 0, 2, 7])]).unwrap();
    let daemon = scene.start(&resolver().args([BAD])).unwrap();
    assert_eq!(address(&scene.host, "old.example").unwrap(), "192.0.2.7");
    upstream.become_like(|_| Vec::new());
    // Its second is over.
    std::thread::sleep(Duration::from_millis(1500));
    let answer = Question::of("old.example").ask(&scene.host).unwrap();
    assert_eq!(
        (answer.addresses(), answer.extended_error()),
        (vec!["192.0.2.7".to_owned()], Some(3)),
        "{}",
        daemon.text()
    );
    let unknown = Question::of("unknown.example").ask(&scene.host).unwrap();
    assert_eq!(unknown.code(), ResponseCode::ServFail);

    upstream.become_like(|asked| vec![asked.address(60, [192, 0, 2, 8])]);
    // That the old answer is given for half a minute more before anybody is asked again is a test of the core's, which has no clock;
    // here the operator does not wait for that.
    scene.command(&["flush", "old.example"]).unwrap();
    orlop_testbed::eventually("what the server says now", orlop_test_resolver::SOON, || {
        Ok((address(&scene.host, "old.example")? == "192.0.2.8").then_some(()))
    })
    .unwrap();
}

#[test]
fn each_question_has_a_port_a_number_and_letters_of_its_own() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let network = scene.wired().unwrap();
    let upstream = Server::start(&network, "192.0.2.1", |asked| vec![asked.address(60, [192, 0, 2, 7])]).unwrap();
    let capture = orlop_testbed::Capture::start(&scene.host).unwrap();
    let _daemon = scene.start(&resolver().args(["192.0.2.1"])).unwrap();
    for n in 0..40 {
        address(&scene.host, &format!("abcdefgh-{n}.example")).unwrap();
    }
    let asked = upstream.asked();
    assert_eq!(asked.len(), 40);
    let distinct = |of: fn(&orlop_test_resolver::Asked) -> String| asked.iter().map(of).collect::<BTreeSet<_>>().len();
    assert!(distinct(|asked| asked.from.port().to_string()) >= 39, "ports");
    assert!(distinct(|asked| format!("{:?}", &asked.bytes[..2])) >= 39, "numbers");
    assert!(
        distinct(|asked| asked.name.bytes().map(|b| if b.is_ascii_uppercase() { '1' } else { '0' }).collect()) >= 30
    );
    // Nothing else has left the machine: IPv4 from us, UDP, to port 53 of that server.
    let from_us = |frame: &&orlop_testbed::capture::Captured| frame.frame.get(26..30) == Some(&[192, 0, 2, 10]);
    let frames = capture.frames();
    let mut seen = 0;
    for frame in frames.iter().filter(from_us) {
        let bytes = &frame.frame;
        let (to, protocol, port) = (&bytes[30..34], bytes[23], &bytes[36..38]);
        assert_eq!((to, protocol, port), (&[192, 0, 2, 1][..], 17, &[0, 53][..]), "{bytes:02x?}");
        seen += 1;
    }
    assert_eq!(seen, 40);
}

#[test]
fn other_servers_are_asked_as_soon_as_the_network_names_them() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let first = Server::start(&scene.host, "127.0.1.1", |asked| vec![asked.address(60, [192, 0, 2, 1])]).unwrap();
    let _second = Server::start(&scene.host, "127.0.1.2", |asked| vec![asked.address(60, [192, 0, 2, 2])]).unwrap();
    let daemon = scene.start(&resolver()).unwrap();
    let nobody = Question::of("early.example").ask(&scene.host).unwrap();
    assert_eq!(nobody.code(), ResponseCode::ServFail, "no network is a state, not an error");
    scene.network("dns 127.0.1.1\nsearch corp.example\n").unwrap();
    scene.until(&daemon, "the network's server", |status| status["origin"] == "network").unwrap();
    assert_eq!(address(&scene.host, "one.example").unwrap(), "192.0.2.1");
    let conf = scene.until_named("resolv.conf", &["127.0.0.53"]).unwrap();
    assert!(conf.contains("\nsearch corp.example\n"), "{conf}");
    let real = scene.host.read("/run/orlop/resolver/resolv.upstream.conf").unwrap();
    assert!(real.contains("\nnameserver 127.0.1.1\n"), "{real}");

    scene.network("dns 127.0.1.2\n").unwrap();
    scene.until(&daemon, "the other server", |status| status["servers"][0]["address"] == "127.0.1.2").unwrap();
    assert_eq!(address(&scene.host, "two.example").unwrap(), "192.0.2.2");
    assert_eq!(first.times("two.example"), 0);
    end(daemon).unwrap();
}
