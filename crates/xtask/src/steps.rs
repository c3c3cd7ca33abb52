//! Progress of long work: step n of m, elapsed time, and a summary that forgets nothing.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// A run of named steps; a failed step does not stop the next ones, it fails the whole.
pub(crate) struct Steps {
    total: usize,
    started: Instant,
    done: Vec<Done>,
}

struct Done {
    name: String,
    took: Duration,
    outcome: Outcome,
}

enum Outcome {
    Passed(String),
    Failed(String),
    NotRun(String),
    LeftOut { why: String, asked_for: bool },
}

impl Outcome {
    /// Whether the whole can pass with it. `strict`: whoever runs this looks at nothing but whether it passed.
    fn is_good(&self, strict: bool) -> bool {
        match self {
            Self::Passed(_) => true,
            Self::LeftOut { asked_for, .. } => *asked_for || !strict,
            Self::Failed(_) | Self::NotRun(_) => false,
        }
    }
}

impl Steps {
    /// A run that will have `total` steps.
    pub(crate) fn new(total: usize) -> Self {
        Self { total, started: Instant::now(), done: Vec::new() }
    }

    /// Runs one step. `work` returns what the summary says about it (empty for nothing).
    /// Returns whether it passed.
    pub(crate) fn run(&mut self, name: &str, work: impl FnOnce() -> Result<String>) -> bool {
        let began = Instant::now();
        println!("\n[{}/{} {}] {name}", self.done.len() + 1, self.total, clock(self.started.elapsed()));
        let outcome = match work() {
            Ok(note) => Outcome::Passed(note),
            Err(error) => {
                eprintln!("error: {error:#}");
                Outcome::Failed(format!("{error:#}"))
            }
        };
        let passed = matches!(outcome, Outcome::Passed(_));
        self.done.push(Done { name: name.to_owned(), took: began.elapsed(), outcome });
        passed
    }

    /// Records a step that could not be tried; it counts as a failure.
    pub(crate) fn not_run(&mut self, name: &str, why: &str) {
        println!("\n[{}/{} {}] {name}: NOT RUN, {why}", self.done.len() + 1, self.total, clock(self.started.elapsed()));
        self.done.push(Done { name: name.to_owned(), took: Duration::ZERO, outcome: Outcome::NotRun(why.to_owned()) });
    }

    /// Records a step that this machine cannot do. The summary says so, and with `CI=true` it counts as a failure.
    pub(crate) fn left_out(&mut self, name: &str, why: &str) {
        self.leave_out(name, why, false);
    }

    /// Records a step that the command line leaves out. The summary says so.
    pub(crate) fn left_out_by(&mut self, name: &str, option: &str) {
        self.leave_out(name, option, true);
    }

    fn leave_out(&mut self, name: &str, why: &str, asked_for: bool) {
        let why = why.to_owned();
        self.done.push(Done {
            name: name.to_owned(),
            took: Duration::ZERO,
            outcome: Outcome::LeftOut { why, asked_for },
        });
    }

    /// Prints the summary.
    ///
    /// # Errors
    /// When any step failed, was not run, or, with `CI=true`, was left out because this machine cannot do it.
    pub(crate) fn finish(self, what: &str) -> Result<()> {
        self.judged(what, std::env::var_os("CI").is_some_and(|value| value == "true"))
    }

    fn judged(self, what: &str, strict: bool) -> Result<()> {
        println!("\n{what}: summary after {}", clock(self.started.elapsed()));
        for step in &self.done {
            println!("{}", line(step));
        }
        let count = |wanted: &dyn Fn(&Outcome) -> bool| self.done.iter().filter(|step| wanted(&step.outcome)).count();
        let bad = count(&|outcome| !outcome.is_good(strict));
        if bad > 0 {
            bail!("{what}: {bad} of {} steps did not pass (see the summary above)", self.done.len());
        }
        let left_out = count(&|outcome| matches!(outcome, Outcome::LeftOut { .. }));
        let passed = self.done.len().saturating_sub(left_out);
        let rest = if left_out > 0 { format!(", {left_out} left out") } else { String::new() };
        println!("{what}: {passed} steps passed{rest}");
        Ok(())
    }
}

fn line(step: &Done) -> String {
    let (mark, note) = match &step.outcome {
        Outcome::Passed(note) => ("ok", note.as_str()),
        // The whole message stands above, where it happened.
        Outcome::Failed(error) => ("FAILED", error.lines().next().unwrap_or("")),
        Outcome::NotRun(why) => ("NOT RUN", why.as_str()),
        Outcome::LeftOut { why, .. } => ("LEFT OUT", why.as_str()),
    };
    let took = clock(step.took);
    format!("  {mark:<8} {took}  {}{}{note}", step.name, if note.is_empty() { "" } else { ": " })
}

fn clock(elapsed: Duration) -> String {
    format!("{:02}:{:02}", elapsed.as_secs() / 60, elapsed.as_secs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn all_passed_is_success() {
        let mut steps = Steps::new(1);
        assert!(steps.run("one", || Ok(String::new())));
        assert!(steps.finish("work").is_ok());
    }

    #[test]
    fn one_failure_fails_the_whole_but_the_rest_still_runs() {
        let mut steps = Steps::new(2);
        let mut second_ran = false;
        assert!(!steps.run("one", || Err(anyhow!("broken"))));
        steps.run("two", || {
            second_ran = true;
            Ok(String::new())
        });
        assert!(second_ran);
        assert!(steps.finish("work").is_err());
    }

    #[test]
    fn a_step_that_was_not_run_is_a_failure() {
        let mut steps = Steps::new(1);
        steps.not_run("root tests", "no release binaries");
        assert!(steps.finish("work").is_err());
    }

    #[test]
    fn a_step_that_is_left_out_is_told_and_fails_where_nobody_reads_the_summary() {
        for (what, by_option, strict, want) in [
            ("this machine cannot, somebody reads", false, false, true),
            ("this machine cannot, nobody reads", false, true, false),
            ("the command line, somebody reads", true, false, true),
            ("the command line, nobody reads", true, true, true),
        ] {
            let mut steps = Steps::new(1);
            if by_option {
                steps.left_out_by("fresh", "--quick");
            } else {
                steps.left_out("fresh", "no Debian 12");
            }
            assert!(line(&steps.done[0]).starts_with("  LEFT OUT 00:00  fresh: "), "{}", line(&steps.done[0]));
            assert_eq!(steps.judged("work", strict).is_ok(), want, "{what}");
        }
    }

    #[test]
    fn the_summary_line_says_what_and_why() {
        let step = Done {
            name: "clippy".into(),
            took: Duration::from_secs(61),
            outcome: Outcome::Failed("two lints\nmore".into()),
        };
        assert_eq!(line(&step), "  FAILED   01:01  clippy: two lints");
    }
}
