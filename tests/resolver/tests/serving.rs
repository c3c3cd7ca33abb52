//! What programs of this machine get.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use orlop_test_resolver::{Question, Scene, Server, address, end, resolver, server, testbed};

#[test]
fn a_name_is_asked_for_once_and_then_known_over_every_way() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let upstream = Server::start(&scene.host, "127.0.1.1", |asked| vec![asked.address(60, [192, 0, 2, 7])]).unwrap();
    let daemon = scene.start(&resolver().args(["127.0.1.1"])).unwrap();
    let question = Question::of("www.example");
    for (what, question) in [
        ("UDP", question.clone()),
        ("TCP", question.clone().tcp()),
        ("UDP over IPv6", question.clone().ipv6()),
        ("TCP over IPv6", question.clone().ipv6().tcp()),
        ("without EDNS", question.clone().plain()),
        ("in other letters", Question::of("WWW.Example")),
    ] {
        let answer = question.ask(&scene.host).unwrap();
        assert_eq!(
            (answer.code(), answer.addresses()),
            (ResponseCode::NoError, vec!["192.0.2.7".to_owned()]),
            "{what}"
        );
    }
    assert_eq!(upstream.times("www.example"), 1, "{:?}", upstream.asked());
    let status = scene.status().unwrap();
    assert_eq!((&status["served"]["misses"], &status["served"]["hits"]), (&1.into(), &5.into()), "{}", daemon.text());
    end(daemon).unwrap();
}

#[test]
fn a_name_that_does_not_exist_is_known_not_to() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let upstream = Server::start(&scene.host, "127.0.1.1", |asked| vec![asked.nothing(server::NXDOMAIN)]).unwrap();
    let _daemon = scene.start(&resolver().args(["127.0.1.1"])).unwrap();
    for _ in 0..3 {
        assert_eq!(Question::of("no.example").ask(&scene.host).unwrap().code(), ResponseCode::NXDomain);
    }
    assert_eq!(upstream.times("no.example"), 1);
}

#[test]
fn what_does_not_fit_into_a_datagram_is_fetched_over_tcp_and_given_over_both() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let upstream = Server::start(&scene.host, "127.0.1.1", |asked| {
        let text: Vec<Vec<u8>> = (0..40_u8).map(|n| [&[100][..], &[b'a' + n % 26; 100]].concat()).collect();
        let records: Vec<(u16, u32, &[u8])> = text.iter().map(|text| (16, 60, &text[..])).collect();
        vec![if asked.tcp { asked.records(&records) } else { asked.truncated() }]
    })
    .unwrap();
    let _daemon = scene.start(&resolver().args(["127.0.1.1"])).unwrap();
    let question = Question::of("long.example").kind(RecordType::TXT);
    let whole = question.clone().tcp().ask(&scene.host).unwrap();
    assert_eq!(whole.message.answers.len(), 40);
    let cut = question.clone().plain().ask(&scene.host).unwrap();
    assert!(cut.message.metadata.truncation && cut.bytes.len() <= 512, "{:?}", cut.message);
    assert!(
        (1..40).contains(&cut.message.answers.len()),
        "whole records, as many as fit: {}",
        cut.message.answers.len()
    );
    assert_eq!(upstream.asked().iter().map(|asked| asked.tcp).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn names_of_this_machine_and_of_special_use_never_leave_it() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    scene.host.write("/etc/hosts", "127.0.0.1 localhost\n192.0.2.99 printer.lan printer\n").unwrap();
    let upstream = Server::start(&scene.host, "127.0.1.1", |asked| vec![asked.address(60, [203, 0, 113, 1])]).unwrap();
    let daemon = scene.start(&resolver().args(["127.0.1.1"])).unwrap();
    assert_eq!(address(&scene.host, "localhost").unwrap(), "127.0.0.1");
    assert_eq!(address(&scene.host, "printer.lan").unwrap(), "192.0.2.99");
    assert_eq!(address(&scene.host, "printer").unwrap(), "192.0.2.99");
    let back = Question::of("99.2.0.192.in-addr.arpa").kind(RecordType::PTR).ask(&scene.host).unwrap();
    assert!(back.message.answers[0].data.to_string().starts_with("printer.lan"), "{:?}", back.message);
    for name in ["a.invalid", "hidden.onion", "printer.local", "single"] {
        assert_eq!(Question::of(name).ask(&scene.host).unwrap().code(), ResponseCode::NXDomain, "{name}");
    }
    assert_eq!(upstream.asked(), [], "nothing was asked for");

    scene.host.write("/etc/hosts", "127.0.0.1 localhost\n192.0.2.98 printer.lan\n").unwrap();
    orlop_testbed::eventually("the other address", orlop_test_resolver::SOON, || {
        Ok((address(&scene.host, "printer.lan")? == "192.0.2.98").then_some(()))
    })
    .unwrap();
    end(daemon).unwrap();
}

#[test]
fn many_who_ask_the_same_at_once_make_one_question() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let upstream = Server::start(&scene.host, "127.0.1.1", |asked| {
        vec![asked.address(60, [192, 0, 2, 7]).after(Duration::from_millis(200))]
    })
    .unwrap();
    let _daemon = scene.start(&resolver().args(["127.0.1.1"])).unwrap();
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..32).map(|_| scope.spawn(|| address(&scene.host, "busy.example").unwrap())).collect();
        for one in asking {
            assert_eq!(one.join().unwrap(), "192.0.2.7");
        }
    });
    assert_eq!(upstream.times("busy.example"), 1);
}

#[test]
fn a_real_program_finds_a_name_through_resolv_conf() {
    let Some(_) = testbed(&["getent"]) else { return };
    let scene = Scene::new().unwrap();
    // A machine without a network asks for nothing.
    let network = scene.wired().unwrap();
    let _upstream = Server::start(&network, "192.0.2.1", |asked| vec![asked.address(60, [192, 0, 2, 7])]).unwrap();
    let _daemon = scene.start(&resolver().args(["192.0.2.1"])).unwrap();
    scene.until_named("resolv.conf", &["127.0.0.53"]).unwrap();
    scene.host.shell("ln -sf /run/resolvconf/resolv.conf /etc/resolv.conf").unwrap();
    let found = scene.host.run("getent", &["ahostsv4", "www.example"]).unwrap();
    assert!(found.starts_with("192.0.2.7 "), "{found}");
}

#[test]
fn an_answer_that_is_asked_for_shortly_before_its_end_is_renewed() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let upstream = Server::start(&scene.host, "127.0.1.1", |asked| vec![asked.address(10, [192, 0, 2, 7])]).unwrap();
    let daemon = scene.start(&resolver().config("upstreams = [\"127.0.1.1\"]\nprefetch = true\n")).unwrap();
    // Where this machine is too busy to ask in the last second of one life, it does so in that of another.
    scene
        .until(&daemon, "an answer that was renewed", |status| {
            assert_eq!(address(&scene.host, "www.example").unwrap(), "192.0.2.7");
            status["served"]["prefetched"].as_u64() >= Some(1)
        })
        .unwrap();
    assert!(upstream.times("www.example") >= 2, "{:?}", upstream.asked());
    end(daemon).unwrap();
}
