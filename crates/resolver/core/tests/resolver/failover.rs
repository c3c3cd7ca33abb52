//! Facts §1.5: one server is bad, the other good after 100 ms. Every fresh name is answered.

use crate::message::{A, Message};
use crate::world::{Upstream, World, absent, answering, failing, scripted, silent};

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
