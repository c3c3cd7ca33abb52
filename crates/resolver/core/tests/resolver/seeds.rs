//! The fuzz targets of this package: their committed seeds are replayed, and most of them are made here.

use orlop_harness::seeds::{self, Seed, Target};

use crate::message::{A, DO, Message, OPT, name, option, record};
use crate::replies::replies;
use crate::script::{self, Tally};
use crate::targets;

/// The fuzz targets of this package, and what each does with a seed.
const TARGETS: [Target; 4] = [
    ("resolver_query", targets::query),
    ("resolver_reply", targets::reply),
    ("resolver_cache", targets::cache),
    ("resolver_machine", targets::machine),
];

#[test]
fn every_committed_seed_is_replayed() {
    seeds::replay(&TARGETS);
}

#[test]
fn every_seed_that_is_made_here_is_committed() {
    seeds::committed(&made());
}

#[test]
fn the_scripts_get_as_far_as_their_names_say() {
    for (what, script, tally) in scripts() {
        assert_eq!(script::play(&script), tally, "{what}");
    }
}

fn made() -> Vec<Seed> {
    let queries = queries().into_iter().map(|(what, message)| Seed::new("resolver_query", what, message));
    // The largest ones are tests, and no seeds: mutations of them are slow and find nothing.
    let replies =
        replies().into_iter().map(|(what, message, _)| (what, message.bytes())).filter(|(_, bytes)| bytes.len() < 4096);
    let replies = replies.map(|(what, bytes)| Seed::new("resolver_reply", what, [&[0][..], &bytes].concat()));
    let caches = caches().into_iter().map(|(what, script)| Seed::new("resolver_cache", what, script));
    let scripts = scripts().into_iter().map(|(what, script, _)| Seed::new("resolver_machine", what, script));
    queries.chain(replies).chain(caches).chain(scripts).collect()
}

fn queries() -> Vec<(&'static str, Vec<u8>)> {
    let query = || Message::query("a.example", A);
    let label = "x".repeat(63);
    let messages = [
        ("an address", query()),
        ("with EDNS", query().opt(1232, DO, &[])),
        (
            "with a cookie and a subnet",
            query().opt(4096, 0, &[option(10, &[1; 8]), option(8, &[0, 1, 24, 0, 1, 2, 3])].concat()),
        ),
        ("EDNS of another version", query().opt(1232, 1 << 16, &[])),
        ("many options (CVE-2026-42944)", query().opt(1232, 0, &option(3, &[]).repeat(100))),
        ("an option that is cut off", query().opt(1232, 0, &[0, 10, 0, 9])),
        ("two OPT", query().opt(1232, 0, &[]).opt(1232, 0, &[])),
        ("an OPT of a name", query().raw(2, record(&name("a"), OPT, 512, 0, &[]))),
        (
            "an OPT of the largest length (CVE-2017-14496)",
            Message {
                rest: [&[0, 0, 41, 2, 0, 0, 0, 0, 0][..], &[0xff, 0xff]].concat(),
                counts: [None, None, None, Some(1)],
                ..query()
            },
        ),
        ("the longest name", Message::query(&[&label[..], &label, &label, &label[..61]].join("."), A)),
        ("a name too long", Message::query(&[&label[..], &label, &label, &label[..62]].join("."), A)),
        (
            "a label of sixty-four bytes",
            Message { question: [&[64][..], &[b'x'; 64], &[0, 0, 1, 0, 1]].concat(), ..query() },
        ),
        ("a pointer for a name", Message { question: b"\xc0\x0c\0\x01\0\x01".to_vec(), ..query() }),
        ("a pointer to the header", Message { question: b"\x01a\xc0\x00\0\x01\0\x01".to_vec(), ..query() }),
        ("the root", Message::query("", 2)),
        ("any type", Message::query("a.example", 255)),
        ("type zero", Message::query("a.example", 0)),
        ("type OPT", Message::query("a.example", OPT)),
        ("AXFR", Message::query("example", 252)),
        ("IXFR", Message::query("example", 251).soa(1, 1)),
        ("class CH", Message { question: [&name("version.bind")[..], &[0, 16, 0, 3]].concat(), ..query() }),
        ("a notification", query().flags(4 << 11)),
        ("no question (CVE-2017-9217)", Message { question: vec![], ..query() }),
        ("two questions", Message { counts: [Some(2), None, None, None], ..query() }),
        ("an answer (RUSTSEC-2023-0041)", query().flags(0x8000)),
        ("without RD", Message { flags: 0, ..query() }),
        ("localhost", Message::query("a.LocalHost", 28)),
        ("a private address", Message::query("1.0.0.10.in-addr.arpa", 12)),
        ("a private address of IPv6", Message::query("0.d.f.ip6.arpa", 12)),
        ("a name with a zero in it", Message { question: b"\x03a\0b\0\0\x01\0\x01".to_vec(), ..query() }),
        ("a byte after the end", Message { rest: vec![0], ..query() }),
        ("five additional records", (0..5).fold(query(), |query, _| query.additional(&[0], A, 1, &[1; 4]))),
    ];
    let mut messages: Vec<_> = messages.into_iter().map(|(what, message)| (what, message.bytes())).collect();
    messages.push(("half a header", query().bytes()[..7].to_vec()));
    messages.push(("half a question", query().bytes()[..20].to_vec()));
    messages
}

fn caches() -> Vec<(&'static str, Vec<u8>)> {
    let fill: Vec<u8> = (0..120).flat_map(|at| [0, at, at | 1, 2, at, 0]).collect();
    vec![
        ("put and found", vec![0, 1, 5, 2, 1, 0]),
        ("stale", vec![0, 1, 1, 4, 50, 3, 2, 1, 0, 5, 1, 2, 2, 1, 0]),
        ("too old", vec![0, 1, 1, 4, 255, 255, 4, 255, 255, 2, 1, 0]),
        ("flushed", vec![0, 1, 5, 0, 2, 5, 5, 1, 1, 2, 1, 0, 2, 2, 0]),
        ("cleared", vec![0, 1, 5, 5, 0, 0, 2, 1, 0]),
        ("without a life", vec![0, 1, 0, 2, 1, 0]),
        ("other wishes", vec![0, 1, 5, 2, 0x41, 0, 2, 0x21, 0]),
        ("more than there is room for", fill),
    ]
}

/// (what, script, how far it gets)
fn scripts() -> Vec<(&'static str, Vec<u8>, Tally)> {
    let one = Tally { answers: 1, ..Tally::default() };
    let failed = Tally { failures: 1, ..Tally::default() };
    let ask = [0, 0];
    let then = |more: &[u8]| [&ask[..], more].concat();
    vec![
        ("answered", then(&[3, 8]), one),
        ("answered by the other", then(&[3, 40, 3, 9]), one),
        ("silence", ask.to_vec(), failed),
        ("every server fails", then(&[3, 40, 3, 40, 3, 40, 3, 40]), failed),
        ("nobody is there", then(&[5, 0, 5, 0, 5, 0, 5, 0]), failed),
        ("truncated then by a stream", then(&[3, 64, 7, 2]), Tally { streams: 1, ..one }),
        ("a stream that ends", then(&[3, 64, 7, 0x80]), Tally { streams: 1, ..failed }),
        ("another case then by a stream", then(&[3, 88, 7, 2]), Tally { streams: 1, ..one }),
        ("spoiled sockets", then(&[6, 0, 6, 1, 3, 8]), one),
        ("stale", then(&[3, 8, 10, 200, 0, 0, 9, 100]), Tally { answers: 2, stale: 1, ..Tally::default() }),
        (
            "stale at once when all fail",
            then(&[3, 8, 10, 200, 0, 0, 3, 40, 3, 40, 3, 40, 0, 0]),
            Tally { answers: 3, stale: 2, ..Tally::default() },
        ),
        ("servers change while asked", then(&[12, 12, 8, 9, 3, 8]), one),
        ("no servers", then(&[12, 0]), failed),
        ("no sockets", [&[11, 0, 12, 12, 8, 5][..], &ask, &[8, 5]].concat(), failed),
        ("known here", vec![0, 6, 13, 0, 0, 7], Tally { answers: 2, ..Tally::default() }),
        ("known in private networks", vec![12, 8, 8, 5, 0, 5, 3, 8], one),
        ("flushed", then(&[3, 8, 14, 0, 0, 0, 3, 8]), Tally { answers: 2, ..Tally::default() }),
        ("what nobody asked for", vec![15, 0, 15, 1, 15, 2, 15, 255, 15, 3], Tally::default()),
        ("an alias without an end", then(&[3, 72, 3, 72, 3, 72, 3, 72, 3, 72, 3, 72, 3, 72, 3, 72, 3, 72]), failed),
        ("what cannot be read and then what can", then(&[3, 96, 3, 8]), one),
    ]
}
