//! Single answers: each bends one rule, and what becomes of it.

use orlop_lookup_contract::{Counters, Discard, NameId, Place, ServerCount, ServerId, Transport};
use orlop_lookup_core::answer::{Header, MAX_DATAGRAM, Reply};
use orlop_lookup_core::question::Kind;
use orlop_lookup_core::{Action, Event, Lookups};
use orlop_machine::{Instant, Machine as _, Seed};
use orlop_wire::DomainName;

use crate::message::{A, AAAA, CNAME, Message, NAME, name, pointer};

/// What becomes of an answer to the question for IPv4 addresses of [`NAME`].
pub(crate) fn read(bytes: &[u8], kind: Kind, transport: Transport) -> (Result<Reply, Discard>, Counters) {
    let mut counters = Counters::default();
    let name = DomainName::new(NAME).unwrap();
    let reply =
        Header::parse(bytes, transport).and_then(|header| Reply::parse(bytes, &header, &name, kind, &mut counters));
    (reply, counters)
}

fn said(message: &Message, kind: Kind) -> String {
    match read(&message.bytes(), kind, Transport::Udp).0 {
        Ok(Reply::Addresses(addresses, lifetime)) => {
            let words: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            format!("{} for {}", words.join(" "), u32::from(lifetime))
        }
        Ok(reply) => format!("{reply:?}"),
        Err(discard) => discard.to_string(),
    }
}

fn a() -> Message {
    Message::new(7, A)
}

/// Answers that can be used: (what, message, what it says).
pub(crate) fn good() -> Vec<(&'static str, Message, &'static str)> {
    let many = (1..=20).fold(a(), |message, last| message.a(NAME, last));
    let sixteen = "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 192.0.2.7 192.0.2.8 192.0.2.9 192.0.2.10 \
                   192.0.2.11 192.0.2.12 192.0.2.13 192.0.2.14 192.0.2.15 192.0.2.16 for 300";
    let chain = |links: u8| {
        let link = |n: u8| if n == 0 { NAME.to_owned() } else { format!("c{n}.example") };
        (0..links).fold(a(), |message, n| message.alias(&link(n), &link(n + 1))).a(&link(links), 1)
    };
    vec![
        ("one address", a().a(NAME, 1), "192.0.2.1 for 300"),
        ("two addresses and one twice", a().a(NAME, 2).a(NAME, 1).a(NAME, 2), "192.0.2.2 192.0.2.1 for 300"),
        ("more than anybody uses", many, sixteen),
        ("none", a(), "NoAddress"),
        ("no such name", a().code(3), "NoSuchName"),
        ("an alias of what is not there", a().code(3).alias(NAME, "b.example"), "NoSuchName"),
        (
            "an owner that points at the question",
            a().record_of(&pointer(12), A, 1, 300, &[192, 0, 2, 1]),
            "192.0.2.1 for 300",
        ),
        ("another case", a().a("A.EXAMPLE", 1), "192.0.2.1 for 300"),
        (
            "a question in another case",
            a().question([&name("A.eXample")[..], &[0, 1, 0, 1]].concat()).a(NAME, 1),
            "192.0.2.1 for 300",
        ),
        ("an alias", a().alias(NAME, "b.example").a("b.example", 1), "192.0.2.1 for 300"),
        ("the alias after the address", a().a("b.example", 1).alias(NAME, "b.example"), "192.0.2.1 for 300"),
        (
            "an alias that points back",
            a().record(NAME, CNAME, 300, &[&[1, b'b'][..], &pointer(14)].concat()).a("b.example", 1),
            "192.0.2.1 for 300",
        ),
        ("an alias and nothing else", a().alias(NAME, "b.example"), "NoAddress"),
        ("an address that nothing leads to", a().a("b.example", 1), "NoAddress"),
        (
            "an address beside an alias counts for the alias alone",
            a().a(NAME, 9).alias(NAME, "b.example").a("b.example", 1),
            "192.0.2.1 for 300",
        ),
        ("sixteen aliases", chain(16), "192.0.2.1 for 300"),
        (
            "the shortest life of the chain",
            a().record(NAME, CNAME, 90, &name("b.example")).a("b.example", 1),
            "192.0.2.1 for 90",
        ),
        (
            "the shortest life of the addresses",
            a().a(NAME, 1).record(NAME, A, 80, &[192, 0, 2, 2]),
            "192.0.2.1 192.0.2.2 for 80",
        ),
        ("no life", a().record(NAME, A, 0, &[192, 0, 2, 1]), "192.0.2.1 for 60"),
        (
            "the highest bit of a life",
            a().a(NAME, 2).record(NAME, A, 0x8000_0001, &[192, 0, 2, 1]),
            "192.0.2.2 192.0.2.1 for 60",
        ),
        ("a long life", a().record(NAME, A, 0x7fff_ffff, &[192, 0, 2, 1]), "192.0.2.1 for 86400"),
        (
            "signatures and texts between",
            a().record(NAME, 46, 300, &[1; 40]).a(NAME, 1).record(NAME, 16, 300, b"\x02hi"),
            "192.0.2.1 for 300",
        ),
        (
            "a record of another class",
            a().record_of(&name(NAME), A, 3, 300, &[192, 0, 2, 9]).a(NAME, 1),
            "192.0.2.1 for 300",
        ),
        ("an address of the other kind", a().record(NAME, AAAA, 300, &[0x20; 16]), "NoAddress"),
        (
            "what no host can have",
            a().record(NAME, A, 300, &[0; 4]).record(NAME, A, 300, &[255; 4]).a(NAME, 1),
            "192.0.2.1 for 300",
        ),
        ("a block list's nobody", a().record(NAME, A, 300, &[0; 4]), "NoAddress"),
        (
            "as many records as are looked at",
            (0..255).fold(a(), |message, _| message.record_of(&[0], 16, 1, 300, &[])).a(NAME, 1),
            "192.0.2.1 for 300",
        ),
        ("damage behind the answers", Message { rest: vec![0xc0; 40], ..a().a(NAME, 1) }, "192.0.2.1 for 300"),
        ("it did not fit", a().truncated().a(NAME, 1), "Truncated"),
        ("not even the question fits", Message { answers: Some(9), ..a().truncated() }, "Truncated"),
        ("SERVFAIL", a().code(2), "Failure"),
        ("REFUSED", a().code(5), "Failure"),
        ("FORMERR without a question", a().code(1).question(Vec::new()), "Failure"),
        ("SERVFAIL that did not fit", a().code(2).truncated(), "Failure"),
    ]
}

/// Answers that are dropped: (what, message, why).
pub(crate) fn bad() -> Vec<(&'static str, Message, Discard)> {
    let question = |name: Vec<u8>, kind: u16, class: u16| {
        a().question([name, kind.to_be_bytes().to_vec(), class.to_be_bytes().to_vec()].concat()).a(NAME, 1)
    };
    let end = u16::try_from(a().bytes().len()).unwrap();
    let ring = a().alias(NAME, "b.example").alias("b.example", "c.example").alias("c.example", NAME);
    let chain = (0..17_u8).fold(a(), |message, n| {
        let link = |n: u8| if n == 0 { NAME.to_owned() } else { format!("c{n}.example") };
        message.alias(&link(n), &link(n + 1))
    });
    let many = (0..257).fold(a(), |message, _| message.record_of(&[0], 16, 1, 300, &[]));
    // Each name is as long as a name can be made by pointing at the one before.
    let long = [&[63][..], &[b'x'; 63]].concat().repeat(4);
    vec![
        ("a question", Message { flags: 0x0100, ..a() }, Discard::NotAnAnswer),
        ("a notification", Message { flags: 0xa180, ..a() }, Discard::NotAnAnswer),
        ("no question (CVE-2026-123578)", a().question(Vec::new()).a(NAME, 1), Discard::WrongQuestion),
        (
            "a question that is only announced",
            Message { questions: Some(1), ..a().question(Vec::new()) },
            Discard::Malformed,
        ),
        ("two questions", Message { questions: Some(2), ..a().a(NAME, 1) }, Discard::WrongQuestion),
        ("another name", question(name("b.example"), A, 1), Discard::WrongQuestion),
        ("a longer name", question(name("x.a.example"), A, 1), Discard::WrongQuestion),
        ("a shorter name", question(name("example"), A, 1), Discard::WrongQuestion),
        ("labels cut elsewhere", question(name("a.exampl.e"), A, 1), Discard::WrongQuestion),
        ("a dot within a label", question(b"\x09a.example\0".to_vec(), A, 1), Discard::WrongQuestion),
        ("another kind", question(name(NAME), AAAA, 1), Discard::WrongQuestion),
        ("another class", question(name(NAME), A, 3), Discard::WrongQuestion),
        (
            "another name, refused",
            a().code(5).question([&name("b.example")[..], &[0, 1, 0, 1]].concat()),
            Discard::WrongQuestion,
        ),
        ("fewer records than announced", Message { answers: Some(2), ..a().a(NAME, 1) }, Discard::Malformed),
        ("records that are only announced", Message { answers: Some(u16::MAX), ..a() }, Discard::TooLarge),
        ("more records than looked at", many, Discard::TooLarge),
        ("an address of three bytes", a().record(NAME, A, 300, &[192, 0, 2]), Discard::Malformed),
        ("an address of sixteen bytes (musl, 2017)", a().record(NAME, A, 300, &[1; 16]), Discard::Malformed),
        ("an address of no bytes", a().record(NAME, A, 300, &[]), Discard::Malformed),
        (
            "data beyond the end",
            a().raw(&[&name(NAME)[..], &[0, 1, 0, 1, 0, 0, 1, 44, 0xff, 0xff, 192, 0, 2, 1]].concat()),
            Discard::Malformed,
        ),
        ("a record that ends in its type", a().raw(&[0, 0]), Discard::Malformed),
        ("an alias of one byte (CVE-2026-5172)", a().record(NAME, CNAME, 300, &[3]), Discard::Malformed),
        ("an alias of no bytes", a().record(NAME, CNAME, 300, &[]), Discard::Malformed),
        (
            "an alias whose last label crosses its end (CVE-2026-2291)",
            a().record(NAME, CNAME, 300, &[1, b'b', 9, b'x']).a(NAME, 1),
            Discard::Malformed,
        ),
        (
            "an alias and a byte more",
            a().record(NAME, CNAME, 300, &[&name("b.example")[..], &[0]].concat()),
            Discard::Malformed,
        ),
        (
            "an alias that points at itself",
            a().record_of(&pointer(12), CNAME, 1, 300, &pointer(end + 12)),
            Discard::Malformed,
        ),
        (
            "an owner that points at itself",
            a().record_of(&pointer(end), A, 1, 300, &[192, 0, 2, 1]),
            Discard::Malformed,
        ),
        (
            "an owner that points ahead",
            a().record_of(&pointer(end + 2), A, 1, 300, &[192, 0, 2, 1]),
            Discard::Malformed,
        ),
        (
            "a label of 64 bytes",
            a().record_of(&[&[64][..], &[b'x'; 64], &[0]].concat(), A, 1, 300, &[192, 0, 2, 1]),
            Discard::Malformed,
        ),
        (
            "a name of 256 bytes",
            a().record_of(&[&long[..], &[0]].concat(), A, 1, 300, &[192, 0, 2, 1]),
            Discard::Malformed,
        ),
        ("a name without an end", a().raw(&[1, b'x']), Discard::Malformed),
        ("aliases in a ring", ring, Discard::AliasLoop),
        ("an alias of itself", a().alias(NAME, NAME), Discard::AliasLoop),
        ("seventeen aliases", chain, Discard::AliasLoop),
    ]
}

#[test]
fn what_an_answer_says_is_what_is_read() {
    for (what, message, want) in good() {
        assert_eq!(said(&message, Kind::A), want, "{what}");
    }
}

#[test]
fn what_is_no_answer_is_dropped_for_its_own_reason() {
    for (what, message, want) in bad() {
        assert_eq!(said(&message, Kind::A), want.to_string(), "{what}");
    }
}

#[test]
fn an_ipv6_address_is_read_as_one() {
    let v6 = |last: u8| [&[0x20, 0x01, 0x0d, 0xb8][..], &[0; 11], &[last]].concat();
    let message = Message::new(7, AAAA);
    for (what, message, want) in [
        ("one", message.clone().record(NAME, AAAA, 300, &v6(1)), "2001:db8::1 for 300"),
        (
            "IPv4 as IPv6",
            message.clone().record(NAME, AAAA, 300, &[&[0; 10][..], &[255; 2], &[192, 0, 2, 1]].concat()),
            "NoAddress",
        ),
        (
            "link-local",
            message.clone().record(NAME, AAAA, 300, &[&[0xfe, 0x80][..], &[0; 13], &[1]].concat()),
            "NoAddress",
        ),
        ("of four bytes", message.clone().record(NAME, AAAA, 300, &[192, 0, 2, 1]), "malformed"),
        ("IPv4 where IPv6 was asked for", message.a(NAME, 1), "NoAddress"),
    ] {
        assert_eq!(said(&message, Kind::Aaaa), want, "{what}");
    }
}

#[test]
fn what_is_left_out_of_an_answer_is_counted() {
    let many = (1..=20).fold(a().record(NAME, A, 300, &[0; 4]), |message, last| message.a(NAME, last));
    // An address of the kind that was not asked for is none of these, whatever it is.
    let many = many.record(NAME, A, 300, &[255; 4]).record(NAME, AAAA, 300, &[0; 16]);
    let (_, counters) = read(&many.bytes(), Kind::A, Transport::Udp);
    assert_eq!((counters.of(Discard::Excess), counters.of(Discard::NotAHost), counters.total()), (4, 2, 6));
}

#[test]
fn a_message_that_ends_anywhere_is_dropped() {
    let whole = a().alias(NAME, "b.example").a("b.example", 1).bytes();
    for end in 0..whole.len() {
        let (reply, _) = read(&whole[..end], Kind::A, Transport::Udp);
        assert_eq!(reply, Err(Discard::Malformed), "of {end} bytes");
    }
}

#[test]
fn a_stream_may_bring_more_than_a_datagram() {
    for (length, udp, tcp) in [(MAX_DATAGRAM, true, true), (MAX_DATAGRAM + 1, false, true), (65_536, false, false)] {
        let mut bytes = a().a(NAME, 1).bytes();
        bytes.resize(length, 0);
        for (transport, ok) in [(Transport::Udp, udp), (Transport::Tcp, tcp)] {
            let (reply, _) = read(&bytes, Kind::A, transport);
            assert_eq!(reply.is_ok(), ok, "{length} bytes by {transport:?}");
            assert!(ok || reply == Err(Discard::TooLarge));
        }
    }
}

#[test]
fn whatever_is_dropped_and_every_failure_of_a_server_is_counted_by_its_name() {
    let (now, id) = (Instant::from_nanos(1), NameId::new(0).unwrap());
    let place = Place { id, server: ServerId::new(0).unwrap(), transport: Transport::Udp };
    let mut lookups = Lookups::new(Seed::from_bytes([7; 32]));
    let mut question = Vec::new();
    for event in [
        Event::Servers(ServerCount::new(1).unwrap()),
        Event::Wanted(id, DomainName::new(NAME).unwrap()),
        Event::Connected(place),
    ] {
        for action in lookups.handle(now, event) {
            if let Action::Send(_, bytes) = action {
                question = bytes;
            }
        }
    }
    let number = u16::from_be_bytes([question[0], question[1]]);
    let elsewhere = Place { id: NameId::new(1).unwrap(), ..place };
    let aaaa = |id: u16| Message::new(id, AAAA);
    for (what, from, message, discard) in [
        ("somewhere else", elsewhere, aaaa(number), Discard::Unasked),
        ("another number", place, aaaa(!number), Discard::Unasked),
        ("another question", place, Message::new(number, A), Discard::WrongQuestion),
        ("a failure", place, aaaa(number).code(2), Discard::ServerFailure),
    ] {
        let before = lookups.discards().of(discard);
        let total = lookups.discards().total();
        let _ = lookups.receive(now, from, &message.bytes());
        assert_eq!((lookups.discards().of(discard), lookups.discards().total()), (before + 1, total + 1), "{what}");
    }
}
