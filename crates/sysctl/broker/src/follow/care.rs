//! What becomes of settings after the first run: those that were missing are tried again, and those that somebody has changed
//! are reported, and put back if that is wanted.

use std::collections::{BTreeMap, BTreeSet};
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
    /// Those that somebody has changed, and that are not what they should be.
    foreign: BTreeSet<Key>,
    /// For those that were put back.
    patience: BTreeMap<Key, Patience>,
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
struct Patience {
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
            foreign: BTreeSet::new(),
            patience: BTreeMap::new(),
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
        came: &BTreeSet<String>,
        now: Instant,
    ) -> bool {
        let mut different = self.forget_what_went(report, tree, &plan);
        different |= self.try_again(report, tree, crew, plan, came, now);
        let foreign = self.compare(report, tree, now);
        different |= !foreign.is_empty();
        if self.enforce {
            let wrong: Vec<Key> = self.foreign.iter().cloned().collect();
            different |= self.put_back(report, tree, crew, &wrong, now);
        }
        if self.unsaid > 0 && self.lines.take(now) {
            warn!("somebody has changed {} more settings", std::mem::take(&mut self.unsaid));
        }
        different
    }

    /// Forgets what a pattern found and is not there any more; what has a line of its own is missing from now on. Says whether
    /// there is any.
    fn forget_what_went(&mut self, report: &mut Report, tree: &Tree, plan: &[Permitted]) -> bool {
        let planned: BTreeSet<&Key> = plan.iter().map(|permitted| &permitted.step().key).collect();
        let before = report.records.len();
        report.records.retain(|record| planned.contains(&record.permitted.step().key));
        let mut different = report.records.len() != before;
        for record in report.records.iter_mut().filter(|record| record.outcome != Some(Outcome::Missing)) {
            let gone = tree.open_key(&record.permitted.step().key).err();
            if let Some(errno) = gone.filter(|errno| [Errno::NOENT, Errno::NOTDIR].contains(errno)) {
                record.attempt = Some(Attempt::Unopened(errno.raw_os_error()));
                record.outcome = Some(Outcome::Missing);
                record.later = None;
                different = true;
            }
        }
        let is_there = |record: &Record| record.outcome != Some(Outcome::Missing);
        let there: BTreeSet<&Key> = report
            .records
            .iter()
            .filter(|record| is_there(record))
            .map(|record| &record.permitted.step().key)
            .collect();
        self.foreign.retain(|key| there.contains(key));
        different
    }

    /// Tries what is new in the plan, what was missing or refused, and the settings of interfaces that came.
    fn try_again(
        &mut self,
        report: &mut Report,
        tree: &Tree,
        crew: &mut impl Writers,
        plan: Vec<Permitted>,
        came: &BTreeSet<String>,
        now: Instant,
    ) -> bool {
        let places = places(report);
        let is_due = |permitted: &Permitted| {
            let key = &permitted.step().key;
            let Some(record) = places.get(key).and_then(|at| report.records.get(*at)) else { return true };
            let missing = matches!(record.outcome, Some(Outcome::Missing | Outcome::Skipped(Skipped::KeyMissing)));
            missing || is_refused(record) || key.interface().is_some_and(|interface| came.contains(interface))
        };
        let due: Vec<Permitted> = plan.into_iter().filter(is_due).collect();
        let (mut different, mut in_force) = (false, Vec::new());
        for record in apply::all(tree, crew, Policy::arrange(due), false) {
            let key = record.permitted.step().key.clone();
            let before = places.get(&key).and_then(|at| report.records.get(*at)).map(|record| record.outcome);
            let again = key.interface().is_some_and(|interface| came.contains(interface));
            if before == Some(record.outcome) && !again {
                continue;
            }
            different = true;
            self.foreign.remove(&key);
            report.log_record(&record);
            if is_in_force(&record) {
                in_force.push(key.clone());
            }
            match places.get(&key).and_then(|at| report.records.get_mut(*at)) {
                Some(place) => *place = record,
                None => report.records.push(record),
            }
        }
        if let [first, others @ ..] = in_force.as_slice() {
            self.followed.came += in_force.len() as u64;
            self.followed.last = Some(now);
            let others = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
            info!("in force, now that there is something to set: {first}{others}");
        }
        different
    }

    /// Compares what was in force with what it is. Says which settings somebody has changed since it was looked last.
    fn compare(&mut self, report: &mut Report, tree: &Tree, now: Instant) -> Vec<Key> {
        let mut changed = Vec::new();
        for at in 0..report.records.len() {
            let Some(record) = report.records.get_mut(at) else { break };
            let step = record.permitted.step();
            let was_foreign = self.foreign.contains(&step.key);
            if !was_foreign && !is_in_force(record) {
                continue;
            }
            let Some(reading) = tree.read(&step.key) else { continue };
            let key = step.key.clone();
            if holds(&step.want, &reading) {
                if was_foreign {
                    self.foreign.remove(&key);
                    record.outcome = Some(Outcome::Unchanged);
                    record.later = None;
                    changed.push(key);
                }
                continue;
            }
            if was_foreign && record.later.as_deref() == Some(&*reading) {
                continue;
            }
            record.outcome = Some(Outcome::Overtaken);
            record.later = Some(reading.as_str().to_owned());
            self.foreign.insert(key.clone());
            self.followed.foreign += 1;
            self.followed.last = Some(now);
            changed.push(key);
            if self.lines.take(now) {
                if let Some(record) = report.records.get(at) {
                    report.log_record(record);
                }
            } else {
                self.unsaid = self.unsaid.saturating_add(1);
            }
        }
        changed
    }

    /// Puts back what somebody has changed, unless that was done too often.
    fn put_back(
        &mut self,
        report: &mut Report,
        tree: &Tree,
        crew: &mut impl Writers,
        wrong: &[Key],
        now: Instant,
    ) -> bool {
        let places = places(report);
        let mut different = false;
        for key in wrong {
            let Some(place) = places.get(key).and_then(|at| report.records.get_mut(*at)) else { continue };
            let patience = self
                .patience
                .entry(key.clone())
                .or_insert_with(|| Patience { left: Bucket::new(now, PUT_BACK, PUT_BACK_EVERY), said: None });
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
            *place = record;
            if done {
                self.foreign.remove(key);
                self.followed.put_back += 1;
                self.followed.last = Some(now);
            }
            if self.lines.take(now) {
                info!("{key} is put back: {}", if done { "ok" } else { "the kernel does not take it any more" });
            } else {
                self.unsaid = self.unsaid.saturating_add(1);
            }
        }
        different
    }
}

/// Whether a record says that its setting is what it should be.
fn is_in_force(record: &Record) -> bool {
    matches!(record.outcome, Some(Outcome::Ok | Outcome::Unchanged | Outcome::Kept | Outcome::Normalized))
}

/// Where the record of each key is.
fn places(report: &Report) -> BTreeMap<Key, usize> {
    report.records.iter().enumerate().map(|(at, record)| (record.permitted.step().key.clone(), at)).collect()
}

#[cfg(test)]
mod tests;
