//! What the fuzz targets do with their bytes.

use std::collections::BTreeMap;
use std::time::Duration;

use orlop_machine::{Chance, Instant, Machine as _, Seed};
use orlop_resolver_contract::{CacheSize, Conduct, ServerAddr, UpstreamId, Upstreams};
use orlop_resolver_core::cache::{Cache, Found};
use orlop_resolver_core::query::{Key, Query};
use orlop_resolver_core::reply::{Expected, Reply};
use orlop_resolver_core::resolver::{Action, Asker, ClientId, Event, Heard, Resolver, SocketId};
use orlop_resolver_core::stored::Stored;

use crate::message::{A, AAAA, DO, Message, TXT};

/// What replies are to, in the case in which it went out.
pub(crate) const ASKED: &str = "A.eXample";

/// A client's message, to a machine that knows nobody: it is answered at once, or dropped.
pub(crate) fn query(data: &[u8]) {
    let mut resolver = Resolver::new(Seed::from_bytes([7; 32]), Conduct::default());
    for udp_limit in [Some(512), Some(1232), None] {
        let mut answer = vec![0xaa; 3];
        let asker = Asker { client: ClientId(1), port: 1, udp_limit };
        match resolver.query(Instant::from_nanos(1), asker, data, &mut answer) {
            Heard::Answered => check_answer(data, &answer, usize::from(udp_limit.unwrap_or(u16::MAX))),
            Heard::Dropped => assert!(data.len() < 12 || data[2] & 0x80 != 0, "a question is dropped"),
            Heard::Open(_) => panic!("nobody can be asked"),
        }
    }
    if let Ok(query) = Query::read(data) {
        let key = query.key();
        assert!(key.name().len() <= 255 && key.name().eq_ignore_ascii_case(&data[12..12 + key.name().len()]));
    }
}

/// An answer to this query: it says so, repeats what it must, and is no longer than it may be.
fn check_answer(query: &[u8], answer: &[u8], limit: usize) {
    assert!(answer.len() <= limit, "{} bytes", answer.len());
    assert_eq!(answer[..2], query[..2], "the id");
    assert_eq!(answer[2] & 0xf9, query[2] & 0x79 | 0x80, "QR, OPCODE, RD");
    let question = Query::read(query).map(|query| query.asked.question).unwrap_or_default();
    assert_eq!(&answer[12..12 + question.len()], question, "the question");
    // An answer to a question for any type is of a type of our choice.
    if !question.is_empty() && !question.ends_with(&[0, 255, 0, 1]) {
        let id = u16::from_be_bytes([query[0], query[1]]);
        let read = Reply::read(answer, Expected { id, question }, &Conduct::default());
        assert!(read.is_ok(), "{read:?}: {}", answer.escape_ascii());
    }
}

/// A reply, with the id and the first bytes of the question that was asked, which no fuzzer guesses: to the reader, and to a machine.
pub(crate) fn reply(data: &[u8]) {
    let Some((flags, message)) = data.split_first() else { return };
    let conduct = Conduct { trust_ad: flags & 1 != 0, ..Conduct::default() };
    let question = Message::query(ASKED, A).question;
    let id = message.first_chunk().map_or(0, |id| u16::from_be_bytes(*id));
    let read = Reply::read(message, Expected { id, question: &question }, &conduct);
    if let Ok(Reply::Answer(stored) | Reply::Failure { best: stored, .. }) = &read {
        assert!(stored.lifetime() <= 86_400);
    }
    to_a_machine(message, conduct, flags & 2 != 0);
}

/// Whatever the reply is, a client gets one answer, which can be read, and the same out of the cache.
fn to_a_machine(message: &[u8], conduct: Conduct, dnssec_ok: bool) {
    let now = Instant::from_nanos(1);
    let mut resolver = Resolver::new(Seed::from_bytes([7; 32]), conduct);
    let server = ServerAddr::new([192, 0, 2, 1].into(), 53).unwrap();
    let _ = resolver.handle(now, Event::Upstreams(Upstreams::choose([server], |_| false)));
    let sockets = (0..4).map(SocketId).collect();
    let _ = resolver.handle(now, Event::Pool { upstream: UpstreamId::new(0).unwrap(), sockets });
    let query = Message::query(ASKED, A);
    let query = if dnssec_ok { query.opt(1232, DO, &[]) } else { query }.bytes();
    let asker = Asker { client: ClientId(1), port: 1, udp_limit: None };
    let mut answer = Vec::new();
    let Heard::Open(actions) = resolver.query(now, asker, &query, &mut answer) else { panic!("it is not open") };
    let Some(Action::Send { socket, message: sent }) = actions.first() else { panic!("{actions:?}") };
    // As the machine has asked: its number, and the case of its name where the same name comes back.
    let mut message = message.to_vec();
    message.iter_mut().zip(sent).take(2).for_each(|(to, from)| *to = *from);
    let same = message.get(12..).is_some_and(|rest| rest.len() >= 15 && rest[..15].eq_ignore_ascii_case(&sent[12..27]));
    if same {
        message[12..27].copy_from_slice(&sent[12..27]);
    }
    let later = now.after(Duration::from_millis(10));
    let actions = resolver.receive(later, *socket, &message);
    let answered = |action: Action| if let Action::Answer { message, .. } = action { Some(message) } else { None };
    let answers: Vec<Vec<u8>> = actions.into_iter().filter_map(answered).collect();
    assert!(answers.len() <= 1, "{answers:?}");
    if let Some(answer) = answers.first() {
        check_answer(&query, answer, usize::from(u16::MAX));
        let mut again = Vec::new();
        let heard = resolver.query(later, asker, &query, &mut again);
        assert!(heard != Heard::Answered || again == *answer, "what is kept is another answer");
        for limit in [512, 513, 700, 1232] {
            let asker = Asker { udp_limit: Some(limit), ..asker };
            if resolver.query(later, asker, &query, &mut again) == Heard::Answered {
                check_answer(&query, &again, usize::from(limit));
            }
        }
    }
}

/// The cache beside a map: three bytes for each thing that is done.
pub(crate) fn cache(data: &[u8]) {
    let conduct = Conduct { cache: CacheSize::MIN, ..Conduct::default() };
    let mut cache = Cache::new(&conduct, &mut Chance::new(Seed::from_bytes([7; 32])));
    let mut model: BTreeMap<Vec<u8>, (Instant, Stored)> = BTreeMap::new();
    let mut now = Instant::from_nanos(1);
    for step in data.chunks_exact(3).take(3000) {
        let [what, about, how] = [step[0], step[1], step[2]];
        let key = key(about);
        match what % 6 {
            0 | 1 => {
                let stored = stored(&key, about, how);
                cache.insert(now, &key, stored.clone());
                model.insert(key.bytes().to_vec(), (now, stored));
            }
            2 | 3 => match (cache.find(now, &key), model.get(key.bytes())) {
                (Found::Nothing, _) => {}
                (_, None) => panic!("it was never put there"),
                (Found::Fresh(found, age), Some((came, stored))) => {
                    assert_eq!((found, u64::from(age)), (stored, now.since(*came).as_secs()));
                    assert!(age < stored.lifetime());
                }
                (Found::Stale(found, _), Some((came, stored))) => {
                    assert_eq!(found, stored);
                    assert!(now.since(*came).as_secs() >= u64::from(stored.lifetime()));
                }
            },
            4 => now = now.after(Duration::from_secs(u64::from(how) * u64::from(about))),
            _ if how == 0 => {
                cache.clear();
                model.clear();
            }
            _ if how & 1 == 0 => cache.hold(now, &key),
            _ => {
                cache.flush(|name| name == key.name());
                model.retain(|kept, _| kept[..kept.len() - 3] != *key.name());
            }
        }
        let status = cache.status();
        assert!(status.bytes <= CacheSize::MIN.bytes() && usize::try_from(status.entries).unwrap() <= model.len());
    }
}

fn key(about: u8) -> Key {
    let kind = if about & 0x20 == 0 { A } else { AAAA };
    let query = Message::query(&format!("n{}.example", about & 31), kind);
    let query = if about & 0x40 == 0 { query } else { query.opt(1232, DO, &[]) }.bytes();
    Query::read(&query).unwrap().key()
}

/// An answer whose size and life depend on two numbers.
fn stored(key: &Key, about: u8, how: u8) -> Stored {
    let kind = if about & 0x20 == 0 { A } else { AAAA };
    let question = [key.name(), &kind.to_be_bytes(), &[0, 1]].concat();
    let message = Message { question, ..Message::query("", kind) }.flags(0x8000);
    let text = [&[255][..], &[how; 255]].concat().repeat(usize::from(about) % 200);
    let data = vec![how; if kind == A { 4 } else { 16 }];
    let message =
        message.answer(&[0xc0, 12], kind, u32::from(how) * 100, &data).answer(&[0xc0, 12], TXT, 86_400, &text);
    let expected = Expected { id: message.id, question: &message.question };
    match Reply::read(&message.bytes(), expected, &Conduct::default()) {
        Ok(Reply::Answer(stored)) => stored,
        other => panic!("{other:?}"),
    }
}

/// The machine under a script.
pub(crate) fn machine(data: &[u8]) {
    let _ = crate::script::play(data);
}
