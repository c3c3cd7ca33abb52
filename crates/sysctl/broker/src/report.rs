//! What a run came to: for every setting what it was, should be, and is.

mod audit;
mod count;
mod log;
mod words;

use std::time::Duration;

use orlop_machine::Instant;
use orlop_sandbox::fatal::Exit;
use orlop_sysctl_contract::{Attempt, Finding, Origin, Outcome, Permitted, Problem};
use tracing::Level;

use crate::command_line::{Follow, Mode, Run};
pub use crate::follow::Followed;
use crate::follow::Patience;
use crate::sources::Unread;

pub use audit::Audit;
pub use count::Count;

/// A finished run.
#[derive(Debug)]
pub struct Report {
    /// What was to be done.
    pub mode: Mode,
    /// What its user minds.
    pub minds: Minds,
    /// What the texts are called, by their numbers.
    pub names: Vec<String>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// What is wrong or strange about lines, in their order.
    pub findings: Vec<Finding>,
    /// Further findings, only counted.
    pub unsaid: u32,
    /// What became of each setting, in the order in which they were tried.
    pub records: Vec<Record>,
    /// When it began.
    pub started: Instant,
    /// How long its parts took.
    pub timings: Timings,
    /// How often the processes of a service were started anew.
    pub restarts: u32,
    /// How a service follows what happens, and what it has done since; nothing for a run that ends.
    pub follow: Option<(Follow, Followed)>,
}

/// What became of one setting.
#[derive(Debug)]
pub struct Record {
    /// Which, what it should be, and where that is said.
    pub permitted: Permitted,
    /// Who tried, if somebody did: the name of its profile.
    pub by: Option<&'static str>,
    /// How often it was tried again because the kernel had refused it.
    pub retries: u8,
    /// What happened, the last time.
    pub attempt: Option<Attempt>,
    /// What that means; nothing in a plan, where nothing is tried.
    pub outcome: Option<Outcome>,
    /// What the kernel said when everything was done, if it is not what it said before.
    pub later: Option<String>,
    /// Of a service: somebody else has changed it since, and it is not what it should be.
    pub(crate) foreign: bool,
    /// Of a service: how often it may still be put back, if it ever was.
    pub(crate) patience: Option<Box<Patience>>,
}

impl Record {
    /// Nothing has been tried yet.
    #[must_use]
    pub const fn new(permitted: Permitted) -> Self {
        Self {
            permitted,
            by: None,
            retries: 0,
            attempt: None,
            outcome: None,
            later: None,
            foreign: false,
            patience: None,
        }
    }
}

/// What counts as a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Minds {
    /// What is not in force.
    Failures,
    /// A missing key, too.
    Strictly,
    /// Nothing, as LinuxKit's component: everything is a warning.
    Nothing,
}

/// How long the parts of a run took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    /// From the start of the program until the texts were read.
    pub read: Duration,
    /// Until every process was confined and attested.
    pub confine: Duration,
    /// Until the plan was there.
    pub plan: Duration,
    /// Until every setting had been tried.
    pub apply: Duration,
}

impl Minds {
    /// What the user of `run` minds.
    #[must_use]
    pub const fn of(run: &Run) -> Self {
        match (run.dialect, run.strict) {
            (orlop_sysctl_contract::Dialect::LinuxKit, _) => Self::Nothing,
            (orlop_sysctl_contract::Dialect::SysctlD, true) => Self::Strictly,
            (orlop_sysctl_contract::Dialect::SysctlD, false) => Self::Failures,
        }
    }

    /// Whether `record` is a failure.
    #[must_use]
    pub fn is_failure(self, record: &Record) -> bool {
        let lenient = record.permitted.step().lenient;
        self != Self::Nothing
            && record.outcome.is_some_and(|outcome| outcome.is_failure(self == Self::Strictly, lenient))
    }
}

impl Report {
    /// Takes down what a service has done so far.
    pub(crate) fn followed(&mut self, so_far: Followed) {
        self.follow = self.follow.map(|(follow, _)| (follow, so_far));
    }

    /// What the process ends with: the largest code that applies.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let minds = self.minds != Minds::Nothing;
        if minds && self.unread.iter().any(|unread| !unread.tolerated) {
            Exit::Config
        } else if minds && self.findings.iter().any(|finding| finding.problem.is_error()) {
            Exit::Mistaken
        } else if self.records.iter().any(|record| self.minds.is_failure(record)) {
            Exit::Unmet
        } else {
            Exit::Done
        }
    }

    /// What is not plainly well, a line each, and then in one line what was achieved.
    pub(crate) fn lines(&self) -> Vec<(Level, String)> {
        let tolerant = self.minds == Minds::Nothing;
        let level = |bad: bool| if bad && !tolerant { Level::ERROR } else { Level::WARN };
        let unread = self.unread.iter().map(|unread| (level(!unread.tolerated), unread.to_string()));
        let findings = self.findings.iter().map(|Finding { origin, problem }| {
            (level(problem.is_error()), format!("{}: {}", self.at(*origin), self.said(problem)))
        });
        let records = self.records.iter().filter_map(|record| self.line(record));
        let end = if self.exit() == Exit::Done { Level::INFO } else { Level::WARN };
        unread.chain(findings).chain(records).chain([(end, count::Summary(self).to_string())]).collect()
    }

    /// What there is to say about a setting.
    pub(crate) fn line(&self, record: &Record) -> Option<(Level, String)> {
        let (outcome, step) = (record.outcome?, record.permitted.step());
        let name = outcome.name();
        let line = format!("{}: {} = {}: {name}", self.at(step.origin), step.key, words::wanted(&step.want));
        // A difference is not news where differences are asked for: it is on standard output.
        if outcome == Outcome::Differs {
            return None;
        }
        let Some(why) = words::why(record) else { return Some((Level::DEBUG, line)) };
        let level = if self.minds.is_failure(record) {
            Level::ERROR
        } else if step.lenient {
            Level::DEBUG
        } else if outcome.is_failure(true, false) {
            Level::WARN
        } else {
            Level::INFO
        };
        Some((level, format!("{line}: {why}")))
    }

    /// What the user asked to be shown on standard output.
    #[must_use]
    pub fn shown(&self) -> String {
        match self.mode {
            Mode::Plan => self.records.iter().map(|record| words::planned(record, &self.at(origin(record)))).collect(),
            Mode::Diff => {
                self.records.iter().filter_map(|record| words::changed(record, &self.at(origin(record)))).collect()
            }
            Mode::Apply | Mode::Check | Mode::Posture => String::new(),
        }
    }

    /// What there is to say about a line, with the place of the other one if it is about two.
    fn said(&self, problem: &Problem) -> String {
        problem.other().map_or_else(|| problem.to_string(), |other| format!("{problem} ({})", self.at(other)))
    }

    /// `file:line`, as compilers write it.
    fn at(&self, origin: Origin) -> String {
        format!("{}:{}", self.name(origin), origin.line)
    }

    /// The text of `origin`. A worker cannot make one up: see [`crate::serve`].
    fn name(&self, origin: Origin) -> &str {
        self.names.get(usize::from(origin.source)).map_or("unknown", String::as_str)
    }
}

fn origin(record: &Record) -> Origin {
    record.permitted.step().origin
}

#[cfg(test)]
pub(crate) mod tests;
