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
    ) {
        let account = account.map(|(boot, at, settled, steps, forwards)| Account {
            boot: BootId::new(&boot).unwrap(),
            at: Instant::from_nanos(at),
            settled,
            steps: Duration::from_nanos(steps),
            forwards: Duration::from_nanos(forwards),
        });
        let state = State { drift: drift.and_then(Frequency::new), last_good: good.and_then(Utc::from_nanos), account };
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
