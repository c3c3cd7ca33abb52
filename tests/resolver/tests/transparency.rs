//! What clients ask and servers say that is not usual: each row of the table on the daemon's page.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use orlop_test_resolver::{Question, STUB, Scene, Server, raw, resolver, server, testbed};

const SERVER: &str = "127.0.1.1";

/// What comes back for these bytes; `None` when nothing does.
fn back(scene: &Scene, bytes: Vec<u8>) -> Option<Message> {
    let answer = scene.host.inside(move || Ok(raw(STUB, &bytes, false).ok())).unwrap();
    answer.map(|bytes| Message::from_vec(&bytes).unwrap())
}

fn question(name: &str) -> Vec<u8> {
    Question::of(name).bytes(7)
}

#[test]
fn a_question_that_is_none_is_refused_in_its_own_way() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let upstream = Server::start(&scene.host, SERVER, |asked| vec![asked.address(60, [192, 0, 2, 7])]).unwrap();
    let _daemon = scene.start(&resolver().args([SERVER])).unwrap();
    type Change = fn(&mut Vec<u8>);
    // The numbers of RFC 6895 section 2.3.
    let rows: [(&str, Change, Option<u16>); 9] = [
        (
            "EDNS of version 1",
            |bytes| {
                let at = bytes.len() - 5;
                bytes[at] = 1
            },
            Some(16),
        ),
        ("NOTIFY", |bytes| bytes[2] |= 4 << 3, Some(4)),
        ("UPDATE", |bytes| bytes[2] |= 5 << 3, Some(4)),
        (
            "AXFR",
            |bytes| {
                let at = bytes.len() - 11 - 4;
                bytes[at + 1] = 252
            },
            Some(5),
        ),
        (
            "no question",
            |bytes| {
                bytes.truncate(12);
                bytes[5] = 0;
                bytes[11] = 0
            },
            Some(1),
        ),
        ("two questions", |bytes| bytes[5] = 2, Some(1)),
        ("recursion not desired", |bytes| bytes[2] &= !1, Some(5)),
        (
            "a question for OPT",
            |bytes| {
                let at = bytes.len() - 11 - 4;
                bytes[at + 1] = 41
            },
            Some(1),
        ),
        ("an answer", |bytes| bytes[2] |= 0x80, None),
    ];
    for (what, change, want) in rows {
        let mut bytes = question("odd.example");
        change(&mut bytes);
        let answer = back(&scene, bytes);
        assert_eq!(answer.map(|answer| answer.metadata.response_code.into()), want, "{what}");
    }
    assert_eq!(upstream.asked(), []);
}

#[test]
fn what_a_server_says_comes_back_as_it_was_said() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let upstream = Server::start(&scene.host, SERVER, |_| Vec::new()).unwrap();
    let _daemon = scene.start(&resolver().args([SERVER])).unwrap();

    // A type that nobody knows, twice: live and out of the cache.
    upstream.become_like(|asked| vec![asked.records(&[(65_280, 60, &[1, 2, 3])])]);
    for _ in 0..2 {
        let answer = Question::of("unknown.example").kind(RecordType::Unknown(65_280)).ask(&scene.host).unwrap();
        assert!(answer.bytes.windows(5).any(|part| part == [0, 3, 1, 2, 3]), "{:02x?}", answer.bytes);
    }

    // The order of the records, and the letters of the question.
    upstream.become_like(|asked| vec![asked.records(&[(1, 60, &[192, 0, 2, 9]), (1, 60, &[192, 0, 2, 1])])]);
    for name in ["ORDER.Example", "order.example"] {
        let answer = Question::of(name).ask(&scene.host).unwrap();
        assert_eq!(answer.addresses(), ["192.0.2.9", "192.0.2.1"]);
        assert_eq!(answer.message.queries[0].name().to_string(), format!("{name}."));
    }

    // A time to live with its highest bit set is none (RFC 2181 section 8).
    upstream.become_like(|asked| vec![asked.records(&[(1, 0x8000_0001, &[192, 0, 2, 9])])]);
    let answer = Question::of("ttl.example").ask(&scene.host).unwrap();
    assert_eq!(answer.message.answers[0].ttl, 0);

    // The codes, where every server says the same.
    for (code, want) in [
        (server::SERVFAIL, ResponseCode::ServFail),
        (server::REFUSED, ResponseCode::Refused),
        (server::NOTIMP, ResponseCode::NotImp),
        (6, ResponseCode::YXDomain),
    ] {
        upstream.become_like(move |asked| vec![asked.code(code)]);
        let answer = Question::of(&format!("code{code}.example")).ask(&scene.host).unwrap();
        assert_eq!(answer.code(), want);
    }

    // An address of three bytes is no answer.
    upstream.become_like(|asked| vec![asked.records(&[(1, 60, &[192, 0, 2])])]);
    assert_eq!(Question::of("three.example").ask(&scene.host).unwrap().code(), ResponseCode::ServFail);
    assert!(upstream.times("three.example") <= 5, "{}", upstream.times("three.example"));
}

#[test]
fn extended_errors_come_back_also_out_of_the_cache() {
    let Some(_) = testbed(&[]) else { return };
    let scene = Scene::new().unwrap();
    let upstream = Server::start(&scene.host, SERVER, |asked| {
        let reply = asked.address(60, [192, 0, 2, 7]).changed(|bytes| {
            bytes[11] = 1;
            // OPT with extended errors 18, "prohibited", and 22 with a text.
            bytes.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 14, 0, 15, 0, 2, 0, 18]);
            bytes.extend(SECOND);
        });
        vec![reply]
    })
    .unwrap();
    let _daemon = scene.start(&resolver().args([SERVER])).unwrap();
    for what in ["live", "out of the cache"] {
        let answer = Question::of("error.example").ask(&scene.host).unwrap();
        assert_eq!(answer.extended_error(), Some(18), "{what}");
        assert!(answer.bytes.ends_with(&SECOND), "{what}: {:?}", answer.message);
    }
    assert_eq!(upstream.times("error.example"), 1);
}

/// An option with extended error 22 and a text.
const SECOND: [u8; 8] = [0, 15, 0, 4, 0, 22, b'n', b's'];
