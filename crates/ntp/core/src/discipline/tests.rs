use orlop_ntp_contract::Leap;

use super::*;

fn at(secs: u64) -> Instant {
    Instant::from_nanos(0).after(Duration::from_secs(secs))
}

fn wall(secs: u64) -> Utc {
    Utc::from_secs(1_793_491_200 + secs)
}

fn peer(number: u8) -> PeerId {
    PeerId::new(number).unwrap()
}

fn sample(offset: i64, delay: Duration) -> Sample {
    let (zero, at) = (Duration::ZERO, at(0));
    Sample {
        at,
        offset: Offset::from_nanos(offset),
        delay,
        stratum: 1,
        leap: Leap::None,
        root_delay: zero,
        root_dispersion: zero,
        precision: zero,
    }
}

fn filter(drift: Frequency) -> Discipline {
    let mut filter = Discipline::new(drift);
    filter.add(peer(0), PollRange::USUAL);
    filter.usable(peer(0), true);
    filter
}

/// A sample every 16 s; returns all that was wished.
fn feed(filter: &mut Discipline, offsets: &[i64], delay: Duration) -> Vec<Wishes> {
    let feed = |(n, offset): (u64, &i64)| filter.sample(at(16 * n), wall(16 * n), peer(0), &sample(*offset, delay));
    (1..).zip(offsets).map(feed).collect()
}

#[test]
fn it_steers_from_the_eighth_sample_on_and_towards_the_server() {
    let mut filter = filter(Frequency::ZERO);
    let wishes = feed(&mut filter, &[5_000_000; 12], Duration::from_millis(20));
    assert!(wishes[..7].iter().all(|wishes| wishes.rate.is_none()), "{wishes:?}");
    let rates: Vec<(Frequency, Frequency)> = wishes.iter().filter_map(|wishes| wishes.rate).collect();
    assert!(rates.iter().any(|(_, slew)| *slew > Frequency::ZERO), "the clock is behind: {rates:?}");
    assert!(filter.offset(peer(0)).is_some_and(|offset| offset.nanos() > 4_000_000));
}

#[test]
fn a_slew_ends_and_leaves_the_drift() {
    let mut filter = filter(Frequency::ZERO);
    let _ = feed(&mut filter, &[5_000_000; 8], Duration::from_millis(20));
    let until = filter.deadline().expect("5 ms are slewed");
    assert_eq!(filter.advance(at(129), wall(129)), Wishes::default(), "not yet");
    let over = filter.advance(until, wall(999));
    assert!(over.rate.is_some_and(|(_, slew)| slew == Frequency::ZERO), "{over:?}");
    assert_eq!(filter.deadline(), None);
}

#[test]
fn what_it_must_not_see_it_does_not_see() {
    let mut filter = filter(Frequency::ZERO);
    let mut give = |secs: u64, number: u8, offset: i64| {
        let _ = filter.sample(at(secs), wall(secs), peer(number), &sample(offset, Duration::from_millis(20)));
        filter.sources[&peer(0)].samples
    };
    for (what, secs, number, offset, want) in [
        ("a second", 1, 0, 1_000_000_000, 1),
        ("more than a second", 2, 0, 1_000_000_001, 1),
        ("as much as can be said", 2, 0, i64::MIN, 1),
        ("a second back", 2, 0, -1_000_000_000, 2),
        ("the same moment again", 2, 0, 0, 2),
        ("a moment before", 1, 0, 0, 2),
        ("somebody who is not there", 3, 1, 0, 2),
    ] {
        assert_eq!(give(secs, number, offset), want, "{what}");
    }
}

/// A server that shows round trips below nothing makes them all the same, and so its noise nothing.
#[test]
fn round_trips_that_are_all_the_same_do_no_harm() {
    for delay in [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(2)] {
        for jumps in
            [[0, 0, 0], [1_000_000_000, 1_000_000_000, 1_000_000_000], [-7, 0, 7], [0, 1_000_000_000, -1_000_000_000]]
        {
            let mut filter = filter(Frequency::ZERO);
            filter.add(peer(1), PollRange::USUAL);
            filter.usable(peer(1), true);
            let mut errors = Vec::new();
            for n in 1..3_000_u64 {
                let (secs, number) = (n / 2 * 64 + n % 2, u8::try_from(n % 2).unwrap());
                let sample = sample(jumps[usize::try_from(n / 9 % 3).unwrap()], delay);
                errors.extend(filter.sample(at(secs), wall(secs), peer(number), &sample).error);
                errors.extend(filter.advance(at(secs), wall(secs)).error);
            }
            assert!(errors.len() > 1_000 && errors.iter().all(|error| error.as_secs() < 60), "{delay:?} {jumps:?}");
        }
    }
}

#[test]
fn extremes_in_any_order_are_survived() {
    let extremes = [1_000_000_000, -1_000_000_000, 0, 1, -1, 999_999_999];
    let mut filter = filter(Frequency::MAX);
    for n in 1..2_000_u64 {
        let offset = extremes[usize::try_from(n * n % 7 % 6).unwrap()];
        let delay = Duration::from_micros(n * 7919 % 2_000_000);
        // A minute, and sometimes a year.
        let secs = n * 64 + n / 100 * 31_536_000;
        let wishes = filter.sample(at(secs), wall(secs), peer(0), &sample(offset, delay));
        if let Some((drift, slew)) = wishes.rate {
            assert!(drift.plus(slew).is_some(), "{drift} {slew}");
        }
        let _ = filter.advance(at(secs + 1), wall(secs + 1));
    }
}

#[test]
fn a_restart_forgets_all_but_the_sources() {
    let mut filter = filter(Frequency::ZERO);
    let _ = feed(&mut filter, &[5_000_000; 9], Duration::from_millis(20));
    let drift = Frequency::new(-65_536).unwrap();
    filter.restart(drift);
    assert_eq!((filter.deadline(), filter.drift, filter.offset(peer(0))), (None, drift, None));
    let wishes = feed(&mut filter, &[0; 9], Duration::from_millis(20));
    assert!(wishes.iter().any(|wishes| wishes.error.is_some()), "and its sources are usable as before");
    assert_eq!(filter.poll(peer(0)), Some(PollRange::USUAL.min()));
    filter.remove(peer(0));
    assert_eq!(filter.poll(peer(0)), None);
}

#[test]
fn rates_are_rounded_to_the_kernels_unit() {
    for (what, rate, want) in [
        ("20 ppm", 20e-6, 20 << 16),
        ("the smallest unit", 1.6e-11, 1),
        ("less than half of it", 0.7e-11, 0),
        ("beyond the end", 1.0, 500 << 16),
        ("beyond the other end", f64::NEG_INFINITY, -(500 << 16)),
        ("no number", f64::NAN, 0),
    ] {
        assert_eq!(frequency(rate).scaled(), want, "{what}");
    }
}

#[test]
fn samples_of_before_are_known_and_nothing_is_wished_about_them() {
    let (offset, delay) = (5_000_000, Duration::from_millis(20));
    for (remembered, knows) in [(0, false), (6, false), (7, true)] {
        let mut filter = filter(Frequency::ZERO);
        for n in 1..=remembered {
            filter.remember(wall(16 * n), peer(0), &Sample { at: at(16 * n), ..sample(offset, delay) });
        }
        assert_eq!(filter.deadline(), None, "{remembered} remembered");
        let wishes = filter.sample(at(999), wall(999), peer(0), &sample(offset, delay));
        assert_eq!(wishes.rate.is_some(), knows, "{remembered} remembered: {wishes:?}");
    }
}

#[test]
fn what_is_added_to_round_trips_so_that_they_differ_does_not_grow() {
    let mut filter = filter(Frequency::ZERO);
    let _ = feed(&mut filter, &[0; 2000], Duration::from_millis(20));
    let delay = filter.sources[&peer(0)].controller.observe().delay.as_seconds_nanos();
    assert!(delay.0 == 0 && (20_000_000..20_001_000).contains(&delay.1), "{delay:?}");
}

#[test]
fn the_filters_clocks_show_what_they_are_told() {
    let recorder = Recorder::new(Frequency::ZERO);
    recorder.set_now(timestamp(wall(7)));
    assert_eq!(recorder.now(), Ok(timestamp(wall(7))));
    let zero = NtpInstant::now();
    for secs in [0, 7 * 86_400, 3652 * 86_400] {
        let passed = monotonic(zero, at(secs)).abs_diff(zero).as_seconds_nanos();
        assert_eq!(passed, (i32::try_from(secs).unwrap(), 0));
    }
    let longest = at(36_525 * 86_400);
    assert_eq!(monotonic(zero, Instant::from_nanos(u64::MAX)), monotonic(zero, longest), "a hundred years");
}

#[test]
fn a_panic_shows_what_the_filter_is_about() {
    assert_eq!(format!("{:?}", filter(Frequency::ZERO)), "Discipline { drift: +0.000, slew_until: None, last: None }");
}
