//! What a name server says of every name there could be, so that two who ask it hear the same: the name alone decides.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher as _};

use crate::server::{Asked, NXDOMAIN, REFUSED, Reply, SERVFAIL};

/// Kinds of names, by the letter that a name begins with.
pub const KINDS: [char; 12] = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'];

/// Types that are asked for: A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, HTTPS, CAA, and one that nobody knows.
pub const TYPES: [u16; 12] = [1, 2, 5, 6, 12, 15, 16, 28, 33, 65, 257, 65_280];

/// Names of one kind.
pub const NAMES: u64 = 200;

/// No answer's life is over within a test, unless it has none: then it is asked for each time.
const LIVES: [u32; 5] = [0, 3600, 86_400, 604_800, 7200];

/// The answer to a question.
#[must_use]
pub fn says(asked: &Asked) -> Vec<Reply> {
    let name = asked.name.to_ascii_lowercase();
    let (set, chance) = (Set::of(&name, asked.kind), chance(&(&name, asked.kind)));
    let reply = match name.chars().next() {
        // An alias, and what it leads to.
        Some('b') => alias(asked, &name),
        // An alias alone: who asks has to ask on.
        Some('c') => asked.records(&[(CNAME, Set::of(&name, CNAME).life, &target(&name))]),
        Some('d') => asked.nothing(NXDOMAIN),
        Some('e') => asked.nothing(0),
        Some('f') => asked.code(SERVFAIL),
        Some('g') => asked.code(REFUSED),
        // Who is an alias has nothing else, and who has something else is none.
        _ if asked.kind == CNAME => asked.nothing(0),
        // More than a datagram holds.
        Some('h') if asked.kind == TXT && !asked.tcp => asked.truncated(),
        Some('h') if asked.kind == TXT => Set { life: set.life, data: texts(chance, 30, 90) }.answer(asked),
        // More than a datagram holds for who does not know EDNS.
        Some('i') if asked.kind == TXT => Set { life: set.life, data: texts(chance, 9, 80) }.answer(asked),
        _ => set.answer(asked),
    };
    vec![reply]
}

/// The records of a name and type.
struct Set {
    life: u32,
    data: Vec<Vec<u8>>,
}

impl Set {
    fn of(name: &str, kind: u16) -> Self {
        let chance = chance(&(name, kind));
        // There can be only one of these.
        let count = if matches!(kind, CNAME | SOA) { 1 } else { 1 + chance % 4 };
        let data = (0..count).map(|n| data(kind, chance + 1000 * n + n));
        Self { life: LIVES[pick(chance, LIVES.len())], data: data.collect() }
    }

    fn answer(&self, asked: &Asked) -> Reply {
        let records: Vec<(u16, u32, &[u8])> = self.data.iter().map(|data| (asked.kind, self.life, &data[..])).collect();
        asked.records(&records)
    }
}

const CNAME: u16 = 5;
const TXT: u16 = 16;

const SOA: u16 = 6;

fn texts(chance: u64, count: u64, length: u64) -> Vec<Vec<u8>> {
    (0..count).map(|n| text(chance + n, length)).collect()
}

/// Whom a name is an alias of.
fn target(name: &str) -> Vec<u8> {
    wire(&format!("A{}.of.Example.org", chance(&name) % NAMES))
}

/// The answer for the name that another is an alias of, with it.
fn alias(asked: &Asked, name: &str) -> Reply {
    let target = target(name);
    let reply = asked.records(&[(CNAME, Set::of(name, CNAME).life, &target)]);
    if asked.kind == CNAME {
        return reply;
    }
    let set = Set::of(&format!("a{}.of.example.org", chance(&name) % NAMES), asked.kind);
    reply.changed(|bytes| {
        for data in set.data {
            bytes[7] += 1;
            bytes.extend(&target);
            bytes.extend(asked.kind.to_be_bytes());
            bytes.extend([0, 1]);
            bytes.extend(set.life.to_be_bytes());
            bytes.extend(u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend(data);
        }
    })
}

/// Data of a record of this type, which is another one for each number.
fn data(kind: u16, chance: u64) -> Vec<u8> {
    let bytes = chance.to_be_bytes();
    let host = || wire(&format!("Host{}.Example.org", chance % 1000));
    match kind {
        1 => [&[192, 0], &bytes[6..]].concat(),
        28 => [&[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0][..], &bytes].concat(),
        2 | CNAME | 12 => host(),
        SOA => [host(), host(), [[0, 0, 0, 9]; 5].concat()].concat(),
        15 => [&bytes[6..], &host()].concat(),
        TXT => text(chance, chance % 60),
        33 => [&bytes[2..], &host()].concat(),
        // Priority, the owner itself, and a key that nobody knows.
        65 => [&[0, 1, 0][..], &[0xff, 0, 0, 3], &bytes[5..]].concat(),
        257 => [&[0, 5][..], b"issue", b"ca.example.org"].concat(),
        _ => bytes.to_vec(),
    }
}

/// Any bytes, as one string.
fn text(chance: u64, length: u64) -> Vec<u8> {
    let length = u8::try_from(length).unwrap_or(u8::MAX);
    let bytes = (0..length).map(|n| self::chance(&(chance, n)).to_be_bytes()[0]);
    std::iter::once(length).chain(bytes).collect()
}

/// A name, as a message has it.
fn wire(name: &str) -> Vec<u8> {
    let labels = name
        .split('.')
        .flat_map(|label| std::iter::once(u8::try_from(label.len()).unwrap_or(u8::MAX)).chain(label.bytes()));
    labels.chain([0]).collect()
}

/// A number that looks random, and is the same each time with the same compiler.
#[must_use]
pub fn chance(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// One of so many.
#[must_use]
pub fn pick(chance: u64, of: usize) -> usize {
    usize::try_from(chance % of.max(1) as u64).unwrap_or_default()
}
