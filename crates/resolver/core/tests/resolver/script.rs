//! The machine under a script of bytes: two for each thing that happens, a word and what it is about.

use std::net::IpAddr;

use orlop_resolver_contract::{Host, UpstreamId};
use orlop_resolver_core::resolver::{Event, SocketId};
use orlop_wire::DomainName;

use crate::message::{A, CNAME, DO, Message, QUESTION, TC, name};
use crate::world::{Said, World, silent};

/// How often each thing happened, for a script to say what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) answers: usize,
    pub(crate) stale: usize,
    pub(crate) failures: usize,
    pub(crate) streams: usize,
}

/// Plays the script, and then lets time go by until everybody has an answer.
pub(crate) fn play(script: &[u8]) -> Tally {
    let mut world = World::new(vec![silent(), silent(), silent()]);
    for step in script.chunks_exact(2).take(2000) {
        happen(&mut world, step[0], step[1]);
    }
    world.run(20_000);
    let status = world.resolver.status();
    assert_eq!((world.waiting(), status.in_flight), (0, 0), "somebody waits for ever");
    assert!(world.open.is_empty() && world.open_streams.is_empty(), "something is open for ever");
    let served = status.served;
    Tally {
        answers: world.answers.values().filter(|answer| answer.code() == 0).count(),
        stale: usize::try_from(served.stale).unwrap(),
        failures: world.answers.values().filter(|answer| answer.code() == 2).count(),
        streams: world.connected,
    }
}

/// Names that are asked for. The last two are answered here.
const NAMES: [&str; 8] =
    ["a.example", "b.example", "c.example", "d.example", "e.example", "a.home.arpa", "localhost", "known.example"];

fn happen(world: &mut World, word: u8, about: u8) {
    let upstream = UpstreamId::new(about % 3).unwrap();
    let nth = usize::from(about) % world.open.len().max(1);
    let open = world.open.iter().nth(nth).map(|(socket, message)| (*socket, message.clone()));
    let nth = usize::from(about) % world.open_streams.len().max(1);
    let stream = world.open_streams.iter().nth(nth).map(|(request, message)| (*request, message.clone()));
    match word % 16 {
        0..=2 => {
            let query = Message::query(NAMES[usize::from(about & 7)], if about & 8 == 0 { A } else { 28 });
            let query = if about & 16 == 0 { query } else { query.opt(1232, DO, &[]) };
            world.ask_from(u16::from(about >> 5), &query);
        }
        3 | 4 => {
            if let Some((socket, asked)) = open {
                world.say(socket, Said::Message(reply(&asked, about >> 3)));
            }
        }
        5 => {
            if let Some((socket, _)) = open {
                world.say(socket, Said::Unreachable);
            }
        }
        6 => {
            if let Some((socket, _)) = open {
                world.forget(socket);
                world.happens(Event::Spoiled { socket });
            }
        }
        7 => {
            if let Some((request, asked)) = stream {
                world.say_by_stream(request, (about & 0x80 == 0).then(|| reply(&asked, about & 31)));
            }
        }
        8 => world.run(u64::from(about)),
        9 => world.run(u64::from(about) * 100),
        10 => world.run(u64::from(about) * 3_000),
        11 => world.has_pool = !world.has_pool,
        12 => {
            let addrs: [IpAddr; 3] = [[198, 51, 100, 1].into(), [10, 0, 0, 1].into(), [192, 0, 2, about & 3].into()];
            world.announce_at(addrs.into_iter().take(usize::from(about >> 2) % 4));
        }
        13 => {
            let host = Host { address: IpAddr::from([192, 0, 2, 9]).into(), name: DomainName::new(NAMES[7]).unwrap() };
            world.happens(Event::Hosts(if about & 1 == 0 { vec![host] } else { Vec::new() }));
        }
        14 => {
            let name = (about & 8 == 0).then(|| DomainName::new(NAMES[usize::from(about & 7)]).unwrap());
            world.happens(Event::Flush(name));
        }
        _ => match about & 3 {
            0 => world.happens(Event::NoPool { upstream }),
            // What nobody has asked for.
            1 => world.happens(Event::Unreachable { socket: SocketId(u32::MAX) }),
            2 => world.happens(Event::Spoiled { socket: SocketId(u32::MAX) }),
            _ => {
                let idle = world.idle();
                if let Some(idle) = idle {
                    world.say(idle, Said::Message(vec![about; usize::from(about)]));
                }
            }
        },
    }
}

fn reply(asked: &[u8], how: u8) -> Vec<u8> {
    let reply = Message::reply(asked);
    let reply = match how % 16 {
        0..=3 => reply.a(u32::from(how) * 10, how),
        4 => reply.flags(3).soa(60, 60),
        5 => reply.flags(2),
        6 => reply.flags(5).opt(1232, 0, &[]),
        7 => Message { question: vec![], ..reply }.flags(1),
        8 => reply.flags(TC),
        9 => reply.answer(&QUESTION, CNAME, 60, &name("z.example")),
        10 => Message { id: !reply.id, ..reply }.a(60, 66),
        11 => Message { question: reply.question.to_ascii_lowercase(), ..reply }.a(60, 66),
        12 => reply.answer(&QUESTION, A, 60, &[1, 2, 3]),
        13 => reply.answer(&name("other.example"), A, 60, &[6; 4]),
        14 => reply,
        _ => Message { rest: vec![how], ..reply },
    };
    reply.bytes()
}
