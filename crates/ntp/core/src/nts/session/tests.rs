use orlop_machine::Seed;
use orlop_ntp_contract::Timestamp;

use super::*;
use crate::packet::{Packet, question};

const SOURCE: u8 = 2;

fn at(secs: u64) -> Instant {
    Instant::from_nanos(secs * 1_000_000_000)
}

fn utc(secs: u64) -> Utc {
    Utc::from_secs(secs)
}

fn source() -> SourceId {
    SourceId::new(SOURCE).unwrap()
}

fn server() -> ServerAddr {
    ServerAddr::new([192, 0, 2, 1].into(), 123).unwrap()
}

fn keys(number: ExchangeId, checked: u64, cookies: usize) -> Keys {
    let cookies = (0..cookies).map(|_| Cookie::new(&[1; 100]).unwrap()).collect();
    Keys {
        number,
        source: source(),
        checked: utc(checked),
        c2s: Secret::new([1; 32]),
        s2c: Secret::new([1; 32]),
        cookies,
    }
}

fn first() -> ExchangeId {
    ExchangeId::default().next()
}

/// A session with keys since `now`, whose certificate was checked at 1000.
fn keyed(now: u64, cookies: usize) -> Session {
    let mut session = Session::new(at(0), source());
    assert_eq!(session.due(), Some(at(0)));
    assert_eq!(session.order(at(now)), None);
    assert_eq!(session.due(), None, "it is on its way");
    assert_eq!(session.arrived(at(now), keys(first(), 1000, cookies)), None);
    assert_eq!(session.named(at(now), first(), server()), Some(server()));
    session
}

/// Asks, and gives what the server, which has the same key both ways here, would answer.
fn asked(session: &mut Session, chance: &mut Chance) -> Option<(Vec<u8>, Unique)> {
    session.seal(&question(Timestamp::from_bits(7)), chance)
}

fn opens(session: &mut Session, datagram: &[u8], unique: &Unique) -> Result<(), Discard> {
    session.open(datagram, Packet::parse(datagram).unwrap().extensions, unique)
}

fn chance() -> Chance {
    Chance::new(Seed::from_bytes([3; 32]))
}

#[test]
fn keys_and_the_place_of_their_server_find_each_other_in_any_order() {
    let mut session = Session::new(at(0), source());
    let _ = session.order(at(0));
    assert_eq!(session.named(at(1), first().next(), server()), None);
    assert_eq!(session.arrived(at(1), keys(first(), 1000, 8)), None, "of another exchange");
    assert!(asked(&mut session, &mut chance()).is_none());
    assert_eq!(session.arrived(at(2), keys(first().next(), 1000, 8)), Some(server()));
    assert_eq!(session.status().cookies, 8);
    assert_eq!(session.status().state, NtsState::Keyed);
}

#[test]
fn keys_that_are_lost_on_their_way_are_asked_for_again() {
    let mut session = Session::new(at(0), source());
    let _ = session.order(at(0));
    assert_eq!(session.named(at(1), first(), server()), None);
    assert_eq!(session.due(), Some(at(11)), "they may be here in a moment");
    let _ = session.order(at(11));
    assert_eq!(session.due(), None, "it is on its way");
    assert_eq!(session.arrived(at(12), keys(first(), 1000, 8)), None, "of the exchange before");
    // This one had to wait for others.
    assert_eq!(session.named(at(40), first().next(), server()), None);
    assert_eq!(session.due(), Some(at(50)));
    assert_eq!(session.arrived(at(41), keys(first().next(), 1000, 8)), Some(server()));
    assert_eq!(session.due(), Some(at(41 + 28 * 86_400)));
}

#[test]
fn a_renewal_that_fails_leaves_the_keys_in_use_as_they_were() {
    let mut session = keyed(0, 8);
    let (packet, unique) = asked(&mut session, &mut chance()).unwrap();
    assert_eq!(opens(&mut session, &packet, &unique), Ok(()));
    let _ = session.order(at(20));
    assert_eq!(session.status().state, NtsState::Exchanging);
    assert!(!session.refused(Refusal::KeyExchange(KeyFailure::Slow)));
    assert_eq!(session.status().state, NtsState::Protected);
    let _ = session.order(at(40));
    assert!(session.refused(Refusal::KeyExchange(KeyFailure::Expired)));
    assert_eq!(session.status().state, NtsState::NoKeys);
}

#[test]
fn each_cookie_is_shown_once_and_then_keys_are_exchanged_again() {
    let mut session = keyed(0, 3);
    let mut chance = chance();
    let sizes: Vec<usize> =
        std::iter::from_fn(|| asked(&mut session, &mut chance)).map(|(packet, _)| packet.len()).collect();
    // Each asks for as many as are missing.
    assert_eq!(sizes, [228 + 5 * 104, 228 + 6 * 104, 228 + 7 * 104], "with a place holder each");
    assert_eq!(session.due(), Some(at(10)), "not at once: nothing has proven these keys");
}

#[test]
fn a_good_answer_is_proof_and_the_next_exchange_is_weeks_away() {
    let mut session = keyed(0, 8);
    let mut chance = chance();
    let (packet, unique) = asked(&mut session, &mut chance).unwrap();
    assert_eq!(opens(&mut session, &packet, &Unique::from_bytes([0; 32])), Err(Discard::Forged), "another question's");
    assert_eq!(opens(&mut session, &packet[..HEADER], &unique), Err(Discard::Unprotected));
    assert_eq!(session.status().state, NtsState::Intercepted);
    assert_eq!(opens(&mut session, &packet, &unique), Ok(()));
    assert_eq!(session.status().state, NtsState::Protected);
    assert_eq!(session.due(), Some(at(28 * 86_400)));
}

#[test]
fn after_failures_the_time_between_two_exchanges_grows() {
    let mut session = Session::new(at(0), source());
    let (mut now, mut waits) = (at(0), Vec::new());
    for _ in 0..20 {
        let _ = session.order(now);
        assert!(!session.refused(Refusal::KeyExchange(KeyFailure::Slow)));
        let due = session.due().unwrap();
        waits.push(due.since(now).as_secs());
        now = due;
    }
    assert_eq!(waits[..5], [10, 15, 22, 33, 50]);
    assert!(waits.iter().all(|wait| *wait <= RETRY_AT_MOST.as_secs()), "{waits:?}");
    assert_eq!(waits[19], 3600);
    assert_eq!(session.status().failure, Some(KeyFailure::Slow));
    // A network that comes says nothing of a server that was there, but of one that could not be reached.
    session.came_online(at(0));
    assert_eq!(session.due(), Some(now));
    let _ = session.order(now);
    let _ = session.refused(Refusal::KeyExchange(KeyFailure::Unreachable));
    session.came_online(now);
    assert_eq!(session.due(), Some(now));
}

#[test]
fn a_nak_is_believed_when_the_next_question_is_not_answered_either() {
    let mut chance = chance();
    let mut session = keyed(0, 8);
    let _ = asked(&mut session, &mut chance);
    session.nak();
    assert_eq!(session.due(), Some(at(28 * 86_400)), "not yet");
    let (packet, unique) = asked(&mut session, &mut chance).unwrap();
    assert_eq!(opens(&mut session, &packet, &unique), Ok(()));
    session.nak();
    let _ = asked(&mut session, &mut chance);
    session.nak();
    assert_eq!(session.due(), Some(at(10)), "a second one");
    let mut session = keyed(0, 8);
    let _ = asked(&mut session, &mut chance);
    session.nak();
    let _ = asked(&mut session, &mut chance);
    let _ = asked(&mut session, &mut chance);
    assert_eq!(session.due(), Some(at(10)), "or silence");
}

#[test]
fn a_certificate_is_checked_again_at_the_time_that_a_majority_says() {
    let day = 86_400;
    let mut session = keyed(0, 8);
    assert!(session.confirmed(at(5), utc(1005)));
    assert!(session.confirmed(at(5), utc(1005 + 3600)), "an hour is the same time");
    assert!(session.confirmed(at(2 * day), utc(1000 + 2 * day)), "time passes");
    assert_eq!(session.due(), Some(at(28 * day)), "so that nothing has to be checked again");
    assert!(!session.confirmed(at(5), utc(1000 + 9 * day)));
    assert_eq!(session.due(), Some(at(5)), "at once");
    assert_eq!(session.order(at(5)), Some(utc(1000 + 9 * day)));
    assert_eq!(session.arrived(at(6), keys(first().next(), 1000 + 9 * day, 8)), None);
    assert_eq!(session.named(at(6), first().next(), server()), Some(server()));
    assert!(session.confirmed(at(7), utc(1000 + 9 * day)));
    // Somebody who tells another time each time does not have us exchange keys all the time.
    assert!(!session.confirmed(at(8), utc(1000 + 20 * day)));
    assert_eq!(session.due(), Some(at(20)));
}

#[test]
fn keys_of_a_certificate_that_is_not_valid_then_are_thrown_away() {
    for (failure, thrown) in [(KeyFailure::Expired, true), (KeyFailure::NotYetValid, true), (KeyFailure::Slow, false)] {
        let mut session = keyed(0, 8);
        let _ = session.order(at(20));
        assert_eq!(session.refused(Refusal::KeyExchange(failure)), thrown, "{failure}");
        assert_eq!(asked(&mut session, &mut chance()).is_none(), thrown, "{failure}");
    }
}

#[test]
fn keys_outlive_a_decision_only_if_their_certificate_was_checked_within_an_hour_of_it() {
    for (what, decided, kept) in [
        ("that very time", 1100, true),
        ("an hour later", 1100 + 3600, true),
        ("a second more", 1100 + 3601, false),
        ("most of an hour earlier", 1, true),
        ("years later", 1_000_000_000, false),
    ] {
        // Checked at 1000, a hundred seconds ago.
        let mut session = keyed(0, 8);
        assert_eq!(session.decided(at(100), utc(decided)), !kept, "{what}");
        assert_eq!(session.status().cookies, if kept { 8 } else { 0 }, "{what}");
        assert_eq!(session.status().state, if kept { NtsState::Keyed } else { NtsState::NoKeys }, "{what}");
        assert_eq!(session.due(), Some(if kept { at(28 * 86_400) } else { at(10) }), "{what}: or else at once");
    }
}

#[test]
fn keys_that_a_decision_has_ended_are_exchanged_no_more_often_than_after_a_failure() {
    let mut session = keyed(0, 8);
    let _ = session.order(at(20));
    let _ = session.refused(Refusal::KeyExchange(KeyFailure::Slow));
    assert!(session.decided(at(21), utc(1_000_000)));
    assert_eq!(session.due(), Some(at(35)), "15 s after the last, as it was");
}

#[test]
fn what_another_majority_had_said_is_forgotten_once_the_time_is_decided() {
    let mut session = keyed(0, 8);
    assert!(!session.confirmed(at(1), utc(900_000)));
    assert!(!session.confirmed(at(2), utc(1_000_000)));
    assert_eq!(session.due(), Some(at(1)), "the next exchange is at once");
    let mut other = keyed(0, 8);
    assert!(!other.confirmed(at(1), utc(900_000)));
    assert!(!other.confirmed(at(2), utc(1_000_000)));
    assert_eq!(other.order(at(2)), Some(utc(1_000_000)), "at what was said last");
    assert!(!session.decided(at(3), utc(1003)));
    assert_eq!(session.due(), Some(at(28 * 86_400)));
}
