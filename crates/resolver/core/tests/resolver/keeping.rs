//! What is kept, for how long, and what is given out when nobody answers.

use std::net::IpAddr;

use orlop_machine::Machine as _;
use orlop_resolver_contract::{Conduct, Host};
use orlop_resolver_core::resolver::Event;
use orlop_wire::DomainName;

use crate::decoded::{decode, ede};
use crate::message::{A, AAAA, Message, PTR, QUESTION, name};
use crate::world::{World, answering, failing, scripted, silent};

fn query() -> Message {
    Message::query("a.example", A)
}

fn with_opt() -> Message {
    query().opt(1232, 0, &[])
}

fn ttl(message: &[u8]) -> u32 {
    decode(message).answers[0].ttl
}

#[test]
fn a_life_goes_down_and_at_its_end_somebody_is_asked_again() {
    let mut world = World::new(vec![answering(5)]);
    assert_eq!(ttl(&world.answer_to(&query()).message), 300);
    world.run(294_000 - 6_000 + 5 + 900);
    let answer = world.answer_to(&query());
    assert_eq!((ttl(&answer.message), answer.after), (6, 0), "294.9 s after it came");
    assert_eq!(world.questions(0), 1);
    let answer = world.answer_to(&query());
    assert_eq!((ttl(&answer.message), answer.after), (300, 5), "300.9 s after it came");
}

#[test]
fn the_shortest_life_counts() {
    let reply = |asked: &[u8]| {
        Message::reply(asked).a(300, 1).a(10, 2).authority(&name("example"), 2, 7, &name("ns.example")).additional(
            &name("ns.example"),
            A,
            400,
            &[1; 4],
        )
    };
    let mut world = World::new(vec![scripted(5, reply)]);
    for (after, questions) in [(0, 1), (500, 1), (1000, 2)] {
        world.run(after);
        world.answer_to(&query());
        assert_eq!(world.questions(0), questions, "after {after} ms more");
    }
}

#[test]
fn that_there_is_nothing_is_kept_as_long_as_the_zone_says() {
    for (what, code, ttl, minimum, with_soa, kept) in [
        ("no such name", 3, 300, 40, true, 40),
        ("no such record", 0, 40, 300, true, 40),
        ("for a long time", 0, 100_000, 100_000, true, 10_800),
        ("without a zone", 3, 0, 0, false, 0),
    ] {
        let reply = move |asked: &[u8]| {
            let reply = Message::reply(asked).flags(code);
            if with_soa { reply.soa(ttl, minimum) } else { reply }
        };
        let mut world = World::new(vec![scripted(5, reply)]);
        let answer = world.answer_to(&query());
        assert_eq!(u16::from(answer.code()), code, "{what}");
        let zone = decode(&answer.message).authorities.first().map(|zone| u64::from(zone.ttl));
        assert_eq!(zone, with_soa.then_some(kept), "{what}: what the client may keep");
        if kept > 0 {
            world.run((kept - 7) * 1000);
            world.answer_to(&query());
            assert_eq!(world.questions(0), 1, "{what}");
            world.run(2_000);
        }
        world.answer_to(&query());
        assert_eq!(world.questions(0), 2, "{what}: asked again");
    }
}

#[test]
fn what_has_no_life_is_for_those_who_wait_for_it() {
    let mut world = World::new(vec![scripted(5, |asked| Message::reply(asked).a(0, 1))]);
    let clients = [0; 3].map(|_| world.ask(&query()));
    world.run(10);
    assert!(clients.iter().all(|client| ttl(&world.answer(*client).message) == 0));
    assert_eq!(world.questions(0), 1);
    world.answer_to(&query());
    assert_eq!(world.questions(0), 2);
}

#[test]
fn one_question_of_sixty_four_clients_is_asked_once() {
    let mut world = World::new(vec![answering(50)]);
    let clients: Vec<_> = (0..64).map(|id| world.ask_from(4000 + id, &Message { id, ..query() })).collect();
    world.run(60);
    for (id, client) in clients.into_iter().enumerate() {
        let answer = world.answer(client);
        assert_eq!((usize::from(answer.message[1]), answer.code()), (id, 0));
    }
    assert_eq!(world.questions(0), 1, "CVE-2020-25686");
    let served = world.resolver.status().served;
    assert_eq!((served.queries, served.misses, served.joined), (64, 1, 63));
}

#[test]
fn when_nobody_answers_what_is_stale_is_given_after_1800_ms_and_then_at_once() {
    let mut world = World::new(vec![answering(5)]);
    world.answer_to(&query());
    world.replace(0, silent());
    world.run(301_000);
    let first = world.answer_to(&with_opt());
    assert_eq!((first.after, ttl(&first.message), ede(&first.message)), (1800, 30, Some(3)));
    let asked = world.questions(0);
    let second = world.answer_to(&with_opt());
    assert_eq!((second.after, ede(&second.message)), (0, Some(3)));
    assert_eq!(world.questions(0), asked, "nobody is asked for half a minute");
    world.run(30_000);
    world.replace(0, answering(5));
    let third = world.answer_to(&with_opt());
    assert_eq!((third.after, ttl(&third.message), ede(&third.message)), (5, 300, None));
}

#[test]
fn a_failure_takes_no_stale_answer_away_and_a_denial_does() {
    let mut world = World::new(vec![answering(5)]);
    world.answer_to(&query());
    world.run(301_000);
    world.replace(0, failing(5, 2));
    let answer = world.answer_to(&with_opt());
    assert_eq!((answer.code(), answer.after, ede(&answer.message)), (0, 5, Some(3)), "SERVFAIL");
    world.run(30_000);
    world.replace(0, scripted(5, |asked| Message::reply(asked).flags(3).soa(60, 60)));
    assert_eq!(world.answer_to(&query()).code(), 3, "NXDOMAIN is never masked");
    world.replace(0, silent());
    world.run(61_000);
    let answer = world.answer_to(&with_opt());
    assert_eq!((answer.code(), ede(&answer.message)), (3, Some(19)), "and can be stale itself");
}

#[test]
fn a_late_answer_replaces_what_was_stale() {
    let mut world = World::new(vec![answering(5)]);
    world.answer_to(&query());
    world.run(301_000);
    world.replace(0, scripted(2500, |asked| Message::reply(asked).a(300, 2)));
    assert_eq!(world.answer_to(&query()).after, 1800);
    assert_eq!(world.answer_to(&query()).message.last(), Some(&2));
}

#[test]
fn nothing_is_given_out_that_is_older_than_the_operator_wants() {
    let conduct = Conduct { stale_for: std::time::Duration::from_secs(60), ..Conduct::default() };
    let mut world = World::with(conduct, vec![answering(5)]);
    world.answer_to(&query());
    world.replace(0, silent());
    world.run(361_000);
    assert_eq!(world.answer_to(&query()).code(), 2);
}

#[test]
fn a_failure_is_kept_for_five_seconds() {
    let mut world = World::new(vec![failing(1, 2)]);
    let client = world.ask(&query());
    world.run(4_900);
    assert_eq!(world.answer(client).code(), 2);
    assert_eq!(world.questions(0), 1, "one server, one question (RFC 9520)");
    assert_eq!(world.answer_to(&query()).code(), 2);
    assert_eq!(world.questions(0), 1);
    world.replace(0, answering(5));
    assert_eq!(world.answer_to(&query()).code(), 0);
}

#[test]
fn silence_is_a_failure_that_says_so() {
    let mut world = World::new(vec![silent(), silent()]);
    let answer = world.answer_to(&with_opt());
    assert_eq!((answer.code(), ede(&answer.message), answer.after), (2, Some(22), 4500));
    assert!(world.sent.len() <= 8, "{}", world.sent.len());
    let again = world.ask(&with_opt());
    assert_eq!(world.answer(again).after, 0);
}

#[test]
fn no_network_is_a_state_and_no_error_that_is_kept() {
    let mut world = World::new(vec![answering(5)]);
    world.announce_at(std::iter::empty());
    let answer = world.answer_to(&with_opt());
    assert_eq!((answer.code(), ede(&answer.message), answer.after), (2, Some(14), 0));
    assert_eq!(world.answer_to(&Message::query("localhost", A)).code(), 0);
    world.announce();
    world.run(5);
    assert_eq!(world.answer_to(&query()).code(), 0);
    world.announce_at(std::iter::empty());
    assert_eq!(world.answer_to(&query()).after, 0, "what is kept stays");
    world.run(301_000);
    let answer = world.answer_to(&with_opt());
    assert_eq!((ede(&answer.message), answer.after), (Some(3), 0), "and is given out when it is old");
    world.announce();
    world.run(31_000);
    assert_eq!(world.answer_to(&query()).after, 5);
}

#[test]
fn servers_that_change_lose_no_question_and_the_cache_only_when_they_are_others() {
    let mut world = World::new(vec![answering(5), answering(5)]);
    world.answer_to(&query());
    world.replace(0, answering(50));
    world.replace(1, answering(50));
    let client = world.ask(&Message::query("b.example", A));
    world.run(10);
    world.announce_at([[198, 51, 100, 2].into(), [198, 51, 100, 1].into()].into_iter());
    world.run(100);
    assert_eq!(world.answer(client).code(), 0);
    assert_eq!(world.answer_to(&query()).after, 0, "the same servers in another order");
    world.announce_at([[198, 51, 100, 3].into()].into_iter());
    world.run(5);
    assert_eq!(world.answer_to(&query()).after, 50, "other servers");
}

#[test]
fn what_is_flushed_is_asked_again() {
    for (what, flushed, after) in [
        ("everything", None, [5, 5]),
        ("a name, in whatever case", Some(DomainName::new("A.Example").unwrap()), [5, 0]),
        ("another one", Some(DomainName::new("c.example").unwrap()), [0, 0]),
    ] {
        let mut world = World::new(vec![answering(5)]);
        let queries = [query(), Message::query("b.example", A)];
        queries.iter().for_each(|query| drop(world.answer_to(query)));
        let _ = world.resolver.handle(world.now, Event::Flush(flushed));
        assert_eq!(queries.map(|query| world.answer_to(&query).after), after, "{what}");
    }
}

#[test]
fn hosts_are_answered_here_both_ways() {
    let host = |address: &str, name| {
        let address: IpAddr = address.parse().unwrap();
        Host { address: address.into(), name: DomainName::new(name).unwrap() }
    };
    let mut world = World::new(vec![answering(5)]);
    assert_eq!(world.answer_to(&Message::query("db.example", A)).message.last(), Some(&1));
    world.happens(Event::Hosts(vec![
        host("192.0.2.9", "Db.example"),
        host("192.0.2.8", "db.example"),
        host("192.0.2.9", "other"),
        host("2001:db8::7", "other"),
    ]));
    for (text, kind, want) in [
        ("dB.example", A, &["192.0.2.9", "192.0.2.8"][..]),
        ("db.example", AAAA, &[]),
        ("db.example", 65, &[]),
        ("other", AAAA, &["2001:db8::7"]),
        ("9.2.0.192.in-addr.arpa", PTR, &["db.example."]),
        ("7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", PTR, &["other."]),
    ] {
        let answer = world.answer_to(&Message::query(text, kind));
        let shown: Vec<_> = decode(&answer.message).answers.iter().map(|record| record.data.to_string()).collect();
        assert_eq!(
            (shown.iter().map(String::as_str).collect::<Vec<_>>(), answer.code()),
            (want.to_vec(), 0),
            "{text} {kind}"
        );
    }
    assert_eq!(world.questions(0), 1, "nobody was asked");
    world.answer_to(&Message::query("db.example", 16));
    assert_eq!(world.questions(0), 2, "of other types others know more");
    world.happens(Event::Hosts(Vec::new()));
    assert_eq!(world.answer_to(&Message::query("db.example", A)).message.last(), Some(&1));
}

#[test]
fn what_is_kept_of_other_names_stays_when_the_hosts_change() {
    let mut world = World::new(vec![answering(5)]);
    world.answer_to(&query());
    let address = IpAddr::from([192, 0, 2, 9]).into();
    world.happens(Event::Hosts(vec![Host { address, name: DomainName::new("db.example").unwrap() }]));
    assert_eq!(world.answer_to(&query()).after, 0);
}

#[test]
fn a_name_that_becomes_this_machine_s_own_while_it_is_asked_for_is_not_kept() {
    for (what, upstream) in [("answered", answering(50)), ("failed", failing(50, 2))] {
        let mut world = World::new(vec![upstream]);
        let client = world.ask(&query());
        world.run(10);
        let address = IpAddr::from([192, 0, 2, 9]).into();
        world.happens(Event::Hosts(vec![Host { address, name: DomainName::new("a.example").unwrap() }]));
        world.run(100);
        world.answer(client);
        assert_eq!(world.answer_to(&query()).message.last(), Some(&9), "{what}");
    }
}

#[test]
fn additional_records_and_an_opt_among_them_come_out_as_they_went_in() {
    let ns = name("ns.example");
    let reply = move |asked: &[u8]| {
        Message::reply(asked)
            .a(60, 1)
            .opt(4096, 0, &[])
            .additional(&ns, A, 60, &[1; 4])
            .additional(&QUESTION, AAAA, 60, &[2; 16])
    };
    let mut world = World::new(vec![scripted(5, reply)]);
    let answer = world.answer_to(&query());
    let message = decode(&answer.message);
    assert_eq!((message.additionals.len(), message.edns.is_some()), (2, false));
    let again = world.answer_to(&with_opt());
    let message = decode(&again.message);
    assert_eq!((message.additionals.len(), message.edns.map(|edns| edns.max_payload())), (2, Some(1232)));
}
