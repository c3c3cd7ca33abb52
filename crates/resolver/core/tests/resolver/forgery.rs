//! Whoever is not the upstream does not know what was asked; and what cannot be believed ends nothing.

use orlop_resolver_contract::Discard;

use crate::decoded::decode;
use crate::message::{A, CNAME, Message, QUESTION, TC, name};
use crate::world::{Said, Upstream, World, answering, scripted, silent};

fn query() -> Message {
    Message::query("some.name.example", A)
}

/// Says this at once, and the truth after 50 ms.
fn forged(times: usize, forge: impl Fn(&[u8]) -> Vec<u8> + 'static) -> Upstream {
    Box::new(move |asked| {
        let truth = (50, Said::Message(Message::reply(asked).a(300, 1).bytes()));
        (0..times).map(|_| (1, Said::Message(forge(asked)))).chain([truth]).collect()
    })
}

/// The last byte of the address that the client gets.
fn address(message: &[u8]) -> Option<u8> {
    decode(message).answers.first().and_then(|record| record.data.to_string().rsplit('.').next()?.parse().ok())
}

/// A reply with a false address.
fn lie(asked: &[u8]) -> Message {
    Message::reply(asked).a(300, 66)
}

#[test]
fn what_is_not_the_answer_is_counted_and_the_question_stays_open() {
    type Forge = fn(&[u8]) -> Vec<u8>;
    let forges: [(&str, Discard, Forge); 9] = [
        ("another id", Discard::WrongId, |asked| Message { id: !lie(asked).id, ..lie(asked) }.bytes()),
        ("another name", Discard::WrongQuestion, |asked| {
            let question = [&name("other.name.example")[..], &[0, 1, 0, 1]].concat();
            Message { question, ..lie(asked) }.bytes()
        }),
        ("another type", Discard::WrongQuestion, |asked| {
            let mut question = lie(asked).question;
            let at = question.len() - 3;
            question[at] = 28;
            Message { question, ..lie(asked) }.bytes()
        }),
        ("no question (CVE-2026-123578)", Discard::WrongQuestion, |asked| {
            Message { question: vec![], ..lie(asked) }.bytes()
        }),
        ("another case", Discard::WrongCase, |asked| {
            let question = lie(asked).question.iter().map(|byte| byte.to_ascii_lowercase()).collect();
            Message { question, ..lie(asked) }.bytes()
        }),
        ("a question", Discard::NotAnAnswer, |asked| asked.to_vec()),
        ("a notification", Discard::NotAnAnswer, |asked| lie(asked).flags(4 << 11).bytes()),
        ("half a header", Discard::NotAnAnswer, |asked| asked[..7].to_vec()),
        ("something that cannot be read (TuDoor)", Discard::Malformed, |asked| {
            Message { counts: [None, Some(7), None, None], ..lie(asked) }.bytes()
        }),
    ];
    for (what, discard, forge) in forges {
        let mut world = World::new(vec![forged(1, forge)]);
        let answer = world.answer_to(&query());
        assert_eq!((address(&answer.message), answer.after), (Some(1), 50), "{what}");
        assert_eq!(world.resolver.status().discards.of(discard), 1, "{what}");
        assert_eq!(world.questions(0), 1, "{what}");
    }
}

#[test]
fn who_guesses_long_enough_makes_the_question_go_by_a_stream() {
    let mut world = World::new(vec![forged(100, |asked| Message { id: !lie(asked).id, ..lie(asked) }.bytes())]);
    world.stream(0, answering(30));
    let answer = world.answer_to(&query());
    assert_eq!((address(&answer.message), world.connected), (Some(1), 1));
    assert_eq!(world.resolver.status().discards.of(Discard::WrongId), 16, "then the socket is closed");
}

#[test]
fn a_server_that_does_not_keep_the_case_is_asked_by_a_stream() {
    let lower: Upstream = Box::new(|asked| {
        let reply = Message::reply(asked).a(300, 66);
        let question = reply.question.to_ascii_lowercase();
        vec![(5, Said::Message(Message { question, ..reply }.bytes()))]
    });
    let mut world = World::new(vec![lower]);
    world.stream(0, answering(30));
    let answer = world.answer_to(&query());
    assert_eq!((address(&answer.message), answer.after), (Some(1), 35));
}

/// Says this in another case than it was asked in.
fn in_another_case(after: u64, times: u64) -> Upstream {
    Box::new(move |asked| {
        let reply = Message::reply(asked).a(300, 66);
        let question = reply.question.to_ascii_lowercase();
        let said = Said::Message(Message { question, ..reply }.bytes());
        (0..times).map(|at| (after + at, said.clone())).collect()
    })
}

#[test]
fn who_asks_by_a_stream_asks_once_and_nobody_else() {
    let cut: Upstream = scripted(5, |asked| Message::reply(asked).flags(TC).a(300, 66));
    for (what, upstream) in [("it did not fit", cut), ("another case, several times", in_another_case(5, 3))] {
        let mut world = World::new(vec![upstream, silent(), answering(1)]);
        world.stream(0, answering(20));
        let answer = world.answer_to(&query());
        assert_eq!((address(&answer.message), answer.after), (Some(1), 25), "{what}");
        assert_eq!((world.connected, world.questions(2)), (1, 0), "{what}");
    }
}

#[test]
fn a_question_that_was_sent_eight_times_goes_by_no_stream_as_well() {
    let silent = (1..8).map(|_| silent());
    let mut world = World::new([in_another_case(1_900, 1)].into_iter().chain(silent).collect());
    world.stream(0, answering(20));
    world.answer_to(&query());
    assert_eq!((world.sent.len(), world.connected), (8, 0));
    assert_eq!(world.resolver.status().discards.of(Discard::WrongCase), 1);
}

#[test]
fn the_case_of_a_question_is_nobody_s_to_guess_and_each_has_a_number_of_its_own() {
    let mut world = World::new(vec![answering(1)]);
    let text = "a-name-of-some-length.example";
    for flags in [0, 0x10] {
        world.answer_to(&Message::query(text, A).flags(flags));
    }
    let [first, second] = [0, 1].map(|at| world.sent[at].2.clone());
    assert_ne!(first[..2], second[..2]);
    assert_ne!(first[12..40], second[12..40]);
    assert!(first[12..40].eq_ignore_ascii_case(&second[12..40]));
}

#[test]
fn what_comes_through_a_socket_that_asked_nothing_spoils_the_socket() {
    let mut world = World::new(vec![answering(1)]);
    let pool = |world: &World| world.resolver.status().upstreams[0].pool;
    let before = pool(&world);
    let idle = world.idle().unwrap();
    let actions = world.resolver.receive(world.now, idle, &lie(&query().bytes()).bytes());
    assert_eq!(actions, [orlop_resolver_core::resolver::Action::Close { socket: idle }]);
    assert_eq!((pool(&world), world.resolver.status().discards.of(Discard::Unasked)), (before - 1, 1));
}

#[test]
fn a_socket_is_used_once_even_when_its_answer_comes_twice() {
    let twice: Upstream = Box::new(|asked| {
        let reply = Said::Message(Message::reply(asked).a(300, 1).bytes());
        vec![(1, reply.clone()), (2, reply)]
    });
    let mut world = World::new(vec![twice]);
    let answer = world.answer_to(&query());
    assert_eq!(address(&answer.message), Some(1));
}

#[test]
fn an_answer_about_something_else_is_none() {
    type Script = fn(&[u8]) -> Message;
    let scripts: [(&str, Script); 4] = [
        ("of another name (CVE-2026-123585)", |asked| {
            Message::reply(asked).answer(&name("evil.example"), A, 60, &[6; 4])
        }),
        ("of another type (musl 2017)", |asked| Message::reply(asked).answer(&QUESTION, 28, 60, &[6; 16])),
        ("an alias of itself", |asked| Message::reply(asked).answer(&QUESTION, CNAME, 60, &QUESTION)),
        ("aliases in a ring", |asked| {
            let other = name("b.example");
            Message::reply(asked).answer(&QUESTION, CNAME, 60, &other).answer(&other, CNAME, 60, &QUESTION)
        }),
    ];
    for (what, script) in scripts {
        let mut world = World::new(vec![scripted(1, script), answering(1)]);
        assert_eq!(address(&world.answer_to(&query()).message), Some(1), "{what}");
        let mut world = World::new(vec![scripted(1, script)]);
        assert_eq!(world.answer_to(&query()).code(), 2, "{what}, and nobody else");
    }
}

#[test]
fn what_is_too_long_for_a_datagram_comes_by_a_stream() {
    let cut = |asked: &[u8]| Message::reply(asked).flags(TC).a(300, 66);
    let mut world = World::new(vec![scripted(5, cut)]);
    world.stream(0, answering(20));
    let answer = world.answer_to(&query());
    assert_eq!((address(&answer.message), answer.after), (Some(1), 25));
    assert_eq!(answer.message[2] & 2, 0);

    let mut world = World::new(vec![scripted(5, cut), answering(50)]);
    world.stream(0, crate::world::absent(1));
    assert_eq!(address(&world.answer_to(&query()).message), Some(1), "without a stream another one is asked");

    let mut world = World::new(vec![scripted(5, cut)]);
    world.stream(0, scripted(5, cut));
    let answer = world.answer_to(&query());
    assert_eq!((answer.code(), world.connected), (2, 1), "TC on a stream is no reason for another (CVE-2026-123604)");

    let mut world = World::new(vec![scripted(5, cut)]);
    world.stream(0, silent());
    assert_eq!(world.answer_to(&query()).code(), 2);
}
