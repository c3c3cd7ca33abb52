//! The machine: notices in, requests out.

use orlop_sysctl_contract::{
    Finding, MAX_FINDINGS, Notice, Origin, Problem, Request, Rules, STEPS_AT_ONCE, Value, Want, numbers,
};
use orlop_wire::Batch;

use crate::line::{Said, Target, read, seems_to_hold_a_comment};
use crate::lines::{Line, Lines};
use crate::looking::Looking;
use crate::settings::{Settings, Sorted, Wish};
use crate::spelling;

/// Of all findings these may be hints: so that many of them leave room for the errors, which the exit code depends on.
const MAX_HINTS: usize = MAX_FINDINGS / 2;

/// Reads texts, looks for what their patterns match, and says the plan.
#[derive(Debug)]
pub struct Reader {
    rules: Rules,
    said: Findings,
    state: State,
    /// What the texts say, for whoever wants the plan again.
    kept: Option<Sorted>,
}

#[derive(Debug)]
enum State {
    /// Texts are coming.
    Reading(Reading),
    /// All texts are read; one folder after the other is looked at.
    Looking(Box<Looking>),
    /// The plan was said.
    Done,
}

#[derive(Debug, Default)]
struct Reading {
    lines: Lines,
    settings: Settings,
    /// The line of an `at-least` that waits for its setting.
    at_least: Option<Origin>,
}

/// Counts what is said, and drops what is too much.
#[derive(Debug, Default)]
struct Findings {
    said: usize,
    unsaid: u32,
    /// There was a plan before, and all of this was said with it.
    known: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            said: Findings::default(),
            state: State::Reading(Reading::default()),
            kept: None,
        }
    }
}

impl Reader {
    /// Takes what the broker tells, and says what to tell it. A [`Request::List`] is the last of what is said, and nothing more
    /// is said until it is answered; after [`Request::Done`] nothing is, unless the plan is wanted again.
    #[must_use]
    pub fn handle(&mut self, notice: Notice) -> Vec<Request> {
        let mut out = Vec::new();
        match (&mut self.state, notice) {
            (State::Reading(_), Notice::Rules(rules)) => self.rules = rules,
            (State::Reading(reading), Notice::Text { source, bytes, last }) => {
                let Reading { lines, settings, at_least } = reading;
                lines.feed(source, &bytes, last, |line| {
                    for finding in take(line, &self.rules, settings, at_least) {
                        out.extend(self.said.say(finding));
                    }
                });
                if last {
                    out.extend(at_least.take().and_then(|origin| self.said.say(needs_a_number(origin))));
                }
            }
            (State::Reading(reading), Notice::EndOfTexts) => {
                let sorted = core::mem::take(&mut reading.settings).sorted();
                self.kept = self.rules.again.then(|| sorted.clone());
                self.state = State::Looking(Box::new(Looking::new(sorted, &self.rules)));
                self.look(&mut out);
            }
            (State::Done, Notice::Again) => {
                if let Some(sorted) = self.kept.clone() {
                    self.said.known = true;
                    self.state = State::Looking(Box::new(Looking::new(sorted, &self.rules)));
                    self.look(&mut out);
                }
            }
            (State::Looking(looking), Notice::Names { names, last }) => {
                if looking.told(names.into_vec(), last) {
                    self.look(&mut out);
                }
            }
            // Nothing that a broker says.
            (State::Reading(_), Notice::Names { .. } | Notice::Again)
            | (State::Looking(_), Notice::Rules(_) | Notice::Text { .. } | Notice::EndOfTexts | Notice::Again)
            | (State::Done, Notice::Rules(_) | Notice::Text { .. } | Notice::EndOfTexts | Notice::Names { .. }) => {}
        }
        out
    }

    /// Looks as far as what is known allows; then asks, or says the plan.
    fn look(&mut self, out: &mut Vec<Request>) {
        let State::Looking(looking) = &mut self.state else { return };
        let asked = looking.advance(&mut |finding| out.extend(self.said.say(finding)));
        if let Some(folder) = asked {
            out.push(Request::List(folder));
            return;
        }
        if let State::Looking(looking) = core::mem::replace(&mut self.state, State::Done) {
            out.extend(Batch::pack(looking.into_steps(), STEPS_AT_ONCE).into_iter().map(Request::Steps));
        }
        out.push(Request::Done { unsaid: self.said.unsaid });
    }
}

/// Takes what a line says, and says what is to be said about it.
fn take(line: &Line<'_>, rules: &Rules, settings: &mut Settings, at_least: &mut Option<Origin>) -> Vec<Finding> {
    let origin = line.origin;
    let because = |problem| vec![Finding { origin, problem }];
    match read(line, rules) {
        Ok(Said::Nothing) => Vec::new(),
        Ok(Said::AtLeast) => at_least.replace(origin).map(needs_a_number).into_iter().collect(),
        Ok(Said::Except(target)) => {
            let mut findings: Vec<_> = at_least.take().map(needs_a_number).into_iter().collect();
            let (Target::Key(key) | Target::Pattern(key)) = &target;
            if let Some(key) = spelling::without_mount_point(key) {
                findings.push(Finding { origin, problem: Problem::did_you_mean(&key) });
            }
            if is_of_interest(&target, rules) {
                findings
                    .extend(settings.say(target, Wish::Leave, origin).err().map(|problem| Finding { origin, problem }));
            }
            findings
        }
        Ok(Said::Set { target, value, lenient }) => {
            let hint = seems_to_hold_a_comment(&value);
            let want = match at_least.take() {
                Some(_) => at_least_number(&value).map(Want::AtLeast),
                None => Some(Want::Exactly(value)),
            };
            let Some(want) = want else { return because(Problem::NotANumber) };
            if !is_of_interest(&target, rules) {
                return Vec::new();
            }
            match settings.say(target, Wish::Set { want, lenient }, origin) {
                Ok(()) if hint => because(Problem::CommentInValue),
                Ok(()) => Vec::new(),
                Err(problem) => because(problem),
            }
        }
        Err(problem) => {
            // It was meant for this line, which is wrong already.
            *at_least = None;
            because(problem)
        }
    }
}

/// Whether a prefix covers it. What a pattern stands for is not known yet.
fn is_of_interest(target: &Target, rules: &Rules) -> bool {
    match target {
        Target::Key(key) => rules.prefixes.is_empty() || rules.prefixes.iter().any(|prefix| prefix.covers(key)),
        Target::Pattern(_) => true,
    }
}

fn at_least_number(value: &Value) -> Option<u64> {
    match numbers(value.as_str())?.as_slice() {
        [number] => u64::try_from(*number).ok(),
        [..] => None,
    }
}

impl Findings {
    fn say(&mut self, finding: Finding) -> Option<Request> {
        if self.known {
            return None;
        }
        let room = if finding.problem.is_error() { MAX_FINDINGS } else { MAX_HINTS };
        if self.said >= room {
            self.unsaid = self.unsaid.saturating_add(1);
            return None;
        }
        self.said = self.said.saturating_add(1);
        Some(Request::Finding(finding))
    }
}

const fn needs_a_number(origin: Origin) -> Finding {
    Finding { origin, problem: Problem::NotANumber }
}
