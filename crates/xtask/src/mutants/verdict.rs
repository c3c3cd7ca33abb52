//! Whether the tests notice enough: a row for each package, and what is wrong.

use std::fmt;

use anyhow::{Context, Result};

use super::accepted::{Accepted, FILE};
use super::outcome::{End, Tried};
use super::subjects::Subject;

/// Of a hundred mutants that compile, how many a package's own tests have to notice.
const SHARE: usize = 95;

/// How many mutants of a package came to which end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    package: String,
    caught: usize,
    missed: usize,
    timeouts: usize,
    unviable: usize,
}

impl Row {
    fn of(package: &str, tried: &[&Tried]) -> Self {
        let count = |end: End| tried.iter().filter(|tried| tried.end == end).count();
        Self {
            package: package.to_owned(),
            caught: count(End::Caught),
            missed: count(End::Missed),
            timeouts: count(End::Timeout),
            unviable: count(End::Unviable),
        }
    }

    /// Those that compile.
    fn viable(&self) -> usize {
        self.caught + self.missed + self.timeouts
    }

    /// Those that somebody would have noticed: a test failed, or did not end.
    fn noticed(&self) -> usize {
        self.caught + self.timeouts
    }

    fn is_enough(&self) -> bool {
        self.noticed() * 100 >= self.viable() * SHARE
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { package, caught, missed, timeouts, unviable } = self;
        let viable = self.viable();
        // Tenths of a hundredth, never rounded up: 95.0 is at least that.
        let share = (self.noticed() * 1000).checked_div(viable).unwrap_or(0);
        let share = format!("{}.{} %", share / 10, share % 10);
        write!(f, "  {package:<24} {viable:>6} {caught:>6} {missed:>6} {timeouts:>8} {unviable:>8} {share:>8}")
    }
}

/// What came of a run.
#[derive(Debug)]
pub(super) struct Verdict {
    rows: Vec<Row>,
    /// Survivors, each with its place, and whether the list has it.
    survivors: Vec<(String, bool)>,
    /// What is to be added to lists, ready but for the reasons: each file with its new lines.
    additions: Vec<(String, String)>,
    problems: Vec<String>,
}

impl Verdict {
    /// Judges what was tried of each subject, all of whose mutants were.
    ///
    /// # Errors
    /// When a survivor cannot be written as an entry of the list.
    pub(super) fn of(subjects: &[Subject], tried: &[Tried]) -> Result<Self> {
        let mut verdict = Self { rows: Vec::new(), survivors: Vec::new(), additions: Vec::new(), problems: Vec::new() };
        for Subject { package, folder, accepted } in subjects {
            let list = format!("{folder}/{FILE}");
            let of_it: Vec<&Tried> = tried.iter().filter(|tried| tried.package == *package).collect();
            let row = Row::of(package, &of_it);
            if row.viable() == 0 {
                verdict.problems.push(format!("{package}: no mutant of it compiles, so nothing was tried"));
            } else if !row.is_enough() {
                verdict.problems.push(format!("{package}: its tests notice less than {SHARE} % of the mutants"));
            }
            verdict.rows.push(row);
            let mut added = Accepted::default();
            for Tried { line_number, mutant, end, .. } in &of_it {
                let place = format!("{folder}/{}:{line_number}: {}", mutant.file, mutant.mutation);
                match end {
                    End::Missed => {
                        let is_listed = accepted.survivors.iter().any(|listed| listed.is(mutant));
                        if !is_listed {
                            added.survivors.push(mutant.clone());
                        }
                        verdict.survivors.push((place, is_listed));
                    }
                    End::Unclear => verdict.problems.push(format!("no end that cargo-mutants has a word for: {place}")),
                    End::Caught | End::Timeout | End::Unviable => {}
                }
            }
            let survived = |listed| of_it.iter().any(|tried| tried.end == End::Missed && tried.mutant.is(listed));
            for listed in accepted.survivors.iter().filter(|listed| !survived(listed)) {
                let mutation = &listed.mutation;
                verdict.problems.push(format!("{list}: `{mutation}` does not survive any more; remove it"));
            }
            if !added.survivors.is_empty() {
                let count = added.survivors.len();
                verdict.problems.push(format!("{package}: {count} survivors are not in {list}"));
                let text = toml::to_string(&added).context("a survivor cannot be written")?;
                verdict.additions.push((list, text));
            }
        }
        Ok(verdict)
    }

    /// What is wrong; empty when all is well.
    pub(super) fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, survivors, additions, problems } = self;
        for (place, is_listed) in survivors {
            writeln!(f, "  survives{}: {place}", if *is_listed { ", as listed" } else { "" })?;
        }
        for (list, text) in additions {
            writeln!(
                f,
                "\nNobody notices these. Write a test, or, where no test should notice, add to {list}, with reasons:\n{text}"
            )?;
        }
        let [viable, caught, missed, timeouts, unviable] = ["viable", "caught", "missed", "timeouts", "unviable"];
        writeln!(
            f,
            "\n  {:<24} {viable:>6} {caught:>6} {missed:>6} {timeouts:>8} {unviable:>8} {:>8}",
            "package", "noticed"
        )?;
        rows.iter().try_for_each(|row| writeln!(f, "{row}"))?;
        problems.iter().try_for_each(|problem| writeln!(f, "  {problem}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::accepted::Survivor;

    fn mutant(line: &str) -> Survivor {
        Survivor {
            file: "src/key.rs".to_owned(),
            function: "new".to_owned(),
            line: line.to_owned(),
            mutation: "replace > with >= in new".to_owned(),
            reason: String::new(),
        }
    }

    fn tried(line: &str, end: End) -> Tried {
        Tried { package: "orlop-wire".to_owned(), line_number: 7, mutant: mutant(line), end }
    }

    fn judged(listed: &[&str], tried: &[Tried]) -> Verdict {
        let survivors = listed.iter().map(|line| Survivor { reason: "equal".to_owned(), ..mutant(line) }).collect();
        let accepted = Accepted { survivors, ..Accepted::default() };
        let subject = Subject { package: "orlop-wire".to_owned(), folder: "crates/wire".to_owned(), accepted };
        Verdict::of(&[subject], tried).unwrap()
    }

    /// So many caught, and these.
    fn beside(caught: usize, others: &[(&str, End)]) -> Vec<Tried> {
        let mut all = vec![tried("a", End::Caught); caught];
        all.extend(others.iter().map(|(line, end)| tried(line, *end)));
        all
    }

    #[test]
    fn ninety_five_of_a_hundred_have_to_be_noticed_even_where_the_others_are_listed() {
        let missed = |count: usize| vec![("b", End::Missed); count];
        for (what, caught, others, want) in [
            ("all", 10, vec![], true),
            ("95 of 100", 95, missed(5), true),
            ("94 of 100", 94, missed(6), false),
            ("a test that does not end is noticed", 18, vec![("c", End::Timeout), ("b", End::Missed)], true),
            ("what does not compile counts for nothing", 18, vec![("c", End::Unviable), ("b", End::Missed)], false),
            ("nothing was tried", 0, vec![("c", End::Unviable)], false),
        ] {
            let listed: &[&str] = if others.iter().any(|(_, end)| *end == End::Missed) { &["b"] } else { &[] };
            let verdict = judged(listed, &beside(caught, &others));
            assert_eq!(verdict.problems().is_empty(), want, "{what}: {:?}", verdict.problems());
        }
    }

    #[test]
    fn a_survivor_that_is_not_listed_is_a_problem_and_is_shown_as_it_has_to_be_written() {
        let run = beside(99, &[("b > 3", End::Missed), ("c", End::Missed)]);
        let verdict = judged(&["c"], &run);
        assert_eq!(verdict.problems(), ["orlop-wire: 1 survivors are not in crates/wire/mutants.toml"]);
        let shown = verdict.to_string();
        assert!(shown.contains("  survives: crates/wire/src/key.rs:7: replace > with >= in new"), "{shown}");
        assert!(shown.contains("  survives, as listed: crates/wire/src/key.rs:7"), "{shown}");
        let [(_, addition)] = verdict.additions.as_slice() else { panic!("{shown}") };
        let added: Accepted = toml::from_str(addition).unwrap();
        assert_eq!(added.survivors, [mutant("b > 3")]);
        assert!(judged(&["b > 3", "c"], &run).problems().is_empty());
    }

    #[test]
    fn what_is_listed_and_does_not_survive_is_a_problem() {
        for (what, end) in [("caught", End::Caught), ("it does not compile", End::Unviable)] {
            let problems = judged(&["b"], &beside(9, &[("b", end)])).problems;
            assert!(matches!(problems.as_slice(), [one] if one.contains("does not survive any more")), "{what}");
        }
    }

    #[test]
    fn the_share_is_not_rounded_up() {
        let row = Row { package: "orlop-wire".to_owned(), caught: 1898, missed: 101, timeouts: 1, unviable: 7 };
        assert_eq!(row.to_string(), "  orlop-wire                 2000   1898    101        1        7   94.9 %");
    }
}
