//! Facts §1.4, row by row: what a client gets for what it sends, from the machine and one upstream.

use orlop_resolver_contract::{Conduct, Discard};
use orlop_resolver_core::resolver::{Asker, ClientId, Heard};

use crate::decoded::{decode, ede};
use crate::message::{
    A, AA, AAAA, AD, CD, CNAME, DO, Message, OPT, PTR, QR, QUESTION, RA, RD, TC, TXT, name, option, record,
};
use crate::world::{Answered, Said, Upstream, World, answering, scripted};

const EDE: u16 = 15;

/// The answer of an upstream that answers so.
fn through(query: &Message, reply: impl Fn(&[u8]) -> Message + 'static) -> Answered {
    World::new(vec![scripted(5, reply)]).answer_to(query)
}

/// The answer of an upstream with one address.
fn usual(query: &Message) -> Answered {
    World::new(vec![answering(5)]).answer_to(query)
}

#[test]
fn what_is_not_served_is_refused_with_the_right_code() {
    let query = || Message::query("a.example", A);
    let kind = |kind| Message::query("a.example", kind);
    for (what, message, want) in [
        ("no question", Message { question: vec![], ..query() }, 1),
        ("two questions", Message { counts: [Some(2), None, None, None], ..query() }, 1),
        ("a notification", query().flags(4 << 11), 4),
        ("an update", query().flags(5 << 11), 4),
        ("AXFR", kind(252), 5),
        ("IXFR", kind(251).soa(1, 1), 5),
        ("RD=0", Message { flags: 0, ..query() }, 5),
        ("type 0", kind(0), 1),
        ("type OPT", kind(OPT), 1),
        ("TSIG", kind(250), 4),
        ("MAILA", kind(254), 4),
        ("class CH", Message { question: [&name("version.bind")[..], &[0, 16, 0, 3]].concat(), ..query() }, 5),
        ("an answer in a question", query().a(1, 1), 1),
        ("an authority in a question", query().soa(1, 1), 1),
        ("an answer that is not there", Message { counts: [None, Some(1), None, None], ..query() }, 1),
        ("an authority that is not there", Message { counts: [None, None, Some(1), None], ..query() }, 1),
        ("bytes after the end", Message { rest: vec![0], ..query() }, 1),
        ("a record that is not there", Message { counts: [None, None, None, Some(1)], ..query() }, 1),
        ("a pointer for a name", Message { question: b"\xc0\x0c\0\x01\0\x01".to_vec(), ..query() }, 1),
        ("a name without an end", Message { question: b"\x01a".to_vec(), ..query() }, 1),
        ("two OPT", query().opt(512, 0, &[]).opt(512, 0, &[]), 1),
        ("OPT of a name", query().raw(2, record(&name("a"), OPT, 512, 0, &[])), 1),
        ("an option that is cut off", query().opt(512, 0, &[0, 3, 0, 9]), 1),
        ("five additional records", (0..5).fold(query(), |query, _| query.additional(&[0], A, 1, &[1, 2, 3, 4])), 1),
    ] {
        let mut world = World::new(vec![answering(5)]);
        let answer = world.answer_to(&message);
        assert_eq!(answer.code(), want, "{what}");
        assert_eq!(answer.message[..2], message.bytes()[..2], "{what}: the id");
        assert_eq!(answer.flags() & (QR | 0x7800 | RD), QR | message.flags & (0x7800 | RD), "{what}: the flags");
        assert_eq!(world.questions(0), 0, "{what} is asked");
        assert_eq!(world.resolver.status().discards.of(Discard::Refused), 1, "{what} is counted");
    }
}

#[test]
fn who_wants_no_recursion_hears_that_nothing_here_is_ours() {
    let opt = |query: Message| usual(&query.opt(1232, 0, &[])).message;
    assert_eq!(ede(&opt(Message { flags: 0, ..Message::query("a.example", A) })), Some(20), "RFC 8914 section 4.21");
    let chaos = [&name("version.bind")[..], &[0, 16, 0, 3]].concat();
    assert_eq!(ede(&opt(Message { question: chaos, ..Message::query("", TXT) })), None, "refused for its class");
}

#[test]
fn a_query_may_have_four_additional_records() {
    let query = (0..3).fold(Message::query("a.example", A), |query, _| query.additional(&[0], A, 1, &[1, 2, 3, 4]));
    let answer = usual(&query.opt(1232, 0, &[]));
    assert_eq!((answer.code(), decode(&answer.message).answers.len()), (0, 1));
}

#[test]
fn an_answer_and_what_has_no_header_are_dropped() {
    let query = Message::query("a.example", A);
    let mut world = World::new(vec![answering(5)]);
    for message in [query.clone().flags(QR).bytes(), query.bytes()[..11].to_vec(), vec![]] {
        let asker = Asker { client: ClientId(9), port: 1, udp_limit: Some(512) };
        assert_eq!(world.resolver.query(world.now, asker, &message, &mut Vec::new()), Heard::Dropped);
    }
    assert_eq!(world.resolver.status().discards.of(Discard::NotAQuestion), 3);
}

#[test]
fn another_version_of_edns_gets_badvers_in_one_opt() {
    let answer = usual(&Message::query("a.example", A).opt(4096, 1 << 16, &[]));
    let message = decode(&answer.message);
    assert_eq!(u16::from(message.metadata.response_code), 16);
    assert_eq!(message.edns.unwrap().version(), 0);
    assert_eq!(answer.message[10..12], [0, 1], "one OPT");
}

#[test]
fn id_case_rd_and_cd_come_back_and_ra_is_set() {
    let query = Message { id: 0xbeef, ..Message::query("A.eXample", A) }.flags(CD);
    let mut world = World::new(vec![answering(5)]);
    for round in ["from the upstream", "from the cache"] {
        let answer = world.answer_to(&query);
        assert_eq!(answer.message[..2], [0xbe, 0xef], "{round}");
        assert_eq!(answer.message[12..27], query.bytes()[12..27], "{round}");
        assert_eq!(answer.flags(), QR | RD | RA | CD, "{round}");
    }
    assert_eq!(world.questions(0), 1);
}

#[test]
fn an_authority_s_flag_is_not_ours_and_ad_is_only_for_those_who_trust_and_ask() {
    let signed = |query: &[u8]| Message::reply(query).flags(AA | AD).a(300, 1);
    let flags = |trust_ad, query: &Message| {
        let conduct = Conduct { trust_ad, ..Conduct::default() };
        World::with(conduct, vec![scripted(5, signed)]).answer_to(query).flags() & (AA | AD)
    };
    let query = Message::query("a.example", A);
    for (what, trust, query, want) in [
        ("not trusted", false, query.clone().flags(AD), 0),
        ("trusted, and not asked for", true, query.clone(), 0),
        ("trusted and asked for", true, query.clone().flags(AD), AD),
        ("trusted, with DO", true, query.opt(4096, DO, &[]), AD),
    ] {
        assert_eq!(flags(trust, &query), want, "{what}");
    }
}

#[test]
fn ad_is_nobody_s_but_the_upstream_s_that_gave_the_whole_answer() {
    let flags = |signed: fn(&[u8]) -> Message| {
        let conduct = Conduct { trust_ad: true, ..Conduct::default() };
        World::with(conduct, vec![scripted(5, signed)]).answer_to(&Message::query("a.example", A).flags(AD)).flags()
    };
    assert_eq!(flags(|query| Message::reply(query).a(300, 1)), QR | RD | RA, "it has not said so");
    let by_an_alias = |query: &[u8]| match query[13].to_ascii_lowercase() {
        b'a' => Message::reply(query).flags(AD).answer(&QUESTION, CNAME, 60, &name("b.example")),
        _ => Message::reply(query).flags(AD).a(90, 7),
    };
    assert_eq!(flags(by_an_alias), QR | RD | RA, "of two answers nobody has said it");
}

#[test]
fn what_the_client_wishes_goes_to_the_upstream_and_nothing_else_of_it() {
    let subnet = option(8, &[0, 1, 24, 0, 192, 0, 2]);
    let cookie = option(10, &[1; 8]);
    let mut world = World::new(vec![answering(5)]);
    world.answer_to(&Message::query("a.example", A).flags(CD | AD).opt(4096, DO, &[subnet, cookie].concat()));
    let (_, _, sent) = world.sent[0].clone();
    let sent = decode(&sent);
    assert!(sent.metadata.checking_disabled && sent.metadata.recursion_desired && !sent.metadata.authentic_data);
    let edns = sent.edns.unwrap();
    assert!(edns.flags().dnssec_ok && edns.options().as_ref().is_empty() && edns.max_payload() == 1232);
}

#[test]
fn what_the_client_does_not_wish_is_not_asked_for() {
    for trust_ad in [false, true] {
        let mut world = World::with(Conduct { trust_ad, ..Conduct::default() }, vec![answering(5)]);
        world.answer_to(&Message::query("a.example", A));
        let sent = decode(&world.sent[0].2);
        assert!(!sent.metadata.checking_disabled && !sent.edns.unwrap().flags().dnssec_ok);
        assert_eq!(sent.metadata.authentic_data, trust_ad, "who is believed is asked to say it (RFC 6840 section 5.7)");
    }
}

#[test]
fn do_and_cd_are_questions_of_their_own() {
    let query = Message::query("a.example", A);
    let mut world = World::new(vec![answering(5)]);
    for query in [query.clone(), query.clone().flags(CD), query.clone().opt(1232, DO, &[]), query.opt(1232, 0, &[])] {
        world.answer_to(&query);
    }
    assert_eq!(world.questions(0), 3, "an OPT alone is none");
}

#[test]
fn unknown_types_and_any_bytes_go_through() {
    for (what, kind, data) in [
        ("an unknown type", 65280, &b"\x00\xff\xc0\x0c"[..]),
        ("HTTPS with an unknown key", 65, b"\0\x01\0\xff\xaa\0\x03abc"),
        ("TXT with every byte", TXT, b"\x03\0\xff\x0a\0"),
        ("an empty unknown one", 65281, b""),
    ] {
        let answer = through(&Message::query("a.example", kind), move |query| {
            Message::reply(query).answer(&QUESTION, kind, 60, data)
        });
        assert!(answer.message.ends_with(data) && answer.code() == 0, "{what}");
        assert_eq!(answer.message.len(), 12 + 15 + 12 + data.len(), "{what}");
    }
}

#[test]
fn codes_of_upstreams_reach_the_client() {
    for (code, want) in [(1, 1), (2, 2), (4, 4), (5, 5), (6, 6), (9, 9)] {
        let answer = through(&Message::query("a.example", A), move |query| Message::reply(query).flags(code));
        assert_eq!(answer.code(), want, "{code}");
    }
}

#[test]
fn extended_errors_are_kept_with_their_answer() {
    let error = [option(EDE, b"\0\x09key tag 7"), option(10, b"a cookie"), option(EDE, b"\0\x16of a zone")].concat();
    for code in [0, 2, 3] {
        let options = error.clone();
        let reply = move |query: &[u8]| Message::reply(query).flags(code).soa(60, 60).opt(1232, 0, &options);
        let mut world = World::new(vec![scripted(5, reply)]);
        for round in ["from the upstream", "from the cache"] {
            let answer = world.ask(&Message::query("a.example", A).opt(1232, 0, &[]));
            world.run(50);
            let answer = world.answer(answer);
            assert_eq!((u16::from(answer.code()), ede(&answer.message)), (code, Some(9)), "{round}");
            let both = [option(EDE, b"\0\x09key tag 7"), option(EDE, b"\0\x16of a zone")].concat();
            assert!(answer.message.ends_with(&both), "{round}");
        }
        assert_eq!(world.questions(0), 1);
        let plain = world.answer_to(&Message::query("a.example", A));
        assert_eq!(decode(&plain.message).edns, None, "who sends no OPT gets none");
    }
}

#[test]
fn the_text_of_an_extended_error_is_kept_when_a_client_can_show_it() {
    for (what, text, kept) in [
        ("none", &b""[..], &b""[..]),
        ("the longest", &[b'x'; 128], &[b'x'; 128]),
        ("a byte more", &[b'x'; 129], b""),
        ("not UTF-8", b"a\xff", b""),
    ] {
        let data = option(EDE, &[b"\0\x09", text].concat());
        let query = Message::query("a.example", A).opt(1232, 0, &[]);
        let answer = through(&query, move |query| Message::reply(query).a(60, 1).opt(1232, 0, &data));
        assert!(answer.message.ends_with(&option(EDE, &[b"\0\x09", kept].concat())), "{what}");
    }
}

#[test]
fn a_life_with_the_highest_bit_is_none_and_a_long_one_ends_after_a_day() {
    for (ttl, want) in [(0x8000_0001, 0), (7, 7), (86_401, 86_400), (0x7fff_ffff, 86_400)] {
        let answer = through(&Message::query("a.example", A), move |query| Message::reply(query).a(ttl, 1));
        assert_eq!(decode(&answer.message).answers[0].ttl, want, "{ttl:#x}");
    }
}

/// Thirty addresses: 12 + 15 + 30 × 16 = 507 bytes, and thirty more do not fit.
fn many(query: &[u8]) -> Message {
    let reply = (0..60).fold(Message::reply(query), |reply, last| reply.a(60, last));
    reply.additional(&name("ns.example"), A, 60, &[1, 2, 3, 4])
}

#[test]
fn what_does_not_fit_is_cut_after_the_last_whole_record() {
    let query = Message::query("a.example", A);
    for (what, query, records, cut) in [
        ("without EDNS", query.clone(), 30, true),
        ("with a small size, which counts as 512", query.clone().opt(100, 0, &[]), 29, true),
        ("with more", query.clone().opt(600, 0, &[]), 35, true),
        ("with room for forty to the byte", query.clone().opt(27 + 40 * 16 + 11, 0, &[]), 40, true),
        ("with a byte less", query.clone().opt(27 + 40 * 16 + 10, 0, &[]), 39, true),
        ("with room for all but what is additional", query.clone().opt(1000, 0, &[]), 60, false),
    ] {
        let answer = through(&query, many);
        let message = decode(&answer.message);
        assert_eq!((message.answers.len(), answer.flags() & TC != 0), (records, cut), "{what}");
        assert_eq!(message.edns.is_some(), query.bytes().len() > 27, "{what}");
    }
    let answer = through(&query.opt(1232, 0, &[]), many);
    assert_eq!((decode(&answer.message).additionals.len(), answer.flags() & TC), (1, 0));
}

#[test]
fn a_stream_takes_what_no_datagram_does() {
    let mut world = World::new(vec![scripted(5, many)]);
    world.answer_to(&Message::query("a.example", A));
    let asker = Asker { client: ClientId(9999), port: 1, udp_limit: None };
    let mut answer = Vec::new();
    let query = Message::query("a.example", A).bytes();
    assert_eq!(world.resolver.query(world.now, asker, &query, &mut answer), Heard::Answered);
    assert_eq!((decode(&answer).answers.len(), answer[2] & 2), (60, 0));
}

#[test]
fn any_gets_the_record_that_the_rfc_suggests() {
    let answer = usual(&Message::query("a.example", 255));
    assert!(answer.message.ends_with(b"\x07RFC8482\0"));
    assert_eq!(decode(&answer.message).answers.len(), 1);
}

#[test]
fn records_keep_their_order_and_their_case_and_aliases_come_first() {
    let query = Message::query("a.example", A);
    let owners = |answer: &Answered| {
        decode(&answer.message).answers.iter().map(|record| record.name.to_string()).collect::<Vec<_>>()
    };
    let (b, c) = (name("B.Example"), name("c.example"));
    let aliases_last = {
        let (b, c) = (b.clone(), c.clone());
        move |query: &[u8]| {
            Message::reply(query)
                .answer(&c, A, 60, &[1; 4])
                .answer(&c, A, 60, &[2; 4])
                .answer(&b, CNAME, 60, &c)
                .answer(&QUESTION, CNAME, 60, &b)
        }
    };
    let answer = through(&query, aliases_last);
    assert_eq!(owners(&answer), ["a.example.", "B.Example.", "c.example.", "c.example."]);
    assert_eq!(answer.message.last(), Some(&2), "addresses keep their order");
    let in_order = move |query: &[u8]| {
        Message::reply(query).answer(&QUESTION, CNAME, 60, &b).answer(&b, CNAME, 60, &c).answer(&c, A, 60, &[1; 4])
    };
    let answer = through(&query, in_order);
    assert_eq!(owners(&answer), ["a.example.", "B.Example.", "c.example."]);
}

#[test]
fn the_case_that_was_only_for_the_upstream_is_not_given_out() {
    let written_out = |query: &[u8]| {
        let reply = Message::reply(query);
        let owner = reply.question[..reply.question.len() - 4].to_vec();
        assert_ne!(owner, name("a-name-of-some-length.example"));
        reply.answer(&owner, A, 60, &[1; 4]).additional(&owner, AAAA, 60, &[1; 16])
    };
    let answer = through(&Message::query("a-name-of-some-length.example", A), written_out);
    let message = decode(&answer.message);
    let owners = message.answers.iter().chain(&message.additionals).map(|record| record.name.to_string());
    assert_eq!(owners.collect::<Vec<_>>(), ["a-name-of-some-length.example."; 2]);
}

#[test]
fn an_alias_without_its_target_is_followed() {
    let upstream = |query: &[u8]| {
        let reply = Message::reply(query);
        match query[13].to_ascii_lowercase() {
            b'a' => reply.answer(&QUESTION, CNAME, 60, &name("b.example")),
            b'b' => reply.answer(&QUESTION, CNAME, 30, &name("c.example")),
            _ => reply.a(90, 7),
        }
    };
    let mut world = World::new(vec![scripted(5, upstream)]);
    for round in ["from the upstream", "from the cache"] {
        let answer = world.answer_to(&Message::query("A.example", A));
        let message = decode(&answer.message);
        let shown: Vec<String> =
            message.answers.iter().map(|record| format!("{} {}", record.name, record.data)).collect();
        assert_eq!(shown, ["A.example. b.example.", "b.example. c.example.", "c.example. 192.0.2.7"], "{round}");
    }
    assert_eq!(world.questions(0), 3);
    let answer = world.answer_to(&Message::query("b.example", CNAME));
    assert_eq!(decode(&answer.message).answers.len(), 1, "who asks for the alias gets it alone");
}

#[test]
fn eight_aliases_are_followed_one_by_one_and_not_a_ninth() {
    for (aliases, code) in [(8, 0), (9, 2)] {
        let upstream = move |query: &[u8]| match query[13] - b'0' {
            at if at < aliases => Message::reply(query).answer(&QUESTION, CNAME, 60, &name(&format!("{}.x", at + 1))),
            _ => Message::reply(query).a(60, 1),
        };
        assert_eq!(through(&Message::query("0.x", A), upstream).code(), code, "{aliases}");
    }
}

#[test]
fn who_follows_an_alias_waits_no_longer_in_all() {
    let upstream: Upstream = Box::new(|query| match query[13].to_ascii_lowercase() {
        b'a' => vec![(1000, Said::Message(Message::reply(query).answer(&QUESTION, CNAME, 60, &name("b.x")).bytes()))],
        _ => Vec::new(),
    });
    let answer = World::new(vec![upstream]).answer_to(&Message::query("a.x", A));
    assert_eq!((answer.code(), answer.after), (2, 4500));
}

#[test]
fn aliases_without_an_end_are_a_failure() {
    let (what, other) = ("b.example", "a.example");
    let upstream = move |query: &[u8]| {
        let target = if query[13].eq_ignore_ascii_case(&b'a') { what } else { other };
        Message::reply(query).answer(&QUESTION, CNAME, 60, &name(target))
    };
    let mut world = World::new(vec![scripted(5, upstream)]);
    assert_eq!(world.answer_to(&Message::query("a.example", A)).code(), 2);
    assert!(world.questions(0) < 20, "{}", world.questions(0));
}

#[test]
fn names_of_special_use_are_answered_here() {
    const NX: u8 = 3;
    for (text, kind, code, data) in [
        ("localhost", A, 0, Some("127.0.0.1")),
        ("a.LocalHost", AAAA, 0, Some("::1")),
        ("localhost", TXT, 0, None),
        ("1.0.0.127.in-addr.arpa", PTR, 0, Some("localhost.")),
        ("1.0.0.127.in-addr.arpa", A, 0, None),
        ("2.0.0.127.in-addr.arpa", PTR, NX, None),
        ("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", PTR, 0, Some("localhost.")),
        ("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", A, 0, None),
        ("0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", PTR, NX, None),
        ("a.invalid", A, NX, None),
        ("a.onion", A, NX, None),
        ("a.test", A, NX, None),
        ("a.local", A, NX, None),
        ("a.alt", TXT, NX, None),
        ("a.home.arpa", A, NX, None),
        ("a.internal", A, NX, None),
        ("_dns.resolver.arpa", 64, 0, None),
        ("1.0.0.10.in-addr.arpa", PTR, NX, None),
        ("1.0.20.172.in-addr.arpa", PTR, NX, None),
        ("1.1.168.192.in-addr.arpa", PTR, NX, None),
        ("1.1.254.169.in-addr.arpa", PTR, NX, None),
        ("1.1.64.100.in-addr.arpa", PTR, NX, None),
        ("1.2.0.192.in-addr.arpa", PTR, NX, None),
        ("0.d.f.ip6.arpa", PTR, NX, None),
        ("0.9.e.f.ip6.arpa", PTR, NX, None),
        ("8.b.d.0.1.0.0.2.ip6.arpa", PTR, NX, None),
        ("printer", A, NX, None),
        ("printer", AAAA, NX, None),
    ] {
        let mut world = World::new(vec![answering(5)]);
        let answer = world.answer_to(&Message::query(text, kind));
        let message = decode(&answer.message);
        let shown = message.answers.first().map(|record| record.data.to_string());
        assert_eq!((answer.code(), shown.as_deref()), (code, data), "{text} {kind}");
        assert_eq!(world.questions(0), 0, "{text} leaks");
        assert_eq!(message.authorities.len(), usize::from(data.is_none()), "{text}: how long there is nothing");
        assert_eq!(answer.flags(), QR | AA | RD | RA | u16::from(code), "{text}: it is ours to say");
    }
}

#[test]
fn names_that_only_look_special_are_asked() {
    for (text, kind) in [
        ("localhost.example", A),
        ("1.0.15.172.in-addr.arpa", PTR),
        ("1.0.32.172.in-addr.arpa", PTR),
        ("1.1.169.192.in-addr.arpa", PTR),
        ("1.1.128.100.in-addr.arpa", PTR),
        ("1.1.8.8.in-addr.arpa", PTR),
        ("0.c.e.f.ip6.arpa", PTR),
        ("2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", PTR),
        ("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", PTR),
        ("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.2.ip6.arpa", PTR),
        ("1.0.0.2.ip6.arpa", PTR),
        ("com", 2),
        ("", 2),
        ("arpa.example", A),
    ] {
        let mut world = World::new(vec![answering(5)]);
        world.answer_to(&Message::query(text, kind));
        assert!(world.questions(0) > 0, "{text}");
    }
}

#[test]
fn private_names_go_to_private_upstreams_and_to_no_other() {
    for text in ["1.0.0.10.in-addr.arpa", "a.home.arpa", "metadata.google.internal", "0.d.f.ip6.arpa"] {
        let answer = |query: &[u8]| Message::reply(query).answer(&QUESTION, TXT, 60, b"\x01x");
        let mut world = World::new(vec![scripted(1, answer), scripted(50, answer)]);
        world.announce_at([[198, 51, 100, 1].into(), [10, 0, 0, 2].into()].into_iter());
        world.run(5);
        let answer = world.answer_to(&Message::query(text, TXT));
        assert_eq!(decode(&answer.message).answers.len(), 1, "{text}");
        assert_eq!((world.questions(0), world.questions(1)), (0, 1), "{text}");
    }
}
