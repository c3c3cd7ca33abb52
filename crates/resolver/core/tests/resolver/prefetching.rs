//! Answers that are renewed before their end.

use orlop_resolver_contract::Conduct;
use orlop_resolver_core::resolver::MAX_FLIGHTS;

use crate::message::{A, Message};
use crate::world::{World, answering, failing, scripted, silent};

/// Answers live for 300 s.
fn world() -> World {
    World::with(Conduct { prefetch: true, ..Conduct::default() }, vec![answering(50)])
}

fn query() -> Message {
    Message::query("a.example", A)
}

/// Asks, and gives how long the answer took.
fn asked(world: &mut World) -> u64 {
    let client = world.ask(&query());
    world.run(100);
    world.answer(client).after
}

#[test]
fn what_is_asked_for_in_the_last_tenth_of_its_life_is_renewed_and_nobody_waits() {
    let mut world = world();
    assert_eq!(asked(&mut world), 50);
    world.run(268_000);
    assert_eq!((asked(&mut world), world.questions(0)), (0, 1), "not yet");
    world.run(3000);
    assert_eq!((asked(&mut world), world.questions(0)), (0, 2), "the answer is there, and another one is fetched");
    world.run(100_000);
    assert_eq!((asked(&mut world), world.questions(0)), (0, 2), "which lives on");
    let served = world.resolver.status().served;
    assert_eq!((served.hits, served.misses, served.prefetched), (3, 1, 1));
}

#[test]
fn what_nobody_asks_for_is_not_renewed_nor_what_is_over_soon_anyway() {
    let mut world = world();
    asked(&mut world);
    world.run(1_000_000);
    assert_eq!(world.questions(0), 1, "nobody has asked");
    for (what, ttl, code, asked_for) in
        [("short", 9, 0, 1), ("long enough", 10, 0, 2), ("a failure", 10, 2, 1), ("no such name", 10, 3, 2)]
    {
        let reply = move |query: &[u8]| {
            let reply = Message::reply(query).flags(code);
            if code == 0 { reply.a(ttl, 1) } else { reply.soa(ttl, ttl) }
        };
        let mut world = World::with(Conduct { prefetch: true, ..Conduct::default() }, vec![scripted(1, reply)]);
        asked(&mut world);
        world.run(if code == 2 { 4500 } else { u64::from(ttl) * 1000 - 700 });
        asked(&mut world);
        world.run(100);
        assert_eq!(world.questions(0), asked_for, "{what}");
    }
}

#[test]
fn who_is_not_told_to_renews_nothing() {
    let mut world = World::new(vec![answering(50)]);
    asked(&mut world);
    world.run(290_000);
    asked(&mut world);
    assert_eq!(world.questions(0), 1);
}

#[test]
fn an_answer_that_cannot_be_renewed_stays_and_is_not_asked_for_at_each_question() {
    let mut world = world();
    asked(&mut world);
    world.replace(0, failing(5, 2));
    world.run(275_000);
    assert_eq!(asked(&mut world), 0);
    let after_first = world.questions(0);
    assert!(after_first > 1, "it was tried");
    for _ in 0..5 {
        let client = world.ask(&query());
        world.run(1000);
        assert_eq!((world.answer(client).code(), world.answer(client).after), (0, 0), "it is still good");
    }
    assert_eq!(world.questions(0), after_first);
}

/// Somebody waits for each of the others.
#[test]
fn nothing_is_renewed_while_a_quarter_of_all_questions_that_there_is_room_for_are_under_way() {
    for (under_way, renewed) in [(MAX_FLIGHTS / 4 - 1, 1), (MAX_FLIGHTS / 4, 0)] {
        let mut world = world();
        asked(&mut world);
        world.replace(0, silent());
        world.run(275_000);
        for (n, port) in (0..under_way).zip(5000..) {
            let _ = world.ask_from(port, &Message::query(&format!("n{n}.example"), A));
        }
        let client = world.ask(&query());
        assert_eq!((world.answer(client).code(), world.answer(client).after), (0, 0), "the answer is there");
        assert_eq!(world.resolver.status().served.prefetched, renewed, "{under_way} are under way");
    }
}

#[test]
fn who_joins_a_renewal_gets_what_is_stale_in_time() {
    let mut world = world();
    asked(&mut world);
    world.replace(0, silent());
    world.run(299_500);
    assert_eq!(asked(&mut world), 0, "a tenth of a second before its end");
    world.run(500);
    let client = world.ask(&query());
    world.run(3000);
    let answer = world.answer(client);
    assert_eq!((answer.code(), answer.after), (0, 1800), "{answer:?}");
}
