//! What becomes of settings after the first run: those that were missing are tried again, and those that somebody has changed
//! are reported, and put back if that is wanted.

use std::time::Duration;

use orlop_machine::{Bucket, Instant};
use orlop_sysctl_contract::{Attempt, Key, Outcome, Permitted, Policy, Skipped, holds};
use rustix::io::Errno;
use tracing::{info, warn};

use crate::report::{Record, Report};
use crate::serve::{Writers, apply, is_refused};
use crate::tree::Tree;

/// Looks after the settings of one plan.
#[derive(Debug)]
pub(crate) struct Care {
    enforce: bool,
    /// Of the lines about changes.
    lines: Bucket,
    /// Changes that there was no line for.
    unsaid: u32,
    /// What has happened so far.
    pub(crate) followed: Followed,
}

/// What a service has done since its first run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Followed {
    /// Settings that are in force because they, their interface or their module has come.
    pub came: u64,
    /// Changes by somebody else.
    pub foreign: u64,
    /// Settings that were put back.
    pub put_back: u64,
    /// When one of these happened last.
    pub last: Option<Instant>,
}

/// How often a setting is put back.
#[derive(Debug)]
pub(crate) struct Patience {
    left: Bucket,
    /// When it was said that there is none left.
    said: Option<Instant>,
}

/// A setting is put back so often at once, and then once each [`PUT_BACK_EVERY`]: whoever changes it again and again means it,
/// and two who fight would never end.
const PUT_BACK: u32 = 3;
const PUT_BACK_EVERY: Duration = Duration::from_secs(600);

/// How often it is said at most that a setting is put back no more for a while.
const SAY_AGAIN_AFTER: Duration = Duration::from_secs(3600);

/// Lines about changes: so many at once, and then one each [`LINE_EVERY`]. That is 9 MB a day at most.
const LINES: u32 = 20;
const LINE_EVERY: Duration = Duration::from_secs(10);

impl Care {
    pub(crate) const fn new(now: Instant, enforce: bool) -> Self {
        Self {
            enforce,
            lines: Bucket::new(now, LINES, LINE_EVERY),
            unsaid: 0,
            followed: Followed { came: 0, foreign: 0, put_back: 0, last: None },
        }
    }

    /// Looks at every setting of `report`, with the same plan as it is now. `came`: interfaces whose settings are not those that
    /// were put in force. Says whether anything is different from what was reported.
    pub(crate) fn look(
        &mut self,
        report: &mut Report,
        tree: &Tree,
        crew: &mut impl Writers,
        plan: Vec<Permitted>,
        came: &[String],
        now: Instant,
    ) -> bool {
        let mut different = forget_what_went(report, tree, &plan);
        different |= self.try_again(report, tree, crew, plan, came, now);
        different |= self.compare(report, tree, now);
        different |= self.enforce && self.put_back(report, tree, crew, now);
        if self.unsaid > 0 && self.lines.take(now) {
            warn!("somebody has changed {} more settings", std::mem::take(&mut self.unsaid));
        }
        different
    }

    /// Tries what is new in the plan, what was missing or refused, and the settings of interfaces that came.
    fn try_again(
        &mut self,
        report: &mut Report,
        tree: &Tree,
        crew: &mut impl Writers,
        plan: Vec<Permitted>,
        came: &[String],
        now: Instant,
    ) -> bool {
        let places = Places::of(report);
        let is_due = |permitted: &Permitted| {
            let key = &permitted.step().key;
            let Some(record) = places.find(report, key).and_then(|at| report.records.get(at)) else { return true };
            let missing = matches!(record.outcome, Some(Outcome::Missing | Outcome::Skipped(Skipped::KeyMissing)));
            missing || is_refused(record) || is_of_one_of(key, came)
        };
        let due: Vec<Permitted> = plan.into_iter().filter(is_due).collect();
        let (mut different, mut in_force, mut added) = (false, Vec::new(), Vec::new());
        for record in apply::all(tree, crew, Policy::arrange(due), false) {
            let key = record.permitted.step().key.clone();
            let place = places.find(report, &key);
            let before = place.and_then(|at| report.records.get(at)).map(|record| record.outcome);
            let again = is_of_one_of(&key, came);
            if before == Some(record.outcome) && !again {
                continue;
            }
            different = true;
            report.log_record(&record);
            if is_in_force(&record) {
                in_force.push(key);
            }
            match place.and_then(|at| report.records.get_mut(at)) {
                Some(place) => *place = Record { patience: place.patience.take(), ..record },
                None => added.push(record),
            }
        }
        report.records.append(&mut added);
        if let [first, others @ ..] = in_force.as_slice() {
            self.followed.came += in_force.len() as u64;
            self.followed.last = Some(now);
            let others = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
            info!("in force, now that there is something to set: {first}{others}");
        }
        different
    }

    /// Compares what was in force with what it is. Says whether somebody has changed a setting since it was looked last.
    fn compare(&mut self, report: &mut Report, tree: &Tree, now: Instant) -> bool {
        let mut different = false;
        for at in 0..report.records.len() {
            let Some(record) = report.records.get_mut(at).filter(|record| record.foreign || is_in_force(record)) else {
                continue;
            };
            let step = record.permitted.step();
            let Some(reading) = tree.read(&step.key) else { continue };
            if holds(&step.want, &reading) {
                if std::mem::take(&mut record.foreign) {
                    record.outcome = Some(Outcome::Unchanged);
                    record.later = None;
                    different = true;
                }
                continue;
            }
            if record.foreign && record.later.as_deref() == Some(&*reading) {
                continue;
            }
            record.outcome = Some(Outcome::Overtaken);
            record.later = Some(reading.as_str().to_owned());
            record.foreign = true;
            self.followed.foreign += 1;
            self.followed.last = Some(now);
            different = true;
            match report.records.get(at).filter(|_| self.lines.take(now)) {
                Some(record) => report.log_record(record),
                None => self.unsaid = self.unsaid.saturating_add(1),
            }
        }
        different
    }

    /// Puts back what somebody has changed, unless that was done too often.
    fn put_back(&mut self, report: &mut Report, tree: &Tree, crew: &mut impl Writers, now: Instant) -> bool {
        let mut different = false;
        for place in report.records.iter_mut().filter(|record| record.foreign) {
            let key = &place.permitted.step().key;
            let patience = place.patience.get_or_insert_with(|| {
                Box::new(Patience { left: Bucket::new(now, PUT_BACK, PUT_BACK_EVERY), said: None })
            });
            if !patience.left.take(now) {
                if patience.said.is_none_or(|said| now.since(said) >= SAY_AGAIN_AFTER) {
                    patience.said = Some(now);
                    let minutes = PUT_BACK_EVERY.as_secs() / 60;
                    warn!(
                        "{key} is changed again and again: it is put back only once in {minutes} minutes from now on"
                    );
                }
                continue;
            }
            let plan = Policy::arrange(vec![place.permitted.clone()]);
            let Some(record) = apply::all(tree, crew, plan, false).pop() else { continue };
            different = true;
            let done = is_in_force(&record);
            if self.lines.take(now) {
                info!("{key} is put back: {}", if done { "ok" } else { "the kernel does not take it any more" });
            } else {
                self.unsaid = self.unsaid.saturating_add(1);
            }
            *place = Record { patience: place.patience.take(), foreign: !done, ..record };
            if done {
                self.followed.put_back += 1;
                self.followed.last = Some(now);
            }
        }
        different
    }
}

/// Whether a record says that its setting is what it should be.
fn is_in_force(record: &Record) -> bool {
    matches!(record.outcome, Some(Outcome::Ok | Outcome::Unchanged | Outcome::Kept | Outcome::Normalized))
}

/// Whether it is a setting of one of these interfaces.
fn is_of_one_of(key: &Key, interfaces: &[String]) -> bool {
    key.interface().is_some_and(|interface| interfaces.iter().any(|name| name == interface))
}

/// Where the record of each key is: places among the records, by their keys.
struct Places(Vec<usize>);

impl Places {
    fn of(report: &Report) -> Self {
        let key = |at: &usize| report.records.get(*at).map(|record| &record.permitted.step().key);
        let mut places: Vec<usize> = (0..report.records.len()).collect();
        places.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
        Self(places)
    }

    fn find(&self, report: &Report, key: &Key) -> Option<usize> {
        let of = |at: &usize| report.records.get(*at).map(|record| &record.permitted.step().key);
        self.0.binary_search_by(|at| of(at).cmp(&Some(key))).ok().and_then(|at| self.0.get(at)).copied()
    }
}

/// Forgets what a pattern found and is not there any more; what has a line of its own is missing from now on. Says whether
/// there is any.
fn forget_what_went(report: &mut Report, tree: &Tree, plan: &[Permitted]) -> bool {
    let places = Places::of(report);
    let mut planned = vec![false; report.records.len()];
    for at in plan.iter().filter_map(|permitted| places.find(report, &permitted.step().key)) {
        planned[at] = true;
    }
    let mut different = planned.contains(&false);
    let mut planned = planned.into_iter();
    report.records.retain(|_| planned.next() == Some(true));
    for record in report.records.iter_mut().filter(|record| record.outcome != Some(Outcome::Missing)) {
        let gone = tree.open_key(&record.permitted.step().key).err();
        if let Some(errno) = gone.filter(|errno| [Errno::NOENT, Errno::NOTDIR].contains(errno)) {
            record.attempt = Some(Attempt::Unopened(errno.raw_os_error()));
            record.outcome = Some(Outcome::Missing);
            record.later = None;
            record.foreign = false;
            different = true;
        }
    }
    different
}

#[cfg(test)]
mod tests;
