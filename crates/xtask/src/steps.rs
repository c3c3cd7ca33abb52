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

    /// Prints the summary.
    ///
    /// # Errors
    /// When any step failed or was not run.
    pub(crate) fn finish(self, what: &str) -> Result<()> {
        println!("\n{what}: summary after {}", clock(self.started.elapsed()));
        for step in &self.done {
            println!("{}", line(step));
        }
        let bad = self.done.iter().filter(|step| !matches!(step.outcome, Outcome::Passed(_))).count();
        if bad > 0 {
            bail!("{what}: {bad} of {} steps did not pass (see the summary above)", self.done.len());
        }
        println!("{what}: all {} steps passed", self.done.len());
        Ok(())
    }
}

fn line(step: &Done) -> String {
    let (mark, note) = match &step.outcome {
        Outcome::Passed(note) => ("ok     ", note.as_str()),
        // The whole message stands above, where it happened.
        Outcome::Failed(error) => ("FAILED ", error.lines().next().unwrap_or("")),
        Outcome::NotRun(why) => ("NOT RUN", why.as_str()),
    };
    let took = clock(step.took);
    format!("  {mark} {took}  {}{}{note}", step.name, if note.is_empty() { "" } else { ": " })
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
    fn the_summary_line_says_what_and_why() {
        let step = Done {
            name: "clippy".into(),
            took: Duration::from_secs(61),
            outcome: Outcome::Failed("two lints\nmore".into()),
        };
        assert_eq!(line(&step), "  FAILED  01:01  clippy: two lints");
    }
}
