//! A test that fails once and passes when it runs again alone: told as FLAKY, by its name, in the summary.
//!
//! Hundreds of tests of this repository race real servers, kernels and virtual machines against deadlines. One that loses such a
//! race says something, which must not be lost; but that it lost once, on a busy machine, does not say that a change is wrong.
//! So the few that fail are run once more, and the step passes with their names when they do. More than a few are no accident,
//! and neither is a program that ends in the middle.

use crate::test::Tally;

/// As many tests of one step may fail the first time, at most.
const FEW: usize = 2;

/// Who failed, from what `cargo test` prints.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// Programs that began, and those that came to their end.
    began: usize,
    ended: usize,
    tally: Tally,
    /// The list that is being read: each program's ends with its summary line.
    list: Option<Vec<String>>,
    names: Vec<String>,
}

impl Failures {
    /// Takes a line of output.
    pub(crate) fn add(&mut self, line: &str) {
        if line.starts_with("running ") && line.trim_end_matches('s').ends_with(" test") {
            self.began += 1;
            self.list = None;
        } else if line == "failures:" {
            // It stands there twice: before what the tests printed, and before their names.
            self.list = Some(Vec::new());
        } else if line.starts_with("test result: ") {
            self.ended += 1;
            self.tally.add(line);
            self.names.extend(self.list.take().unwrap_or_default());
        } else if let (Some(list), Some(name)) = (&mut self.list, line.strip_prefix("    ")) {
            list.push(name.to_owned());
        }
    }

    /// The tests that are worth a second try, or `None` when what happened is no accident.
    pub(crate) fn few(self) -> Option<Vec<String>> {
        let whole = self.began == self.ended && self.tally.failed == self.names.len() as u64;
        (whole && (1..=FEW).contains(&self.names.len())).then_some(self.names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str) -> Option<Vec<String>> {
        let mut failures = Failures::default();
        text.lines().for_each(|line| failures.add(line));
        failures.few()
    }

    const PASSED: &str = "running 1 test\ntest a ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored\n";
    const FAILED: &str = "running 2 tests\ntest b::c ... FAILED\ntest d ... ok\n\nfailures:\n\n---- b::c stdout ----\n    no name\n\n\
        failures:\n    b::c\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored\n";

    #[test]
    fn the_names_of_the_few_that_failed_are_known() {
        assert_eq!(after(&format!("{PASSED}{FAILED}{PASSED}")), Some(vec!["b::c".to_owned()]));
        let talkative = FAILED.replace("test d", "running late\nthis is only a test\ntest d");
        assert_eq!(after(&talkative), Some(vec!["b::c".to_owned()]), "what a test prints begins no program");
    }

    #[test]
    fn what_is_no_accident_gets_no_second_try() {
        let died = "running 3 tests\ntest a ... ok\n";
        let many = FAILED.repeat(3);
        let unnamed = FAILED.replace("    b::c\n", "");
        for (why, text) in [
            ("nothing failed", PASSED),
            ("it did not compile", ""),
            ("a program ended in the middle", &format!("{FAILED}{died}")),
            ("too many", &many),
            ("somebody without a name", &unnamed),
        ] {
            assert_eq!(after(text), None, "{why}");
        }
    }
}
