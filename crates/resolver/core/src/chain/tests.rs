use super::*;
use crate::record::CLASS_IN;

/// What was asked for: the addresses of `a`, which stands behind a header of zeros.
const ASKED: &[u8] = b"\x01a\0";

/// A record: its owner, its type, and where an alias leads.
type Answer = (&'static str, u16, &'static str);

fn name(text: &str) -> Vec<u8> {
    if text.is_empty() { vec![0] } else { [&[u8::try_from(text.len()).unwrap()], text.as_bytes(), &[0]].concat() }
}

fn message(answers: &[Answer]) -> Vec<u8> {
    let mut message = [&[0; 12], ASKED].concat();
    for (owner, kind, target) in answers {
        let data = match *kind {
            kind::A => vec![192, 0, 2, 1],
            kind::RRSIG => [&[0; 18][..], &name("")].concat(),
            _ => name(target),
        };
        let fields = [*kind, CLASS_IN, 0, 60, u16::try_from(data.len()).unwrap()].map(u16::to_be_bytes).concat();
        message.extend([name(owner), fields, data].concat());
    }
    message
}

fn records<'m>(message: &'m [u8], answers: &[Answer]) -> Vec<Record<'m>> {
    let mut at = 12 + ASKED.len();
    let read = answers.iter().map(|_| {
        let record = Record::read(message, at).unwrap();
        at = record.end();
        record
    });
    read.collect()
}

fn followed<T>(kind: u16, answers: &[Answer], look: impl FnOnce(Option<Chain<'_>>, Vec<Record<'_>>) -> T) -> T {
    let message = message(answers);
    let records = records(&message, answers);
    look(Chain::follow(Name::read(&message, 12).unwrap().0, kind, &records), records)
}

const fn a(owner: &'static str) -> Answer {
    (owner, kind::A, "")
}

const fn alias(owner: &'static str, target: &'static str) -> Answer {
    (owner, kind::CNAME, target)
}

const fn signature(owner: &'static str) -> Answer {
    (owner, kind::RRSIG, "")
}

fn text(name: Name<'_>) -> String {
    name.labels().map(|label| String::from_utf8_lossy(label).into_owned()).collect()
}

#[test]
fn aliases_lead_to_a_name_that_has_records_or_has_none() {
    for (what, kind, answers, target, has_data) in [
        ("nothing", kind::A, &[][..], None, false),
        ("an address", kind::A, &[a("a")], None, true),
        ("an address of another", kind::A, &[a("b")], None, false),
        ("another type", kind::AAAA, &[a("a")], None, false),
        ("an alias", kind::A, &[alias("a", "b")], Some("b"), false),
        ("an alias and its address", kind::A, &[alias("a", "b"), a("b")], Some("b"), true),
        ("an alias and the address of another", kind::A, &[alias("a", "b"), a("c")], Some("b"), false),
        ("an address beside an alias", kind::A, &[alias("a", "b"), a("a")], Some("b"), false),
        ("an alias of an alias", kind::A, &[alias("b", "c"), a("c"), alias("a", "b")], Some("c"), true),
        ("an alias of another", kind::A, &[alias("b", "c"), a("a")], None, true),
        ("the alias itself", kind::CNAME, &[alias("a", "b")], None, true),
    ] {
        let found = followed(kind, answers, |chain, _| {
            let chain = chain.unwrap();
            (chain.target.map(text), chain.has_data)
        });
        assert_eq!(found, (target.map(str::to_owned), has_data), "{what}");
    }
}

#[test]
fn an_answer_that_is_about_something_else_is_beside_the_question() {
    for (what, answers, want) in [
        ("nothing", &[][..], false),
        ("the address", &[a("a")], false),
        ("an address of another", &[a("b")], true),
        ("the address and one of another", &[a("b"), a("a")], false),
        ("an alias and an address of another", &[alias("a", "b"), a("c")], false),
        ("an alias of another", &[alias("b", "c")], false),
        ("a signature alone", &[signature("a")], false),
        ("a signature and an address of another", &[signature("a"), a("b")], true),
    ] {
        assert_eq!(followed(kind::A, answers, |chain, _| chain.unwrap().is_beside), want, "{what}");
    }
}

#[test]
fn aliases_that_go_round_or_are_too_many_lead_nowhere() {
    const NAMES: [&str; 18] =
        ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r"];
    let chain = |count: usize| NAMES.windows(2).take(count).map(|two| alias(two[0], two[1])).collect::<Vec<_>>();
    for (what, answers, leads) in [
        ("to itself", vec![alias("a", "a")], false),
        ("round", vec![alias("a", "b"), alias("b", "a")], false),
        ("sixteen", chain(16), true),
        ("seventeen", chain(17), false),
    ] {
        assert_eq!(followed(kind::A, &answers, |chain, _| chain.is_some()), leads, "{what}");
    }
}

#[test]
fn aliases_come_before_what_they_lead_to() {
    let good = [alias("a", "b"), alias("b", "c"), a("c")];
    for (what, answers, in_order, sorted) in [
        ("as it should be", &good[..], true, "ab c"),
        ("no alias", &[a("b"), a("a"), a("b")], true, " b a b"),
        ("with signatures", &[alias("a", "b"), signature("a"), a("b"), signature("b")], true, "a a b b"),
        ("two addresses", &[alias("a", "b"), a("b"), a("b")], true, "a b b"),
        ("one of somebody else at the end", &[alias("a", "b"), a("b"), alias("x", "y")], true, "a bx"),
        ("an address of somebody else at the start", &[a("x"), alias("a", "b"), a("b")], true, "a x b"),
        ("the address first", &[a("c"), alias("a", "b"), alias("b", "c")], false, "ab c"),
        ("the address first, and its signature", &[a("b"), signature("b"), alias("a", "b")], false, "a b b"),
        ("the address between", &[alias("a", "b"), a("c"), alias("b", "c")], false, "ab c"),
        ("the aliases turned round", &[alias("b", "c"), alias("a", "b"), a("c")], false, "ab c"),
    ] {
        let found = followed(kind::A, answers, |chain, mut records| {
            let chain = chain.unwrap();
            chain.put_in_order(&mut records);
            let shown = |record: &Record<'_>| {
                let space = if record.kind == kind::CNAME { "" } else { " " };
                format!("{space}{}", text(record.owner))
            };
            (chain.in_order, records.iter().map(shown).collect::<String>())
        });
        assert_eq!(found, (in_order, sorted.to_owned()), "{what}");
    }
}

#[test]
fn a_dname_stays_with_the_aliases_and_not_behind_the_addresses() {
    let answers = [a("b"), alias("a", "b"), ("x", kind::DNAME, "y")];
    let kinds = followed(kind::A, &answers, |chain, mut records| {
        chain.unwrap().put_in_order(&mut records);
        records.iter().map(|record| record.kind).collect::<Vec<_>>()
    });
    assert_eq!(kinds, [kind::CNAME, kind::DNAME, kind::A]);
}
