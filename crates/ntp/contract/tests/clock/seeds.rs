//! The fuzz targets of this package: their committed seeds are replayed, and most of them are made here.

use core::time::Duration;

use orlop_harness::seeds::{self, Seed, Target};
use orlop_ntp_contract::{Frequency, Leap, Occasion, Offset, PeerId, Request, SourceId, Step, StepReason};
use orlop_wire::{encode, max_size};

use crate::driven::{FLOOR, server};
use crate::targets;

const TARGETS: [Target; 2] = [("ntp_clock_request", targets::clock_request), ("ntp_state", targets::state)];

#[test]
fn every_committed_seed_is_replayed() {
    seeds::replay(&TARGETS);
}

#[test]
fn every_seed_that_is_made_here_is_committed() {
    let conversations = conversations().into_iter().map(|(name, bytes, _)| Seed::new("ntp_clock_request", name, bytes));
    let states = STATES.iter().map(|(name, text)| Seed::new("ntp_state", name, text.as_bytes().to_vec()));
    seeds::committed(&conversations.chain(states).collect::<Vec<_>>());
}

#[test]
fn the_conversations_set_the_clock_as_often_as_they_should() {
    for (name, bytes, made) in conversations() {
        assert_eq!(targets::play(&bytes), made, "{name}");
    }
}

fn asked(request: &Request) -> Vec<u8> {
    let mut buffer = vec![0; max_size::<Request>()];
    let frame = encode(request, &mut buffer).unwrap();
    [&[7, u8::try_from(frame.len()).unwrap()], frame].concat()
}

fn step(nanos: i64, why: StepReason) -> Vec<u8> {
    let agreed = [PeerId::new(0).unwrap()].into_iter().collect();
    asked(&Request::Step(Step { offset: Offset::from_nanos(nanos), why, agreed }))
}

/// A name, a conversation, and how often it sets the clock.
fn conversations() -> Vec<(&'static str, Vec<u8>, u32)> {
    const SECOND: i64 = 1_000_000_000;
    let source = SourceId::new(0).unwrap();
    let connect = asked(&Request::Connect { peer: PeerId::new(0).unwrap(), source, server: server(1) });
    let (boot, behind) = (StepReason::Majority(Occasion::Boot), StepReason::FellBehind);
    // How the machine begins: a number of BEGINNINGS.
    let begins = |start: u8, rest: &[Vec<u8>]| [vec![start], connect.clone(), rest.concat()].concat();
    let restart = || vec![1, 0];
    let wait = |tens: u8| vec![0, tens];
    let floor = i64::try_from(FLOOR).unwrap();
    let settled =
        |leap| asked(&Request::Synchronised { est_error: Duration::ZERO, max_error: Duration::from_millis(20), leap });
    let vouched = settled(Leap::None);
    let ppm = |ppm: i32| Frequency::new(ppm << 16).unwrap();
    let small = [wait(100), step(900 * SECOND, behind), restart(), connect.clone()].concat();
    vec![
        ("from 1970", begins(0, &[step(86_400 * SECOND, boot)]), 1),
        ("back to 1970", begins(1, &[step(-floor * SECOND, boot)]), 0),
        ("over the end of the era", begins(3, &[step(100 * SECOND, boot)]), 1),
        ("over the end of 31 bits", begins(4, &[step(100 * SECOND, boot)]), 1),
        ("from 2099", begins(5, &[step((floor + 5 - 4_070_908_800) * SECOND, boot)]), 1),
        ("from 2262", begins(6, &[step(i64::MIN, boot)]), 0),
        ("the ends of 64 bits", begins(1, &[step(i64::MAX, boot), step(i64::MIN, boot)]), 0),
        ("2 to the 30 s and back", begins(1, &[step(SECOND << 30, boot), step(-SECOND << 30, boot)]), 1),
        ("2 to the 31 s and back", begins(1, &[step(SECOND << 31, boot), step(-SECOND << 31, boot)]), 1),
        ("small steps and restarts (CVE-2015-5300)", begins(1, &[vouched.clone(), small.repeat(40)]), 40),
        (
            "small steps, then a big one (CVE-2015-5300)",
            begins(1, &[vouched.clone(), small.repeat(40), step(5 * 86_400 * SECOND, behind)]),
            40,
        ),
        (
            "back after a restart",
            begins(2, &[wait(1), vouched.clone(), restart(), connect.clone(), step(-60 * SECOND, boot)]),
            0,
        ),
        (
            "back after a suspend",
            begins(2, &[wait(1), vouched, vec![2, 0], step(-60 * SECOND, StepReason::Majority(Occasion::Suspend))]),
            1,
        ),
        ("a leap second in November", begins(1, &[settled(Leap::Insert)]), 0),
        ("faster than allowed", begins(1, &[asked(&Request::Frequency { drift: ppm(400), slew: ppm(101) })]), 0),
        ("as fast as allowed", begins(1, &[asked(&Request::Frequency { drift: ppm(400), slew: ppm(100) })]), 0),
        (
            "a socket to a stranger",
            begins(1, &[asked(&Request::Connect { peer: PeerId::new(1).unwrap(), source, server: server(9) })]),
            0,
        ),
        ("nobody agreed", [vec![1], step(60 * SECOND, boot)].concat(), 0),
        ("no message", vec![1, 7, 3, 9, 9, 9], 0),
        ("a number that is too long", vec![1, 7, 3, 0x83, 0x00, 0], 0),
        ("cut", vec![1, 7, 200, 0], 0),
    ]
}

const STATES: &[(&str, &str)] = &[
    (
        "whole",
        "orlop-ntp-state 1\ndrift -131072\ngood 1793500000000000000\nboot 0d8a-ff\nat 5000\nsettled yes\nsteps-spent 600\nforwards-spent 0\n",
    ),
    (
        "from a one-shot run",
        "orlop-ntp-state 1\ngood 1793500000000000000\nboot 0d8a-ff\nat 62000000000\nsettled yes\nsteps-spent 600\nforwards-spent 0\nsample 192.0.2.1:123 61000000000 -9999999 2 1 20000000 10000000 1000000\n",
    ),
    ("a sample that would set the clock", "orlop-ntp-state 1\nsample 192.0.2.1:123 61000000000 10000001 2 0 1 1 1\n"),
    ("only a title", "orlop-ntp-state 1\n"),
    ("drift beyond 500 ppm", "orlop-ntp-state 1\ndrift -34275328\n"),
    ("twice", "orlop-ntp-state 1\ndrift 1\ndrift 2\n"),
    ("cut in the middle", "orlop-ntp-state 1\ngood 17935000"),
    ("half a budget", "orlop-ntp-state 1\nboot 0d8a\nsettled yes\n"),
    ("a time of 2262", "orlop-ntp-state 1\ngood 9223372036854775807\n"),
    ("a time beyond it", "orlop-ntp-state 1\ngood 9223372036854775808\n"),
    ("nothing", ""),
];
