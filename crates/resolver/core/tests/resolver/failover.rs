//! Facts §1.5: one server is bad, the other good after 100 ms. Every fresh name is answered.

use orlop_resolver_contract::{Discard, UpstreamState};
use orlop_resolver_core::resolver::{Asker, ClientId, Event, Heard};

use crate::decoded::{decode, ede};
use crate::message::{A, Message, option};
use crate::world::{Said, Upstream, World, absent, answering, failing, scripted, silent};

fn fresh(at: usize) -> Message {
    Message::query(&format!("fresh{at}.example"), A)
}

fn times(bad: Upstream) -> Vec<(u8, u64)> {
    let mut world = World::new(vec![bad, answering(100)]);
    let ask = |at| {
        let answer = world.answer_to(&fresh(at));
        (answer.code(), answer.after)
    };
    (0..4).map(ask).collect()
}

#[test]
fn no_question_is_lost_to_a_server_that_fails() {
    for (what, bad) in [
        ("SERVFAIL", failing(1, 2)),
        ("REFUSED", failing(1, 5)),
        ("NOTIMP", failing(1, 4)),
        ("FORMERR", failing(1, 1)),
        ("an address of three bytes", scripted(1, |query| Message::reply(query).answer(&[0xc0, 12], A, 1, &[1, 2, 3]))),
        ("a referral", scripted(1, |query| Message::reply(query).authority(&[0], 2, 1, &[1, b'a', 0]))),
        ("ICMP", absent(1)),
        ("a black hole", silent()),
    ] {
        let times = times(bad);
        assert!(times.iter().all(|(code, after)| *code == 0 && *after < 300), "{what}: {times:?}");
        assert!(times[1..].iter().all(|(_, after)| *after < 110), "{what} costs something later: {times:?}");
    }
}

#[test]
fn a_black_hole_costs_nothing_when_questions_follow_each_other_at_once() {
    let mut world = World::new(vec![silent(), answering(5)]);
    let after: Vec<u64> = (0..20)
        .map(|at| {
            let client = world.ask(&fresh(at));
            world.run(210);
            world.answer(client).after
        })
        .collect();
    assert!(after[0] < 300, "{after:?}");
    assert!(after[1..].iter().all(|after| *after <= 6), "{after:?}");
}

#[test]
fn a_server_that_dies_costs_one_question_little_and_the_next_nothing() {
    let mut world = World::new(vec![answering(10), answering(40)]);
    for at in 0..30 {
        assert!(world.answer_to(&fresh(at)).after <= 40);
    }
    assert_eq!(world.answer_to(&fresh(99)).after, 10, "the fastest is asked");
    world.replace(0, silent());
    let after: Vec<u64> = (100..110).map(|at| world.answer_to(&fresh(at)).after).collect();
    assert!(after[0] < 90 && after[1..].iter().all(|after| *after == 40), "{after:?}");
    world.replace(0, answering(10));
    world.run(60_000);
    world.answer_to(&fresh(200));
    assert_eq!(world.answer_to(&fresh(201)).after, 10, "it is back");
}

#[test]
fn a_slow_server_that_dies_costs_no_more_than_a_quarter_of_a_second() {
    let mut world = World::new(vec![answering(400), answering(600)]);
    for at in 0..20 {
        world.answer_to(&fresh(at));
    }
    world.replace(0, silent());
    assert_eq!(world.answer_to(&fresh(100)).after, 250 + 600);
    assert_eq!(world.answer_to(&fresh(101)).after, 600);
}

#[test]
fn one_slow_server_is_not_asked_twice_for_nothing() {
    let mut world = World::new(vec![answering(200)]);
    for at in 0..3 {
        assert_eq!(world.answer_to(&fresh(at)).after, 200);
    }
    assert_eq!(world.questions(0), 3);
}

#[test]
fn what_the_network_loses_is_sent_again() {
    let mut count = 0;
    let lossy: Upstream = Box::new(move |asked| {
        count += 1;
        if count % 2 == 0 { vec![(10, Said::Message(Message::reply(asked).a(60, 1).bytes()))] } else { vec![] }
    });
    let mut world = World::new(vec![lossy]);
    for at in 0..3 {
        let answer = world.answer_to(&fresh(at));
        assert!(answer.code() == 0 && answer.after <= 410, "{answer:?}");
    }
}

#[test]
fn a_server_that_fails_for_one_name_alone_stays_good() {
    let picky = |asked: &[u8]| {
        let reply = Message::reply(asked);
        if asked[18] == b'7' { reply.flags(2) } else { reply.a(60, 1) }
    };
    let mut world = World::new(vec![scripted(10, picky), answering(40)]);
    for at in 0..20 {
        assert_eq!(world.answer_to(&fresh(at)).code(), 0);
    }
    assert_eq!(world.resolver.status().upstreams[0].state, UpstreamState::Good);
    assert_eq!(world.resolver.status().discards.of(Discard::ServerFailure), 1);
}

#[test]
fn a_server_that_refuses_what_others_answer_is_asked_last_after_three_times() {
    let mut world = World::new(vec![failing(1, 5), answering(10)]);
    for at in 0..20 {
        world.answer_to(&fresh(at));
    }
    assert_eq!(world.resolver.status().upstreams[0].state, UpstreamState::Failing);
    // Six seconds a question: it is tried again when it has rested, beside the good one, which is all that is waited for.
    let before = world.questions(0);
    let after: Vec<u64> = (100..110).map(|at| world.answer_to(&fresh(at)).after).collect();
    assert!(after.iter().all(|after| *after == 10), "{after:?}");
    assert!(world.questions(0) - before <= 4, "{}", world.questions(0) - before);
}

#[test]
fn the_best_of_all_failures_is_given_out() {
    for (codes, want) in [([5, 2], 2), ([2, 5], 2), ([1, 4], 4), ([4, 5], 5), ([5, 5], 5)] {
        let mut world = World::new(codes.map(|code| failing(5, code)).into_iter().collect());
        assert_eq!(u16::from(world.answer_to(&fresh(0)).code()), want, "{codes:?}");
    }
}

/// Fails with this code, and says why (RFC 8914).
fn explaining(after: u64, code: u16, why: u8) -> Upstream {
    scripted(after, move |asked| Message::reply(asked).flags(code).opt(1232, 0, &option(15, &[0, why])))
}

#[test]
fn of_failures_the_first_that_says_why_is_given_out() {
    for (what, upstreams, want) in [
        ("the second says it", [failing(5, 2), explaining(10, 5, 18)], (5, 18)),
        ("the first says it", [explaining(5, 5, 18), failing(10, 2)], (5, 18)),
        ("both say it", [explaining(5, 2, 9), explaining(10, 2, 10)], (2, 9)),
    ] {
        let answer = World::new(upstreams.into()).answer_to(&fresh(0).opt(1232, 0, &[]));
        assert_eq!((answer.code(), ede(&answer.message)), (want.0, Some(want.1)), "{what}");
    }
}

#[test]
fn a_silent_server_is_asked_again_after_twice_the_time_each_time() {
    let mut world = World::new(vec![silent()]);
    world.answer_to(&fresh(0));
    let first = world.sent[0].0;
    let times: Vec<u64> = world.sent.iter().map(|(at, ..)| at - first).collect();
    assert_eq!(times, [0, 400, 400 + 800, 400 + 800 + 1600]);
}

#[test]
fn a_server_that_says_nothing_for_a_second_is_failing() {
    let mut world = World::new(vec![silent()]);
    world.ask(&fresh(0));
    world.run(999);
    assert_eq!(world.resolver.status().upstreams[0].state, UpstreamState::Good);
    world.run(1);
    assert_eq!(world.resolver.status().upstreams[0].state, UpstreamState::Failing);
    assert_eq!(world.resolver.status().discards.of(Discard::TimeOut), 1);
}

#[test]
fn a_server_that_knows_no_edns_is_asked_without() {
    let old: fn(&[u8]) -> Message = |asked| match asked[11] {
        0 => Message::reply(asked).a(60, 1),
        _ => Message { question: vec![], ..Message::reply(asked) }.flags(1),
    };
    let mut world = World::new(vec![scripted(5, old)]);
    assert_eq!(world.answer_to(&fresh(0)).code(), 0);
    assert_eq!(world.answer_to(&fresh(1)).code(), 0);
    assert_eq!(world.questions(0), 3, "the second time it is known");
}

/// Understands no EDNS, and nothing else either.
fn understanding_nothing(after: u64) -> Upstream {
    scripted(after, |asked| Message { question: vec![], ..Message::reply(asked) }.flags(1))
}

#[test]
fn no_question_is_sent_more_than_eight_times() {
    let others = (0..4).map(|_| understanding_nothing(5));
    let mut world = World::new([failing(5, 2)].into_iter().chain(others).collect());
    assert_eq!(world.answer_to(&fresh(0)).code(), 2);
    assert_eq!(world.sent.len(), 8);
}

#[test]
fn a_server_that_knows_edns_is_asked_with_it_and_one_that_does_not_again_after_a_quarter_of_an_hour() {
    let with_edns = |world: &World| decode(&world.sent.last().unwrap().2).edns.is_some();
    let mut world = World::new(vec![answering(5)]);
    for at in 0..2 {
        world.answer_to(&fresh(at));
        assert!(with_edns(&world));
    }
    let old: fn(&[u8]) -> Message = |asked| match asked[11] {
        0 => Message::reply(asked).a(60, 1),
        _ => Message { question: vec![], ..Message::reply(asked) }.flags(1),
    };
    let mut world = World::new(vec![scripted(5, old)]);
    world.answer_to(&fresh(0));
    world.run(600_000);
    world.answer_to(&fresh(1));
    assert_eq!((world.questions(0), with_edns(&world)), (3, false));
    world.run(300_000);
    world.answer_to(&fresh(2));
    assert_eq!(world.questions(0), 5, "what it answered meanwhile does not count");
}

#[test]
fn a_server_that_is_only_slower_is_not_failing() {
    let mut world = World::new(vec![answering(300), answering(10)]);
    let clients: Vec<_> = (0..4).map(|at| world.ask(&fresh(at))).collect();
    world.run(250);
    assert!(clients.iter().all(|client| world.answer(*client).after <= 210));
    assert_eq!(world.resolver.status().upstreams[0].state, UpstreamState::Good);
}

#[test]
fn without_sockets_the_next_server_is_asked_and_nothing_is_kept() {
    let mut world = World::new(vec![answering(5)]);
    world.has_pool = false;
    world.announce();
    world.run(5);
    let query = fresh(0).opt(1232, 0, &[]);
    let answer = world.answer_to(&query);
    assert_eq!((answer.code(), ede(&answer.message)), (2, Some(23)));
    world.has_pool = true;
    assert_eq!(world.answer_to(&query).code(), 0);
}

#[test]
fn a_socket_that_is_spoiled_is_replaced_by_another_one_of_the_same_server() {
    let mut world = World::new(vec![silent()]);
    let client = world.ask(&fresh(0));
    let socket = *world.open.keys().next().unwrap();
    world.replace(0, answering(5));
    world.forget(socket);
    world.happens(Event::Spoiled { socket });
    world.run(10);
    assert_eq!(world.answer(client).code(), 0);
}

#[test]
fn more_questions_than_sockets_wait_for_sockets() {
    let mut world = World::new(vec![answering(20)]);
    let clients: Vec<_> = (0..500).map(|at| world.ask(&fresh(at))).collect();
    world.run(200);
    assert!(clients.iter().all(|client| world.answer(*client).code() == 0));
    assert_eq!(world.questions(0), 500);
}

#[test]
fn a_client_that_floods_leaves_room_for_others_and_they_come_first() {
    let mut world = World::new(vec![answering(20)]);
    let flood: Vec<_> = (0..2000).map(|at| world.ask_from(1000, &fresh(at))).collect();
    let asker = Asker { client: ClientId(99_999), port: 1000, udp_limit: None };
    let mut answer = Vec::new();
    let heard = world.resolver.query(world.now, asker, &fresh(6000).bytes(), &mut answer);
    assert_eq!((heard, answer[3] & 15), (Heard::Answered, 2), "by a stream it hears that there is no room");
    let other = world.ask_from(2000, &fresh(5000));
    world.run(25);
    assert!(world.answer(other).after <= 24, "{:?}", world.answer(other).after);
    world.run(6000);
    let answered = flood.iter().filter(|client| world.answers.contains_key(client)).count();
    assert_eq!(answered, 512);
    assert_eq!(u32::try_from(2001 - answered).unwrap(), world.resolver.status().discards.of(Discard::Overload));
    assert_eq!(world.resolver.status().in_flight, 0);
}

#[test]
fn the_order_of_servers_is_kept_while_nothing_is_known_of_them() {
    let first = |world: &World| world.sent.first().map(|(_, to, _)| *to);
    let mut world = World::new(vec![answering(5), answering(5)]);
    world.answer_to(&fresh(0));
    assert_eq!(first(&world), Some(0));
    assert!(decode(&world.sent[0].2).metadata.recursion_desired);
}
