use proptest::prelude::*;

use super::*;

const WHOLE: &str = "orlop-ntp-state 1\ndrift -131072\ngood 1793500000000000000\nboot 0d8a-ff\nat 5000\nsettled yes\nsteps-spent 600\nforwards-spent 0\n";

#[test]
fn a_whole_file_is_read_and_written() {
    let state = State::parse(WHOLE).unwrap();
    assert_eq!(state.drift, Frequency::new(-131_072));
    assert_eq!(state.last_good, Utc::from_nanos(1_793_500_000_000_000_000));
    assert_eq!(state.account.as_ref().map(|account| (account.settled, account.steps.as_nanos())), Some((true, 600)));
    assert_eq!(state.render(), WHOLE);
}

const SAMPLE: &str = "sample 192.0.2.1:123 61000000000 -9999999 2 1 20000000 10000000 1000000\n";

#[test]
fn samples_are_read_and_written_as_many_as_there_are_servers() {
    let whole = format!("{WHOLE}{}", SAMPLE.repeat(MAX_PEERS));
    let state = State::parse(&whole).unwrap();
    assert_eq!((state.samples.len(), state.render()), (MAX_PEERS, whole.clone()));
    assert_eq!(State::parse(&format!("{whole}{SAMPLE}")), Err(StateError::TooMany));
}

#[test]
fn samples_count_as_long_as_nobody_has_set_the_clock() {
    let seconds = |secs: i64| Utc::from_nanos(1_793_500_000_000_000_000 + secs * 1_000_000_000).unwrap();
    let millis = |at: Utc, millis: i64| at.saturating_shifted(Offset::from_nanos(millis * 1_000_000));
    let at = |secs: u64| Instant::from_nanos(secs * 1_000_000_000);
    let (ours, other) = (BootId::new("0d8a-ff").unwrap(), BootId::new("0d8a-fe").unwrap());
    let written = WHOLE.replace("at 5000", "at 62000000000");
    let state = State::parse(&format!("{written}{SAMPLE}")).unwrap();
    for (what, now, boot, clock, want) in [
        ("at once", at(62), &ours, seconds(0), 1),
        ("a while later", at(72), &ours, seconds(10), 1),
        ("as late as may be", at(125), &ours, seconds(63), 1),
        ("too late", at(126), &ours, seconds(64), 0),
        ("another run of the machine", at(72), &other, seconds(10), 0),
        ("written in the future", at(61), &ours, seconds(-1), 0),
        ("the clock runs a little faster", at(72), &ours, millis(seconds(10), 100), 1),
        ("or slower", at(72), &ours, millis(seconds(10), -100), 1),
        ("somebody has set it", at(72), &ours, millis(seconds(10), 101), 0),
        ("somebody has set it back", at(72), &ours, millis(seconds(10), -101), 0),
    ] {
        assert_eq!(state.samples_as_of(now, boot, clock).len(), want, "{what}");
    }
    let early = SAMPLE.replace("61000000000", "62000000001");
    for (what, text) in [
        ("no account", format!("{TITLE}\ngood 1793500000000000000\n{SAMPLE}")),
        ("no good time", format!("{written}{SAMPLE}").replace("good 1793500000000000000\n", "")),
        ("an answer of after it was written", format!("{written}{early}")),
    ] {
        let state = State::parse(&text).unwrap();
        assert_eq!(state.samples_as_of(at(63), &ours, seconds(1)).len(), 0, "{what}");
    }
}

#[test]
fn what_is_not_a_state_file_is_refused() {
    let long = format!("{TITLE}\nfuture {}\n", "x".repeat(MAX_STATE));
    for (what, text, want) in [
        ("nothing", "", Err(StateError::NoTitle)),
        ("another version", "orlop-ntp-state 2\n", Err(StateError::NoTitle)),
        ("only a title", "orlop-ntp-state 1\n", Ok(State::default())),
        ("a key from the future", "orlop-ntp-state 1\nmood sunny\n", Ok(State::default())),
        ("cut", "orlop-ntp-state 1\ndri", Err(StateError::NoValue)),
        ("drift beyond 500 ppm", "orlop-ntp-state 1\ndrift 32768001\n", Err(StateError::BadValue { key: "drift" })),
        ("drift of a float", "orlop-ntp-state 1\ndrift 1.5\n", Err(StateError::BadValue { key: "drift" })),
        ("a time before 1970", "orlop-ntp-state 1\ngood -1\n", Err(StateError::BadValue { key: "good" })),
        ("no sample", "orlop-ntp-state 1\nsample 192.0.2.1:123\n", Err(StateError::BadValue { key: "sample" })),
        ("twice", "orlop-ntp-state 1\ndrift 1\ndrift 1\n", Err(StateError::Twice { key: "drift" })),
        ("half a budget", "orlop-ntp-state 1\nboot a\nat 1\n", Err(StateError::Incomplete)),
        ("a boot of no hexadecimal", "orlop-ntp-state 1\nboot x\n", Err(StateError::BadValue { key: "boot" })),
        ("as long as may be", &long[..MAX_STATE], Ok(State::default())),
        ("too long", &long, Err(StateError::TooLong { len: long.len() })),
    ] {
        assert_eq!(State::parse(text), want, "{what}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read(
        drift in prop::option::of(-32_768_000..=32_768_000),
        good in prop::option::of(0..=i64::MAX),
        account in prop::option::of(("[0-9a-f-]{1,36}", any::<u64>(), any::<bool>(), any::<u64>(), any::<u64>())),
        samples in prop::collection::vec("192\\.0\\.2\\.[1-9]:[1-9][0-9]{0,3} [1-9][0-9]{0,17} -?[1-9][0-9]{0,6} [1-9] [0-2] 1 [1-9][0-9]{0,8} 3", 0..=MAX_PEERS),
    ) {
        let account = account.map(|(boot, at, settled, steps, forwards)| Account {
            boot: BootId::new(&boot).unwrap(),
            at: Instant::from_nanos(at),
            settled,
            steps: Duration::from_nanos(steps),
            forwards: Duration::from_nanos(forwards),
        });
        let (drift, last_good) = (drift.and_then(Frequency::new), good.and_then(Utc::from_nanos));
        let state = State { drift, last_good, account, samples: samples.iter().filter_map(|line| Handover::parse(line)).collect() };
        let text = state.render();
        prop_assert!(text.len() <= MAX_STATE / 2, "{}", text.len());
        prop_assert_eq!(State::parse(&text), Ok(state));
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "(orlop-ntp-state 1\n)?([a-z-]{1,14} [0-9a-z-]{0,20}\n){0,8}.{0,20}") {
        if let Ok(state) = State::parse(&text) {
            prop_assert_eq!(State::parse(&state.render()), Ok(state));
        }
    }
}
