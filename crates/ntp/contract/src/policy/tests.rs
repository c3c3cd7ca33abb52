use core::net::Ipv4Addr;

use super::*;
use crate::{Frequency, Offset};

/// 2026-11-01, the time of the build in these tests.
const FLOOR: u64 = 1_793_491_200;
const DAY: u64 = 86_400;

fn at(secs: u64) -> Instant {
    Instant::from_nanos(0).after(Duration::from_secs(secs))
}

fn clock(secs: u64) -> Utc {
    Utc::from_secs(secs)
}

fn boot(id: &str) -> BootId {
    BootId::new(id).unwrap()
}

fn rules() -> Rules {
    Rules { floor: clock(FLOOR), one_shot: false, lone_answer_after: Some(Duration::from_secs(20)) }
}

fn peer(number: u8) -> PeerId {
    PeerId::new(number).unwrap()
}

fn server(last: u8) -> ServerAddr {
    ServerAddr::new(Ipv4Addr::new(192, 0, 2, last).into(), 123).unwrap()
}

fn connect(number: u8, last: u8) -> Request {
    Request::Connect { peer: peer(number), source: SourceId::new(0).unwrap(), server: server(last) }
}

fn step(nanos: i128, why: StepReason) -> Request {
    let agreed = [peer(0), peer(1)].into_iter().collect();
    Request::Step(Step { offset: Offset::saturating(nanos), why, agreed })
}

fn secs(secs: i64) -> i128 {
    i128::from(secs) * 1_000_000_000
}

/// A policy with two servers that have sockets.
fn with(rules: Rules, account: Option<&Account>, now: Instant) -> Policy {
    let mut policy = Policy::new(now, boot("b0"), rules, account);
    policy.learn(SourceId::new(0).unwrap(), [server(1), server(2)].into_iter().collect());
    for number in 0..2 {
        verdict(&mut policy, now, clock(FLOOR), connect(number, number + 1)).unwrap();
    }
    policy
}

fn fresh() -> Policy {
    with(rules(), None, at(0))
}

fn verdict(policy: &mut Policy, now: Instant, clock: Utc, request: Request) -> Result<(), Refusal> {
    policy.permit(now, clock, request.clone()).map(|permitted| assert_eq!(permitted.into_request(), request))
}

fn settled() -> Account {
    Account { boot: boot("b0"), at: at(0), settled: true, steps: Duration::ZERO, forwards: Duration::ZERO }
}

const BOOT: StepReason = StepReason::Majority(Occasion::Boot);

#[test]
fn the_first_majority_after_boot_sets_the_clock_wherever_it_was() {
    const YEARS: i64 = 365 * 86_400;
    let floor = i64::try_from(FLOOR).unwrap();
    for (what, shown, by, want) in [
        ("from 1970", 0, secs(floor + 100), Ok(())),
        ("from 1970 to just before the floor", 0, secs(floor - 1), Err(Refusal::BelowFloor)),
        ("from 1970 to 1970", 0, secs(100), Err(Refusal::BelowFloor)),
        ("an hour back", FLOOR + 10_000, secs(-3600), Ok(())),
        ("an hour forwards", FLOOR, secs(3600), Ok(())),
        ("an hour back, below the floor", FLOOR + 1000, secs(-3600), Err(Refusal::BelowFloor)),
        ("from 2036 to 2026", 2_085_978_496, secs(floor - 2_085_978_496), Ok(())),
        ("over the end of the first era", 2_085_978_400, secs(200), Ok(())),
        ("from 2038 to 2026", 2_147_483_648, secs(floor - 2_147_483_648), Ok(())),
        ("over 2^31 s", 2_147_483_600, secs(100), Ok(())),
        ("from 2099 to 2026", 4_070_908_800, secs(floor - 4_070_908_800), Ok(())),
        ("2^30 s forwards", FLOOR, secs(1 << 30), Ok(())),
        ("2^30 s back", FLOOR, secs(-(1 << 30)), Err(Refusal::BelowFloor)),
        ("2^31 s forwards", FLOOR, secs(1 << 31), Ok(())),
        ("2^31 s back, before 1970", FLOOR, secs(-(1 << 31)), Err(Refusal::OutOfRange)),
        ("to the last second that is believed", 0, secs((1 << 32) - 1), Ok(())),
        ("to the first that is not", 0, secs(1 << 32), Err(Refusal::OutOfRange)),
        ("101 years forwards", FLOOR, secs(101 * YEARS), Err(Refusal::OutOfRange)),
        ("as far as can be said", FLOOR, i128::from(i64::MAX), Err(Refusal::OutOfRange)),
        ("as far back as can be said", FLOOR, i128::from(i64::MIN), Err(Refusal::OutOfRange)),
        ("10 ms", FLOOR, 10_000_000, Err(Refusal::TooSmall)),
        ("more than 10 ms", FLOOR, 10_000_001, Ok(())),
        ("more than 10 ms back", FLOOR + 1, -10_000_001, Ok(())),
        ("nothing", FLOOR, 0, Err(Refusal::TooSmall)),
    ] {
        assert_eq!(verdict(&mut fresh(), at(1), clock(shown), step(by, BOOT)), want, "{what}");
    }
}

#[test]
fn backwards_needs_an_occasion_that_allows_it() {
    let majority = StepReason::Majority;
    for (what, one_shot, past, arisen, why, want) in [
        ("boot", false, false, None, BOOT, Ok(())),
        ("the one-shot run", true, true, None, majority(Occasion::OneShot), Ok(())),
        ("another start of the daemon", false, true, None, majority(Occasion::Restart), Err(Refusal::Backwards)),
        ("which calls itself a boot", false, true, None, BOOT, Err(Refusal::NoOccasion)),
        ("suspend", false, true, Some(Occasion::Suspend), majority(Occasion::Suspend), Ok(())),
        ("restore", false, true, Some(Occasion::Restore), majority(Occasion::Restore), Ok(())),
        ("the operator", false, true, Some(Occasion::Operator), majority(Occasion::Operator), Ok(())),
        (
            "a suspend that calls itself an operator",
            false,
            true,
            Some(Occasion::Suspend),
            majority(Occasion::Operator),
            Err(Refusal::NoOccasion),
        ),
        ("no reason", false, false, None, StepReason::FellBehind, Err(Refusal::Backwards)),
        ("the policy's own reason", false, false, None, StepReason::BelowFloor, Err(Refusal::NoOccasion)),
    ] {
        let account = past.then(settled);
        let mut policy = with(Rules { one_shot, ..rules() }, account.as_ref(), at(0));
        if let Some(occasion) = arisen {
            assert_eq!(policy.arise(at(1), occasion), occasion, "{what}");
        }
        assert_eq!(verdict(&mut policy, at(2), clock(FLOOR + DAY), step(secs(-60), why)), want, "{what}");
    }
}

#[test]
fn an_occasion_is_good_for_one_step() {
    let mut policy = fresh();
    assert_eq!(verdict(&mut policy, at(1), clock(FLOOR + DAY), step(secs(-60), BOOT)), Ok(()));
    assert_eq!(verdict(&mut policy, at(2), clock(FLOOR + DAY), step(secs(-60), BOOT)), Err(Refusal::NoOccasion));
    assert_eq!(policy.occasion(), None);
}

#[test]
fn who_vouches_for_the_clock_has_used_the_occasion_unless_he_cannot_have_heard_of_it() {
    let fine =
        || Request::Synchronised { est_error: Duration::ZERO, max_error: Duration::from_secs(1), leap: Leap::None };
    let mut policy = fresh();
    let _ = policy.arise(at(100), Occasion::Suspend);
    verdict(&mut policy, at(104), clock(FLOOR), fine()).unwrap();
    assert_eq!(policy.occasion(), Some(Occasion::Suspend), "it was on the way");
    verdict(&mut policy, at(105), clock(FLOOR), fine()).unwrap();
    assert_eq!(policy.occasion(), None);
}

#[test]
fn an_operators_wish_does_not_last_and_takes_the_place_of_none_that_does() {
    let mut policy = with(rules(), Some(&settled()), at(0));
    assert_eq!(policy.arise(at(1), Occasion::Operator), Occasion::Operator);
    let back = || step(secs(-60), StepReason::Majority(Occasion::Operator));
    assert_eq!(verdict(&mut policy, at(302), clock(FLOOR + DAY), back()), Err(Refusal::NoOccasion));
    let _ = policy.arise(at(400), Occasion::Operator);
    assert_eq!(verdict(&mut policy, at(700), clock(FLOOR + DAY), back()), Ok(()));
    let mut policy = fresh();
    assert_eq!(policy.arise(at(1), Occasion::Operator), Occasion::Boot, "which is still to come");
}

#[test]
fn without_an_occasion_the_clock_only_catches_up() {
    for (what, by, want) in [
        ("a second", secs(1), Err(Refusal::TooSmall)),
        ("more than a second", secs(1) + 1, Ok(())),
        ("four days", secs(4 * 86_400), Ok(())),
        ("more than four days", secs(4 * 86_400) + 1, Err(Refusal::Budget)),
    ] {
        let mut policy = with(rules(), Some(&settled()), at(0));
        assert_eq!(verdict(&mut policy, at(1), clock(FLOOR), step(by, StepReason::FellBehind)), want, "{what}");
    }
}

#[test]
fn a_restart_sets_the_clock_forwards_within_the_budget() {
    let restart = StepReason::Majority(Occasion::Restart);
    let mut policy = with(rules(), Some(&settled()), at(0));
    assert_eq!(verdict(&mut policy, at(1), clock(FLOOR), step(secs(5 * 86_400), restart)), Err(Refusal::Budget));
    assert_eq!(verdict(&mut policy, at(1), clock(FLOOR), step(20_000_000, restart)), Ok(()), "more than 10 ms will do");
}

/// CVE-2015-5300: many steps that are each small enough, and a restart before the one that is not.
#[test]
fn small_steps_and_restarts_do_not_add_up_to_a_big_one() {
    let (mut account, mut shown, mut moved) = (settled(), clock(FLOOR), 0);
    for n in 0..2_000 {
        // The daemon dies after each step, and comes back a second later.
        let mut policy = with(rules(), Some(&account), at(n));
        let why = if n % 2 == 0 { StepReason::FellBehind } else { StepReason::Majority(Occasion::Restart) };
        if verdict(&mut policy, at(n), shown, step(secs(900), why)).is_ok() {
            (shown, moved) = (shown.shifted(Offset::saturating(secs(900))).unwrap(), moved + 1);
        }
        account = policy.account(at(n));
    }
    assert_eq!(moved, 8 + 2_000 / 600, "as many as there are steps in this time");
    let mut policy = with(rules(), Some(&account), at(2_000));
    let rest = Policy::CATCH_UP.as_secs() - u64::try_from(moved).unwrap() * 900 + 2_000;
    let why = StepReason::FellBehind;
    let over = step(secs(i64::try_from(rest).unwrap() + 1), why);
    assert_eq!(verdict(&mut policy, at(2_600), shown, over), Ok(()), "ten minutes later there is more");
    let all = step(secs(4 * 86_400), why);
    assert_eq!(verdict(&mut policy, at(4_000), shown, all), Err(Refusal::Budget), "but not all of it");
}

#[test]
fn another_boot_gives_no_budget_back() {
    let spent = Account { steps: Policy::STEP_EVERY * Policy::STEP_BURST, ..settled() };
    for (what, id, now, want) in [
        ("the same, later", "b0", 601, Ok(())),
        ("the same, at once", "b0", 1, Err(Refusal::TooOften)),
        ("another", "b1", 1, Err(Refusal::TooOften)),
    ] {
        let account = Account { boot: boot(id), ..spent.clone() };
        let mut policy = with(rules(), Some(&account), at(now));
        let why = StepReason::Majority(policy.occasion().unwrap());
        assert_eq!(verdict(&mut policy, at(now), clock(FLOOR), step(secs(60), why)), want, "{what}");
    }
}

#[test]
fn a_boot_lasts_until_somebody_has_vouched_for_the_clock() {
    for (what, id, settled, want) in [
        ("the same boot, and somebody has", "b0", true, Occasion::Restart),
        ("the same boot, and nobody has", "b0", false, Occasion::Boot),
        ("another boot, and somebody had", "b1", true, Occasion::Boot),
        ("another boot, and nobody had", "b1", false, Occasion::Boot),
    ] {
        let account = Account { boot: boot(id), settled, ..self::settled() };
        assert_eq!(with(rules(), Some(&account), at(60)).occasion(), Some(want), "{what}");
    }
}

#[test]
fn a_single_answer_counts_after_a_while_and_only_where_it_may() {
    let lone = || step(secs(60), StepReason::LoneAnswer(Occasion::Boot));
    let mut policy = fresh();
    assert_eq!(verdict(&mut policy, at(19), clock(FLOOR), lone()), Err(Refusal::NoMajority));
    assert_eq!(verdict(&mut policy, at(20), clock(FLOOR), lone()), Ok(()));
    for (what, account, occasion, want) in [
        ("back, after a boot", None, Occasion::Boot, Ok(())),
        ("back, after a restart", Some(settled()), Occasion::Restart, Err(Refusal::Backwards)),
    ] {
        let mut policy = with(rules(), account.as_ref(), at(0));
        let back = step(secs(-60), StepReason::LoneAnswer(occasion));
        assert_eq!(verdict(&mut policy, at(20), clock(FLOOR + DAY), back), want, "{what}");
    }
    let mut strict = with(Rules { lone_answer_after: None, ..rules() }, None, at(0));
    assert_eq!(verdict(&mut strict, at(9_999), clock(FLOOR), lone()), Err(Refusal::NoMajority));
}

#[test]
fn who_agreed_is_somebody_who_can_be_asked() {
    let agreed = |numbers: &[u8]| {
        let agreed = numbers.iter().map(|number| peer(*number)).collect();
        Request::Step(Step { offset: Offset::from_nanos(1_000_000_000), why: BOOT, agreed })
    };
    for (what, numbers, want) in [
        ("nobody", &[][..], Err(Refusal::NobodyAgreed)),
        ("a stranger", &[0, 5], Err(Refusal::NobodyAgreed)),
        ("one", &[1], Ok(())),
    ] {
        assert_eq!(verdict(&mut fresh(), at(1), clock(FLOOR), agreed(numbers)), want, "{what}");
    }
    let mut policy = fresh();
    policy.worker_gone();
    assert_eq!(verdict(&mut policy, at(1), clock(FLOOR), agreed(&[1])), Err(Refusal::NobodyAgreed), "a new worker");
}

#[test]
fn sockets_go_to_the_addresses_of_a_source_only() {
    let mut policy = fresh();
    assert_eq!(verdict(&mut policy, at(1), clock(FLOOR), connect(2, 2)), Ok(()));
    assert_eq!(verdict(&mut policy, at(1), clock(FLOOR), connect(2, 3)), Err(Refusal::UnknownServer));
    policy.forget(SourceId::new(0).unwrap());
    assert_eq!(verdict(&mut policy, at(1), clock(FLOOR), connect(2, 2)), Err(Refusal::UnknownServer));
}

#[test]
fn only_a_clock_is_read_and_not_too_often() {
    let source = SourceId::new(1).unwrap();
    let read = || Request::Read { peer: peer(2) };
    let connect = |server| Request::Connect { peer: peer(2), source, server };
    let mut policy = fresh();
    let ask = |policy: &mut Policy, request| verdict(policy, at(1), clock(FLOOR), request);
    assert_eq!(ask(&mut policy, connect(ServerAddr::CLOCK)), Err(Refusal::UnknownServer), "there is none");
    policy.learn(source, [ServerAddr::CLOCK, server(9)].into_iter().collect());
    assert_eq!(ask(&mut policy, read()), Err(Refusal::UnknownServer), "it is nobody's yet");
    assert_eq!(ask(&mut policy, connect(ServerAddr::CLOCK)), Ok(()));
    for _ in 0..Policy::READ_BURST {
        assert_eq!(ask(&mut policy, read()), Ok(()));
    }
    assert_eq!(ask(&mut policy, read()), Err(Refusal::TooOften));
    assert_eq!(ask(&mut policy, Request::Read { peer: peer(0) }), Err(Refusal::UnknownServer), "a server's");
    assert_eq!(ask(&mut policy, connect(server(9))), Ok(()));
    assert_eq!(ask(&mut policy, read()), Err(Refusal::UnknownServer), "it is a server's now");
}

#[test]
fn the_rate_is_500_ppm_at_most_slew_included() {
    let ppm = |ppm: i32| Frequency::new(ppm << 16).unwrap();
    for (what, drift, slew, want) in [
        ("nothing", 0, 0, Ok(())),
        ("all of it", 100, 400, Ok(())),
        ("more", 101, 400, Err(Refusal::TooFast)),
        ("all of it the other way", -100, -400, Ok(())),
        ("more the other way", -101, -400, Err(Refusal::TooFast)),
        ("both at their ends", 500, 500, Err(Refusal::TooFast)),
        ("from one end to the other", 500, -500, Ok(())),
    ] {
        let request = Request::Frequency { drift: ppm(drift), slew: ppm(slew) };
        assert_eq!(request.rate(), want.is_ok().then(|| ppm(drift + slew)), "{what}");
        assert_eq!(verdict(&mut fresh(), at(1), clock(FLOOR), request), want, "{what}");
    }
}

#[test]
fn a_clock_is_vouched_for_within_reason() {
    let (millis, day) = (Duration::from_millis, 1_798_761_600 - 1);
    for (what, est, max, leap, shown, want) in [
        ("fine", 1, 20, Leap::None, FLOOR, Ok(())),
        ("likely worse than possible", 21, 20, Leap::None, FLOOR, Err(Refusal::OutOfRange)),
        ("as bad as can be", 16_000, 16_000, Leap::None, FLOOR, Ok(())),
        ("worse", 1, 16_001, Leap::None, FLOOR, Err(Refusal::OutOfRange)),
        ("in 1970", 1, 20, Leap::None, 0, Err(Refusal::BelowFloor)),
        ("a leap second in November", 1, 20, Leap::Insert, FLOOR, Err(Refusal::NoLeapDay)),
        ("a leap second at the end of 2026", 1, 20, Leap::Insert, day, Ok(())),
        ("a second less at the end of 2026", 1, 20, Leap::Delete, day, Ok(())),
        ("a leap second the day after", 1, 20, Leap::Delete, day + 1, Err(Refusal::NoLeapDay)),
    ] {
        let request = Request::Synchronised { est_error: millis(est), max_error: millis(max), leap };
        assert_eq!(verdict(&mut fresh(), at(1), clock(shown), request), want, "{what}");
    }
}

#[test]
fn a_clock_before_the_floor_begins_at_the_floor_or_at_the_last_good_time() {
    let policy = fresh();
    for (what, shown, good, want) in [
        ("right", FLOOR + 5, None, None),
        ("1970", 0, None, Some(FLOOR)),
        ("1970, and a good time", 0, Some(FLOOR + 700), Some(FLOOR + 700)),
        ("a good time before the floor", 0, Some(FLOOR - 700), Some(FLOOR)),
        ("a good time in 200 years", 0, Some(FLOOR + 200 * 365 * DAY), Some(FLOOR)),
        ("a clock that is right, and a later good time", FLOOR, Some(FLOOR + 700), None),
    ] {
        let step = policy.first_step(clock(shown), good.map(clock)).map(Permitted::into_request);
        let begins = match step {
            Some(Request::Step(step)) => clock(shown).shifted(step.offset),
            other => other.map(|_| panic!("only steps")),
        };
        assert_eq!(begins, want.map(clock), "{what}");
    }
}

#[test]
fn a_talkative_worker_is_slowed_and_then_no_longer_trusted() {
    let mut policy = fresh();
    let mut ask = || verdict(&mut policy, at(1), clock(FLOOR), Request::Unsynchronised);
    let outcomes: Vec<_> = (0..=Policy::FREQUENCY_BURST + Policy::DENIAL_BURST).map(|_| ask()).collect();
    let (burst, rest) = outcomes.split_at(Policy::FREQUENCY_BURST as usize);
    assert!(burst.iter().all(Result::is_ok));
    let (last, slowed) = rest.split_last().unwrap();
    assert!(slowed.iter().all(|outcome| *outcome == Err(Refusal::TooOften)));
    assert_eq!(*last, Err(Refusal::TooManyDenials));
}

#[test]
fn keys_are_exchanged_for_sources_that_are_asked_with_nts_and_not_often() {
    let mut policy = fresh();
    let (source, other) = (SourceId::new(0).unwrap(), SourceId::new(1).unwrap());
    let exchange = |source, at: Option<u64>| Request::Exchange { source, at: at.map(clock) };
    assert_eq!(verdict(&mut policy, at(0), clock(FLOOR), exchange(source, None)), Err(Refusal::NotSecured));
    policy.secure(source);
    for (what, request, want) in [
        ("by the clock", exchange(source, None), Ok(())),
        ("by what a majority says", exchange(source, Some(FLOOR + DAY)), Ok(())),
        ("before the floor", exchange(source, Some(FLOOR - 1)), Err(Refusal::BelowFloor)),
        ("after the horizon", exchange(source, Some(1 << 33)), Err(Refusal::OutOfRange)),
        ("another source", exchange(other, None), Err(Refusal::NotSecured)),
    ] {
        assert_eq!(verdict(&mut policy, at(0), clock(FLOOR), request), want, "{what}");
    }
    let again = (0..Policy::EXCHANGE_BURST)
        .filter(|_| verdict(&mut policy, at(0), clock(FLOOR), exchange(source, None)).is_ok());
    assert_eq!(again.count(), 30, "two of the burst are spent");
    let later = at(Policy::EXCHANGE_EVERY.as_secs());
    assert_eq!(verdict(&mut policy, later, clock(FLOOR), exchange(source, None)), Ok(()));
    assert_eq!(verdict(&mut policy, later, clock(FLOOR), exchange(source, None)), Err(Refusal::TooOften));
    policy.forget(source);
    assert_eq!(verdict(&mut policy, at(9999), clock(FLOOR), exchange(source, None)), Err(Refusal::NotSecured));
}
