use core::time::Duration;

use orlop_machine::{Backoff, STABLE_AFTER};

use super::*;

const DAY: Duration = Duration::from_secs(86_400);
/// What a daemon may write in a day after its first burst.
const A_DAY: u64 = 50_000_000;

fn at(since: Duration) -> Instant {
    Instant::from_nanos(0).after(since)
}

/// Writes as many lines of this kind and length as there is room for at `now`, and one more. Gives the bytes written.
fn flood(volume: &mut Volume, kind: Kind, len: usize, now: Instant) -> u64 {
    let mut written = 0;
    loop {
        match volume.take(kind, len, now) {
            Verdict::Write => written += len as u64,
            Verdict::WriteAfter(_) => written += len as u64 + COUNT,
            Verdict::LeaveOut => return written,
        }
    }
}

#[test]
fn whatever_is_written_a_day_has_no_more_than_fifty_megabytes_after_the_burst() {
    let all = [Kind::Relayed, Kind::Ordinary, Kind::Error];
    for (what, kinds, len) in [
        ("a worker that floods", &all[..1], 1024),
        ("what peers make the broker say", &all[1..2], 80),
        ("errors of the broker", &all[2..], 200),
        ("everything at once", &all, 1024),
        ("everything at once, in short lines", &all, 20),
    ] {
        let (mut volume, mut written, mut first) = (Volume::first(), 0, 0);
        for second in 0..=DAY.as_secs() {
            let now = at(Duration::from_secs(second));
            let more: u64 = kinds.iter().map(|kind| flood(&mut volume, *kind, len, now)).sum();
            if second == 0 {
                first = more;
            }
            written += more;
        }
        assert!(first <= BURST, "{what}: {first} bytes at once");
        assert!(written - first > 1_000_000, "{what}: the log is not silent for ever: {written}");
        assert!(written - first <= DAY.as_secs() * PER_SECOND, "{what}: {written} bytes");
    }
}

/// A line with which a process ends is always written: no peer decides on its length.
const LAST_WORDS: u64 = 300;

#[test]
fn a_daemon_that_is_made_to_fail_all_day_writes_no_more_either() {
    // A set that fails at once for so many times, and then runs for just long enough that its back-off begins anew.
    for quick in 0..12 {
        let mut backoff = Backoff::new(Duration::from_millis(100));
        let mut supervisor = Volume::supervisor();
        let (mut now, mut written, mut failures) = (Duration::ZERO, 0, 0);
        // Its first burst is over.
        flood(&mut supervisor, Kind::Ordinary, 120, at(now));
        while now < DAY {
            for ran in std::iter::repeat_n(Duration::ZERO, quick).chain([STABLE_AFTER]) {
                let mut broker = Volume::anew();
                for kind in [Kind::Relayed, Kind::Ordinary, Kind::Error] {
                    written += flood(&mut broker, kind, 80, at(now));
                    written += flood(&mut broker, kind, 80, at(now + ran));
                }
                written += LAST_WORDS + flood(&mut supervisor, Kind::Ordinary, 120, at(now + ran));
                now += ran + backoff.after(ran);
                failures += 1;
            }
        }
        assert!(written <= A_DAY, "{quick} quick failures: {written} bytes by {failures} sets");
    }
}

#[test]
fn a_flood_of_one_kind_does_not_hide_another() {
    let kinds = [Kind::Relayed, Kind::Ordinary, Kind::Error];
    for flooded in kinds {
        let mut volume = Volume::first();
        flood(&mut volume, flooded, 100, at(Duration::ZERO));
        for other in kinds.into_iter().filter(|other| *other != flooded) {
            assert_eq!(volume.take(other, 100, at(Duration::ZERO)), Verdict::Write, "{flooded:?} and {other:?}");
        }
    }
}

#[test]
fn what_is_left_out_is_counted_once() {
    let mut volume = Volume::anew();
    let lines = flood(&mut volume, Kind::Relayed, 100, at(Duration::ZERO)) / 100;
    assert_eq!(lines, 7, "a quarter of 3 KiB");
    for _ in 0..9 {
        assert_eq!(volume.take(Kind::Relayed, 100, at(Duration::ZERO)), Verdict::LeaveOut);
    }
    // 37 bytes a second: 2 KiB are there after 54 s, with the 68 that were left.
    assert_eq!(volume.take(Kind::Relayed, 100, at(Duration::from_secs(53))), Verdict::LeaveOut);
    let told = LeftOut { lines: 11, bytes: 1100 };
    assert_eq!(volume.take(Kind::Relayed, 100, at(Duration::from_secs(54))), Verdict::WriteAfter(told));
    assert_eq!(volume.take(Kind::Relayed, 100, at(Duration::from_secs(54))), Verdict::Write);
    assert_eq!(volume.untold(), LeftOut::default());
    flood(&mut volume, Kind::Ordinary, 1000, at(Duration::from_secs(54)));
    assert_eq!(volume.untold(), LeftOut { lines: 1, bytes: 1000 });
}

#[test]
fn a_clock_that_stands_or_goes_back_gives_nothing() {
    let mut volume = Volume::anew();
    let later = at(Duration::from_secs(100));
    flood(&mut volume, Kind::Error, 50, later);
    for now in [later, at(Duration::ZERO)] {
        assert_eq!(volume.take(Kind::Error, 50, now), Verdict::LeaveOut);
    }
}
