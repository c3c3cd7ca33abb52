//! What upstreams can say to the question for the addresses of [`ASKED`], good and hostile: each a seed, and each with what
//! becomes of it.

use orlop_resolver_contract::{Conduct, Discard};
use orlop_resolver_core::reply::{Expected, Reply};

use crate::message::{A, AAAA, CNAME, Message, NS, OPT, PTR, QUESTION, SOA, TC, TXT, name, option, record};
use crate::targets::ASKED;

/// What becomes of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// An answer that lives so many seconds.
    Answer(u32),
    Alias,
    Truncated,
    Failure,
    Dropped(Discard),
}

const MALFORMED: Fate = Fate::Dropped(Discard::Malformed);

#[test]
fn every_reply_has_its_fate() {
    for (what, message, want) in replies() {
        let bytes = message.bytes();
        let question = Message::query(ASKED, A).question;
        let expected = Expected { id: Message::query(ASKED, A).id, question: &question };
        let fate = match Reply::read(&bytes, expected, &Conduct::default()) {
            Ok(Reply::Answer(stored)) => Fate::Answer(stored.lifetime()),
            Ok(Reply::Alias { .. }) => Fate::Alias,
            Ok(Reply::Truncated) => Fate::Truncated,
            Ok(Reply::Failure { .. }) => Fate::Failure,
            Err(discard) => Fate::Dropped(discard),
        };
        assert_eq!(fate, want, "{what}");
    }
}

fn reply() -> Message {
    Message::reply(&Message::query(ASKED, A).bytes())
}

/// Records of this type with this data beside a good answer, in each section.
fn beside(kind: u16, data: &[u8]) -> Message {
    reply().a(60, 1).authority(&QUESTION, kind, 60, data)
}

/// A name of 122 pointers, each to the one before it.
fn chain_of_pointers() -> Message {
    let first = 12 + reply().question.len() + 2 + 10;
    let links = (0..122).flat_map(|n| {
        let to = if n == 0 { 12 } else { first + 2 * (n - 1) };
        (0xc000 | u16::try_from(to).unwrap()).to_be_bytes()
    });
    let links: Vec<u8> = links.collect();
    let last = (0xc000 | u16::try_from(first + links.len() - 2).unwrap()).to_be_bytes();
    reply().answer(&QUESTION, 65280, 60, &links).answer(&last, A, 60, &[1, 2, 3, 4])
}

/// A record whose TTL ends with a two: a label of two bytes, behind which the root is.
fn ending_in_a_ttl() -> Message {
    reply().answer(&QUESTION, 65280, 2, &[0])
}

/// A pointer to that label: behind header, question, and the rest of the TTL.
const IN_TTL: [u8; 2] = [0xc0, 12 + 15 + 9];

/// (what, message, fate)
pub(crate) fn replies() -> Vec<(&'static str, Message, Fate)> {
    let (b, c, z) = (name("b.example"), name("c.example"), name("example"));
    let alias = || reply().answer(&QUESTION, CNAME, 60, &b);
    let long = [&[63][..], &[b'x'; 63]].concat();
    let mut replies = vec![
        ("an address", reply().a(60, 1), Fate::Answer(60)),
        ("an address and an OPT", reply().a(60, 1).opt(1232, 0, &option(15, b"\0\x09text")), Fate::Answer(60)),
        ("an OPT before glue", reply().a(60, 1).opt(1232, 0, &[]).additional(&c, A, 60, &[1; 4]), Fate::Answer(60)),
        (
            "a client subnet in OPT (RebirthDay)",
            reply().a(60, 1).opt(1232, 0, &option(8, &[0, 1, 24, 24, 1, 2, 3])),
            Fate::Answer(60),
        ),
        ("an option that is cut off", reply().a(60, 1).opt(1232, 0, &[0, 15, 0, 9, 0]), Fate::Answer(60)),
        ("an OPT of no length (CVE-2017-14496)", reply().a(60, 1).opt(0, 0, &[]), Fate::Answer(60)),
        ("an alias and its address", alias().answer(&b, A, 30, &[1; 4]), Fate::Answer(30)),
        (
            "an address before its alias (2026-01-08)",
            reply().answer(&b, A, 30, &[1; 4]).answer(&QUESTION, CNAME, 60, &b),
            Fate::Answer(30),
        ),
        ("an alias without its target", alias(), Fate::Alias),
        ("an alias to what has none", alias().soa(60, 20), Fate::Answer(20)),
        ("an alias to nothing", alias().flags(3).soa(60, 20), Fate::Answer(20)),
        ("an alias and a referral", alias().authority(&z, NS, 60, &c), Fate::Dropped(Discard::Unhelpful)),
        (
            "a DNAME and its alias",
            reply().answer(&z, 39, 60, &c).answer(&QUESTION, CNAME, 60, &b).answer(&b, A, 60, &[1; 4]),
            Fate::Answer(60),
        ),
        ("aliases in a ring", alias().answer(&b, CNAME, 60, &QUESTION), Fate::Dropped(Discard::AliasLoop)),
        ("an alias of itself", reply().answer(&QUESTION, CNAME, 60, &QUESTION), Fate::Dropped(Discard::AliasLoop)),
        ("no such record", reply().soa(60, 20), Fate::Answer(20)),
        ("no such name", reply().flags(3).soa(20, 60), Fate::Answer(20)),
        ("no such name and no zone", reply().flags(3), Fate::Answer(0)),
        ("nothing at all", reply(), Fate::Answer(0)),
        (
            "a zone of somebody else (RUSTSEC-2026-0118)",
            reply().flags(3).authority(&name("elsewhere"), SOA, 60, &[&name("a")[..], &name("b"), &[0; 20]].concat()),
            Fate::Answer(0),
        ),
        (
            "a referral",
            reply().authority(&z, NS, 60, &c).additional(&c, A, 60, &[1; 4]),
            Fate::Dropped(Discard::Unhelpful),
        ),
        ("YXDOMAIN", reply().flags(6), Fate::Answer(5)),
        ("SERVFAIL", reply().flags(2), Fate::Failure),
        ("REFUSED with EDE", reply().flags(5).opt(1232, 0, &option(15, b"\0\x12")), Fate::Failure),
        (
            "more extended errors than are kept",
            reply().a(60, 1).opt(1232, 0, &[option(15, &[b'x'; 100]), option(15, b"\0\x12").repeat(60)].concat()),
            Fate::Answer(60),
        ),
        ("FORMERR without a question", Message { question: vec![], ..reply() }.flags(1), Fate::Failure),
        ("FORMERR and rubbish", Message { rest: vec![1, 2, 3], ..reply() }.flags(1), Fate::Failure),
        ("SERVFAIL that did not fit", reply().flags(2 | TC), Fate::Failure),
        ("BADVERS", reply().opt(1232, 1 << 24, &[]), Fate::Failure),
        ("BADCOOKIE", reply().flags(7).opt(1232, 1 << 24, &[]), Fate::Failure),
        ("it did not fit", reply().flags(TC).a(60, 1), Fate::Truncated),
        (
            "it did not fit and ends within a record",
            Message { rest: vec![0xc0], counts: [None, Some(1), None, None], ..reply() }.flags(TC),
            Fate::Truncated,
        ),
        ("no life", reply().a(0, 1), Fate::Answer(0)),
        ("a life with the highest bit", reply().a(0x8000_0001, 1), Fate::Answer(0)),
        ("a life of years", reply().a(0x7fff_ffff, 1), Fate::Answer(86_400)),
        (
            "no question (CVE-2026-123578)",
            Message { question: vec![], ..reply() }.a(60, 1),
            Fate::Dropped(Discard::WrongQuestion),
        ),
        (
            "two questions",
            Message { counts: [Some(2), None, None, None], ..reply() },
            Fate::Dropped(Discard::WrongQuestion),
        ),
        (
            "labels cut elsewhere (CVE-2026-123592)",
            Message { question: [&name("Ae.xample")[..], &[0, 1, 0, 1]].concat(), ..reply() },
            Fate::Dropped(Discard::WrongQuestion),
        ),
        (
            "another type",
            Message { question: [&name(ASKED)[..], &[0, 28, 0, 1]].concat(), ..reply() },
            Fate::Dropped(Discard::WrongQuestion),
        ),
        (
            "another case",
            Message { question: [&name("a.example")[..], &[0, 1, 0, 1]].concat(), ..reply() },
            Fate::Dropped(Discard::WrongCase),
        ),
        ("another id", Message { id: 1, ..reply() }, Fate::Dropped(Discard::WrongId)),
        ("a question (RUSTSEC-2023-0041)", Message::query(ASKED, A), Fate::Dropped(Discard::NotAnAnswer)),
        (
            "an address of another name (CVE-2026-123585)",
            reply().answer(&c, A, 60, &[6; 4]),
            Fate::Dropped(Discard::Unhelpful),
        ),
        ("an AAAA to an A", reply().answer(&QUESTION, AAAA, 60, &[6; 16]), Fate::Dropped(Discard::Unhelpful)),
        ("an address of three bytes", reply().answer(&QUESTION, A, 60, &[1, 2, 3]), MALFORMED),
        ("an address of sixteen bytes (musl 2017)", reply().answer(&QUESTION, A, 60, &[1; 16]), MALFORMED),
        ("an alias of one byte (CVE-2026-5172)", reply().answer(&QUESTION, CNAME, 60, &[1]), MALFORMED),
        (
            "an alias whose label crosses its end (CVE-2026-2291)",
            reply().answer(&QUESTION, CNAME, 60, b"\x05b"),
            MALFORMED,
        ),
        ("a pointer to itself (RUSTSEC-2018-0007)", reply().raw(0, record(&[0xc0, 27], A, 1, 60, &[1; 4])), MALFORMED),
        ("a pointer forward", reply().raw(0, record(&[0xc0, 200], A, 1, 60, &[1; 4])), MALFORMED),
        (
            "a name that goes through a TTL, which runs down",
            ending_in_a_ttl().answer(&IN_TTL, A, 60, &[1; 4]),
            MALFORMED,
        ),
        ("data that goes through a TTL", ending_in_a_ttl().a(60, 1).authority(&QUESTION, NS, 60, &IN_TTL), MALFORMED),
        ("a hundred and twenty-two pointers", chain_of_pointers(), Fate::Answer(60)),
        (
            "a name of 256 bytes",
            reply().raw(0, record(&[&long[..], &long, &long, &long, &[0]].concat(), A, 1, 60, &[1; 4])),
            MALFORMED,
        ),
        (
            "a name that grows over pointers (CVE-2020-25681)",
            beside(PTR, &[&long[..], &long, &long, &[52], &[b'y'; 52], &QUESTION].concat()),
            MALFORMED,
        ),
        ("more records than there are", Message { counts: [None, Some(9), None, None], ..reply() }, MALFORMED),
        (
            "as many records as can be said",
            Message { counts: [None, Some(0xffff), Some(0xffff), Some(0xffff)], ..reply() },
            MALFORMED,
        ),
        (
            "fewer records than there are",
            Message { counts: [None, Some(0), None, None], ..reply().a(60, 1) },
            MALFORMED,
        ),
        (
            "data beyond the end",
            Message {
                rest: [&QUESTION[..], &[0, 1, 0, 1, 0, 0, 0, 60, 0xff, 0xff, 1]].concat(),
                counts: [None, Some(1), None, None],
                ..reply()
            },
            MALFORMED,
        ),
        ("a byte after the end", Message { rest: vec![0], ..reply().a(60, 1) }, MALFORMED),
        ("two OPT", reply().a(60, 1).opt(1232, 0, &[]).opt(1232, 0, &[]), MALFORMED),
        ("an OPT among the answers", reply().a(60, 1).raw(0, record(&[0], OPT, 1232, 0, &[])), MALFORMED),
        ("an OPT of a name", reply().a(60, 1).raw(2, record(&b, OPT, 1232, 0, &[])), MALFORMED),
        ("NSEC with an empty window (CVE-2026-4890)", beside(47, b"\0\0\0"), MALFORMED),
        ("NSEC with a window too long", beside(47, &[&b"\0\0\x21"[..], &[1; 33]].concat()), MALFORMED),
        (
            "NSEC with meta types (CVE-2017-15908)",
            beside(47, &[&b"\0\0\x20"[..], &[0xff; 32]].concat()),
            Fate::Answer(60),
        ),
        ("RRSIG of 17 bytes (CVE-2026-4891)", beside(46, &[0; 17]), MALFORMED),
        ("RRSIG whose signer runs past its end", beside(46, &[&[0; 18][..], b"\x09a"].concat()), MALFORMED),
        ("MX to nobody (RUSTSEC-2020-0001)", beside(15, &[0, 0, 0]), Fate::Answer(60)),
        ("a name with everything in it (CVE-2026-4438)", beside(PTR, b"\x05a;/\0\x1b\0"), Fate::Answer(60)),
        ("TXT whose string is longer", beside(TXT, b"\x09ab"), MALFORMED),
        ("a record of another class", reply().a(60, 1).raw(2, record(&b, A, 3, 60, &[1, 2])), Fate::Answer(60)),
    ];
    let seventeen = (0..17_u8).fold(reply(), |reply, hop| {
        let owner = if hop == 0 { QUESTION.to_vec() } else { name(&format!("h{hop}.example")) };
        reply.answer(&owner, CNAME, 60, &name(&format!("h{}.example", hop + 1)))
    });
    let backwards = (0..16_u8).rev().fold(reply().answer(&name("h16.example"), A, 60, &[1; 4]), |reply, hop| {
        let owner = if hop == 0 { QUESTION.to_vec() } else { name(&format!("h{hop}.example")) };
        reply.answer(&owner, CNAME, 60, &name(&format!("h{}.example", hop + 1)))
    });
    replies.push(("seventeen aliases", seventeen, Fate::Dropped(Discard::AliasLoop)));
    replies.push(("sixteen aliases backwards", backwards, Fate::Answer(60)));
    let thousand = (0..1000).fold(reply().a(60, 1), |reply, at| {
        reply.additional(&name(&format!("n{at}.{}.example", "x".repeat(20))), A, 60, &[1; 4])
    });
    replies.push(("a thousand names (RUSTSEC-2026-0119)", thousand, Fate::Answer(60)));
    let large = (0..4000_u16).fold(reply(), |reply, at| {
        let [high, low] = at.to_be_bytes();
        reply.answer(&QUESTION, A, 60, &[192, 0, high, low])
    });
    replies.push(("four thousand addresses", large, Fate::Answer(60)));
    replies
}
