//! Whatever comes, and in whatever order.

use proptest::prelude::*;

use crate::decoded::decode;
use crate::message::{A, CNAME, Message, QUESTION, TXT, name};
use crate::targets::{self, ASKED};
use crate::world::{World, scripted};

/// A good message with a few bytes changed, cut or added.
fn damaged(message: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let length = message.len();
    let change = (0..length, any::<u8>());
    (prop::collection::vec(change, 0..6), 0..=length, prop::collection::vec(any::<u8>(), 0..4), any::<bool>()).prop_map(
        move |(changes, end, more, cut)| {
            let mut message = message.clone();
            changes.into_iter().for_each(|(at, byte)| message[at] = byte);
            if cut {
                message.truncate(end);
            }
            message.extend(more);
            message
        },
    )
}

fn rich() -> Vec<u8> {
    let (alias, zone) = (name("b.example"), name("example"));
    let reply = Message::reply(&Message::query(ASKED, A).bytes())
        .answer(&QUESTION, CNAME, 60, &alias)
        .answer(&alias, A, 70, &[1, 2, 3, 4])
        .soa(50, 40)
        .authority(&zone, 2, 80, b"\x02ns\xc0\x0e")
        .additional(b"\x02ns\xc0\x0e", A, 90, &[4; 4])
        .opt(4096, 0, b"\0\x0f\0\x05\0\x09abc");
    [&[0][..], &reply.bytes()].concat()
}

proptest! {
    #[test]
    fn no_client_s_message_does_harm(message in damaged(Message::query("a.example", A).opt(1232, 0, b"\0\x0a\0\x02ab").bytes())) {
        targets::query(&message);
    }

    #[test]
    fn no_reply_does_harm(message in damaged(rich())) {
        targets::reply(&message);
    }

    #[test]
    fn no_bytes_do_harm(message in prop::collection::vec(any::<u8>(), 0..200)) {
        targets::query(&message);
        targets::reply(&message);
    }

    #[test]
    fn the_cache_holds_what_a_map_holds(script in prop::collection::vec(any::<u8>(), 0..900)) {
        targets::cache(&script);
    }

    #[test]
    fn no_order_of_events_leaves_anybody_waiting(script in prop::collection::vec(any::<u8>(), 0..400)) {
        targets::machine(&script);
    }

    /// What a decoder that is not ours finds in the answer is what it finds in the upstream's message.
    #[test]
    fn what_comes_out_is_what_went_in(
        texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..12),
        ttls in prop::collection::vec(0_u32..200_000, 12),
        age in 0_u64..40,
    ) {
        let reply = move |asked: &[u8]| {
            let reply = Message::reply(asked);
            texts.iter().zip(&ttls).fold(reply, |reply, (text, ttl)| {
                let data = [&[u8::try_from(text.len()).unwrap()][..], text].concat();
                reply.answer(&QUESTION, TXT, *ttl, &data)
            })
        };
        let query = Message::query(ASKED, TXT).opt(4096, 0, &[]);
        let want = decode(&reply(&query.bytes()).bytes());
        let mut world = World::new(vec![scripted(1, reply)]);
        let first = world.ask(&query);
        world.run(2 + age * 1000);
        for (client, age) in [(first, 0), (world.ask(&query), age)] {
            world.run(2);
            let got = decode(&world.answer(client).message);
            let fresh = world.questions(0) > 1 && age > 0;
            prop_assert_eq!(&got.queries, &want.queries);
            prop_assert_eq!(got.answers.len(), want.answers.len());
            for (got, want) in got.answers.iter().zip(&want.answers) {
                let aged = if fresh { 0 } else { u32::try_from(age).unwrap() };
                prop_assert_eq!((&got.data, &got.name, got.ttl), (&want.data, &want.name, want.ttl.min(86_400) - aged));
            }
        }
    }
}
