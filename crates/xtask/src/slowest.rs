//! How long each test took, from what `cargo test` prints: on stable it does not say so itself.
//!
//! Tests of a program start in the order of their names, as many at once as there are threads, and the next whenever one has
//! ended; a line about each arrives when it ends. So the moment at which a test began is known once all have ended.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many are named.
const NAMED: usize = 3;

/// The tests of one or several programs, one after the other.
#[derive(Debug)]
pub(crate) struct Durations {
    threads: usize,
    /// When the program that runs now began.
    began: Instant,
    /// The tests of that program which have ended, in this order.
    ended: Vec<(String, Instant)>,
    slowest: Vec<(Duration, String)>,
}

impl Durations {
    /// For programs that run `threads` tests at once.
    pub(crate) fn new(threads: usize, now: Instant) -> Self {
        Self { threads, began: now, ended: Vec::new(), slowest: Vec::new() }
    }

    /// Takes a line of output that arrived `now`: `running 2 tests`, `test NAME ... ok`, `test result: …`.
    pub(crate) fn add(&mut self, line: &str, now: Instant) {
        if line.starts_with("running ") && line.trim_end_matches('s').ends_with(" test") {
            self.began = now;
            self.ended.clear();
        } else if line.starts_with("test result: ") {
            self.conclude();
        } else if let Some((name, _)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) {
            self.ended.push((name.to_owned(), now));
        }
    }

    fn conclude(&mut self) {
        let mut names: Vec<&str> = self.ended.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        // A thread is free from the program's start, or since a test on it has ended.
        let mut free: VecDeque<Instant> = std::iter::repeat_n(self.began, self.threads).collect();
        free.extend(self.ended.iter().map(|(_, at)| *at));
        for (name, at) in &self.ended {
            let started = names.iter().position(|other| other == name).and_then(|place| free.get(place));
            let took = started.map_or(Duration::ZERO, |started| at.saturating_duration_since(*started));
            self.slowest.push((took, name.clone()));
        }
        self.ended.clear();
        self.slowest.sort_by_key(|(took, _)| Reverse(*took));
        self.slowest.truncate(NAMED);
    }

    /// Those that took a second or longer.
    pub(crate) fn shown(&self) -> String {
        let long = self.slowest.iter().filter(|(took, _)| took.as_secs() > 0);
        let long: Vec<_> = long.map(|(took, name)| format!("{name} {} s", took.as_secs())).collect();
        if long.is_empty() { String::new() } else { format!("; slowest: {}", long.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(threads: usize, lines: &[(u64, &str)]) -> String {
        let zero = Instant::now();
        let mut durations = Durations::new(threads, zero);
        for (at, line) in lines {
            durations.add(line, zero + Duration::from_secs(*at));
        }
        durations.shown()
    }

    #[test]
    fn one_after_the_other_each_begins_when_the_one_before_ends() {
        let lines =
            [(1, "running 2 tests"), (3, "test a ... ok"), (8, "test b ... FAILED"), (8, "test result: FAILED.")];
        assert_eq!(fed(1, &lines), "; slowest: b 5 s, a 2 s");
    }

    #[test]
    fn two_at_once_begin_in_the_order_of_their_names() {
        // a and b begin at 0; b ends at 2, and c begins; c ends at 3, and d begins.
        let lines = [
            (0, "running 4 tests"),
            (2, "test b ... ok"),
            (3, "test c ... ok"),
            (9, "test d ... ok"),
            (10, "test a ... ok"),
            (10, "test result: ok. 4 passed"),
        ];
        assert_eq!(fed(2, &lines), "; slowest: a 10 s, d 6 s, b 2 s");
    }

    #[test]
    fn programs_are_told_apart_and_what_takes_no_time_is_not_named() {
        let lines = [
            (0, "running 1 test"),
            (4, "test a ... ok"),
            (4, "test result: ok. 1 passed"),
            // It was compiled for a minute.
            (64, "running 1 test"),
            (64, "test b ... ignored"),
            (64, "test result: ok. 0 passed"),
        ];
        assert_eq!(fed(2, &lines), "; slowest: a 4 s");
        assert_eq!(fed(2, &lines[3..]), "");
    }
}
