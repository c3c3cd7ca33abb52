use super::*;
use orlop_machine::Seed;

fn at(millis: u64) -> Instant {
    Instant::from_nanos(0).after(Duration::from_millis(millis))
}

#[test]
fn each_wait_for_an_offer_lies_in_its_range() {
    let mut chance = Chance::new(Seed::from_bytes([5; 32]));
    for (attempt, from, to) in [
        (1, 750, 1_250),
        (2, 3_000, 5_000),
        (3, 7_000, 9_000),
        (4, 15_000, 17_000),
        (5, 31_000, 33_000),
        (6, 63_000, 65_000),
        (7, 63_000, 65_000),
        (u32::MAX, 63_000, 65_000),
    ] {
        for _ in 0..200 {
            let wait = discover(attempt, &mut chance).as_millis();
            assert!((from..=to).contains(&wait), "attempt {attempt}: {wait} ms");
        }
    }
}

#[test]
fn waits_differ_from_one_another() {
    let mut chance = Chance::new(Seed::from_bytes([5; 32]));
    let waits: std::collections::BTreeSet<_> = (0..50).map(|_| discover(1, &mut chance)).collect();
    assert!(waits.len() > 40, "{waits:?}");
}

#[test]
fn an_offer_is_given_up_after_about_seven_seconds() {
    let mut chance = Chance::new(Seed::from_bytes([5; 32]));
    let total: Duration = (1..=REQUEST_ATTEMPTS).map(|attempt| request(attempt, &mut chance)).sum();
    assert!((Duration::from_millis(6_250)..=Duration::from_millis(7_750)).contains(&total), "{total:?}");
}

#[test]
fn a_lease_is_asked_for_half_way_to_its_limit_but_not_in_a_rush() {
    let secs = |n| Duration::from_secs(n);
    for (what, left, whole, want) in [
        ("a day, far away", Some(36_000), Some(86_400), 18_000),
        ("a day, near the end", Some(30), Some(86_400), 60),
        ("an hour, near the end", Some(30), Some(3_600), 60),
        ("two minutes", Some(45), Some(120), 22),
        ("two minutes, near the end", Some(4), Some(120), 7),
        ("eight seconds, near the end", Some(1), Some(8), 1),
        ("already over", Some(0), Some(8), 1),
        ("without an end", None, None, 60),
    ] {
        let limit = left.map(|left| at(0).after(secs(left)));
        assert_eq!(extend(at(0), limit, whole.map(secs)).as_secs(), want, "{what}");
    }
}

#[test]
fn the_back_off_doubles_from_nothing_to_a_minute() {
    let waits: Vec<u64> = (0..9).map(|strikes| back_off(strikes).as_secs()).collect();
    assert_eq!(waits, [0, 1, 2, 4, 8, 16, 32, 60, 60]);
    assert_eq!(back_off(u32::MAX), MINUTE);
}

#[test]
fn the_pace_holds_in_every_minute() {
    let mut pace = Pace::new();
    let sent: Vec<Instant> = (0..6_000).map(|n| at(n * 100)).filter(|now| pace.allows(*now)).collect();
    for from in &sent {
        let minute = sent.iter().filter(|at| *at >= from && at.since(*from) < MINUTE).count();
        assert!(minute <= MAX_MESSAGES_PER_MINUTE, "{minute} after {from:?}");
    }
    assert_eq!(sent.len(), 15 + 299, "the burst, then one every two seconds");
}

#[test]
fn a_quiet_time_earns_no_more_than_the_burst() {
    let mut pace = Pace::new();
    let sent = (0..100).filter(|_| pace.allows(at(86_400_000))).count();
    assert_eq!(sent, usize::try_from(BURST).unwrap());
}

#[test]
fn the_policy_of_the_broker_allows_every_message_of_this_pace() {
    use orlop_dhcp_contract::Policy;
    let (burst, every) = (BURST, EVERY);
    assert!(burst < Policy::MESSAGE_BURST && every > Policy::MESSAGE_EVERY);
}
