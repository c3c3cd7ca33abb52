//! Random questions to ours and to unbound, which ask the same server: what one answers the other does, but for what is listed.
//!
//! `ORLOP_RESOLVER_CASES=100000` asks as many, `ORLOP_RESOLVER_SEED=7` other ones.
#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use orlop_test_resolver::difference::{Case, Difference, Pair, RULES};
use orlop_test_resolver::zone::{KINDS, NAMES, TYPES, chance, pick, says};
use orlop_test_resolver::{Question, STUB, Scene, Server, end, raw, resolver, testbed, unbound};
use orlop_testbed::unpacked;

const SERVER: &str = "127.0.1.1";
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 1);

/// As many as take a third of a minute.
const CASES: u64 = 10_000;
/// After so many the rest is of no interest.
const ENOUGH: usize = 10;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |number| number.parse().unwrap())
}

/// The question of this number. Names come again, so that some of them are in the caches.
fn case(seed: u64) -> Case {
    let of = |what: &str, count: usize| pick(chance(&(seed, what)), count);
    let kind = KINDS[of("kind", KINDS.len())];
    let name = format!("{kind}{}.of.example.org", chance(&(seed, "name")) % NAMES);
    let letters = name.char_indices().map(|(at, letter)| match chance(&(seed, at)) % 8 {
        0 => letter.to_ascii_uppercase(),
        _ => letter,
    });
    let edns = of("edns", 4) > 0;
    Case {
        name: letters.collect(),
        kind: TYPES[of("type", TYPES.len())],
        edns,
        dnssec_ok: edns && of("do", 3) == 0,
        checking_disabled: of("cd", 4) == 0,
        tcp: of("tcp", 20) == 0,
    }
}

fn bytes(case: &Case) -> Vec<u8> {
    let question = Question::of(&case.name).kind(RecordType::from(case.kind));
    let mut bytes = if case.edns { question } else { question.plain() }.bytes(0x4f72);
    bytes[3] |= if case.checking_disabled { 0x10 } else { 0 };
    let flags = bytes.len() - 4;
    bytes[flags] |= if case.dnssec_ok { 0x80 } else { 0 };
    bytes
}

fn answer(at: SocketAddr, case: &Case) -> Result<Message> {
    Ok(Message::from_vec(&raw(at, &bytes(case), case.tcp)?)?)
}

/// The names of the rules that explain what differs, and what none explains.
fn judged(case: &Case, pair: &Pair<'_>) -> (Vec<&'static str>, Vec<Difference>) {
    let (mut explained, mut left) = (Vec::new(), Vec::new());
    for difference in pair.differences() {
        match RULES.iter().find(|rule| (rule.explains)(case, pair, difference)) {
            Some(rule) => explained.push(rule.name),
            None => left.push(difference),
        }
    }
    (explained, left)
}

#[test]
fn a_random_question_is_answered_as_unbound_answers_it() {
    let program = unpacked::program(unbound::UNBOUND).display().to_string();
    let Some(_) = testbed(&[&program]) else { return };
    let scene = Scene::new().unwrap();
    let _upstream = Server::start(&scene.host, SERVER, says).unwrap();
    let other = unbound::start(&scene.host, OTHER, SERVER).unwrap();
    let daemon = scene.start(&resolver().args([SERVER])).unwrap();
    let (first, count) = (number("ORLOP_RESOLVER_SEED", 0), number("ORLOP_RESOLVER_CASES", CASES));
    let compared = scene.host.inside(move || {
        let (mut unexplained, mut explained, mut alike) = (Vec::new(), BTreeMap::<_, u64>::new(), 0_u64);
        for seed in first..first + count {
            let case = case(seed);
            let (ours, theirs) = (answer(STUB, &case), answer((OTHER, 53).into(), &case));
            let (Ok(ours), Ok(theirs)) = (&ours, &theirs) else {
                unexplained.push(format!("seed {seed}: {case:?}\n{ours:?}\n{theirs:?}"));
                break;
            };
            let pair = Pair { ours, theirs };
            let (rules, left) = judged(&case, &pair);
            alike += u64::from(rules.is_empty() && left.is_empty());
            rules.into_iter().for_each(|rule| *explained.entry(rule).or_default() += 1);
            if !left.is_empty() {
                unexplained.push(format!("seed {seed}: {left:?} of {case:?}\nours:\n{ours}\ntheirs:\n{theirs}"));
            }
            if unexplained.len() >= ENOUGH {
                break;
            }
        }
        Ok((unexplained, explained, alike))
    });
    let (unexplained, explained, alike) = compared.unwrap();
    println!("{count} questions from {first}: {alike} answered alike; differences explained:");
    for (rule, times) in &explained {
        println!("  {times:>6}  {rule}");
    }
    assert!(unexplained.is_empty(), "{}\n{}\n{}", unexplained.join("\n"), daemon.text(), other.text());
    if count >= CASES {
        let needless: Vec<_> =
            RULES.iter().map(|rule| rule.name).filter(|name| !explained.contains_key(name)).collect();
        assert_eq!(needless, [""; 0], "rules that explain nothing");
    }
    end(daemon).unwrap();
}

#[test]
fn the_page_lists_what_is_meant_to_differ_and_nothing_else() {
    let page = include_str!("../../../crates/resolver/README.md");
    let (_, list) = page.split_once("### Random questions\n").unwrap();
    let listed: Vec<&str> =
        list.lines().take_while(|line| !line.starts_with('#')).filter_map(|line| line.strip_prefix("- ")).collect();
    assert_eq!(listed, RULES.iter().map(|rule| rule.name).collect::<Vec<_>>());
}
