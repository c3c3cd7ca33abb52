//! A wall clock's time as text: RFC 3339, in UTC, with milliseconds.

use std::fmt::Write as _;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// `ms` milliseconds after 1970, as in `2026-11-27T08:48:48.123Z`. From the year 10,000 on it stays at the last moment that
/// RFC 3339 can write.
pub(super) fn rfc3339(ms: u64) -> String {
    let ms = ms.min(253_402_300_799_999);
    let (year, month, day) = date(ms / DAY_MS);
    let rest = ms % DAY_MS;
    let (hour, minute, second, milli) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60, rest % 1000);
    let mut text = String::with_capacity(24);
    // Writing to a String cannot fail.
    let _ = write!(text, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z");
    text
}

/// The date that is `days` after 1970-01-01, in the Gregorian calendar.
fn date(days: u64) -> (u64, u64, u64) {
    // From 0000-03-01 on, so that the leap day is the last of its year; 400 years are always 146,097 days.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Months from March on have 31, 30, 31, 30 and 31 days, and so on: 153 days in five of them.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_rfc_3339_writes_it() {
        for (what, ms, want) in [
            ("the beginning", 0, "1970-01-01T00:00:00.000Z"),
            ("the last of a day", 86_399_999, "1970-01-01T23:59:59.999Z"),
            ("a leap day", 951_782_400_000, "2000-02-29T00:00:00.000Z"),
            ("the day after it", 951_868_800_000, "2000-03-01T00:00:00.000Z"),
            ("the end of a leap year", 1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
            ("a century without a leap day", 4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            ("some day", 1_795_769_328_123, "2026-11-27T08:48:48.123Z"),
            ("the last that can be written", 253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            ("one later", 253_402_300_800_000, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(ms), want, "{what}");
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut last = date(0);
        for days in 1..200_000 {
            let (year, month, day) = date(days);
            let is_leap = last.0.is_multiple_of(4) && (!last.0.is_multiple_of(100) || last.0.is_multiple_of(400));
            let length = match last.1 {
                2 if is_leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            let want = match last {
                (year, 12, 31) => (year + 1, 1, 1),
                (year, month, day) if day == length => (year, month + 1, 1),
                (year, month, day) => (year, month, day + 1),
            };
            assert_eq!((year, month, day), want);
            last = want;
        }
    }
}
