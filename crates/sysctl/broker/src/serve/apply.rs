//! Carries out a plan: opens each key, hands it to the applier of its class, and judges what came back.
//!
//! In the order of the plan, with two liberties: while keys of one class follow each other, several are under way; and what the
//! kernel refused is tried again when all others were tried.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use orlop_sandbox::applier::AT_ONCE;
use orlop_sysctl_contract::{
    Access, Arranged, Attempt, Class, Job, Outcome, Permitted, Trial, Want, Wrote, holds, judge,
};
use rustix::io::Errno;

use crate::reading::reading;
use crate::report::Record;
use crate::tree::Tree;

/// Who writes settings.
pub(crate) trait Writers {
    /// One of them.
    type Writer: Writer;

    /// Who writes keys of `class`: the one with its capability; where that was not granted, the one without any, so that
    /// the kernel decides.
    fn of(&mut self, class: Class) -> Option<&mut Self::Writer>;

    /// Who tries once more when the kernel asked for a capability that the writer of `class` does not have.
    fn second(&mut self, class: Class) -> Option<&mut Self::Writer>;
}

/// A process that writes settings, several at a time, and answers in order.
pub(crate) trait Writer {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// Hands it a job. `None` when it has ended; `Some(false)` when it has too many already.
    fn send(&mut self, job: &Job, setting: BorrowedFd<'_>) -> Option<bool>;

    /// Waits for the answer to the oldest job. `None` when it has ended.
    fn recv(&mut self) -> Option<Trial>;
}

/// Tries every setting, and the locks after all others. `dry`: nothing is written.
pub(crate) fn all(tree: &Tree, crew: &mut impl Writers, mut plan: Arranged, dry: bool) -> Vec<Record> {
    let settings = std::mem::take(&mut plan.settings);
    let mut records = Vec::with_capacity(settings.len());
    let mut held = Vec::new();
    try_all(tree, crew, settings, dry, &mut records, &mut held);
    if !dry {
        try_refused(tree, crew, &mut records);
    }
    let is_missing = |record: &Record| record.outcome == Some(Outcome::Missing) && !record.permitted.step().lenient;
    let missing = records.iter().any(is_missing);
    try_all(tree, crew, plan.locks(missing), dry, &mut records, &mut held);
    if !dry {
        let mut held = held.into_iter().peekable();
        for (at, record) in records.iter_mut().enumerate() {
            let open = held.next_if(|(holder, _)| *holder == at).map(|(_, setting)| setting);
            look_again(tree, record, open);
        }
    }
    records
}

/// Tries nothing.
pub(super) fn none(mut plan: Arranged) -> Vec<Record> {
    let record = |permitted| Record::new(permitted);
    let settings = std::mem::take(&mut plan.settings);
    settings.into_iter().chain(plan.locks(false)).map(record).collect()
}

fn try_all(
    tree: &Tree,
    crew: &mut impl Writers,
    steps: Vec<Permitted>,
    dry: bool,
    records: &mut Vec<Record>,
    held: &mut Held,
) {
    let mut steps = VecDeque::from(steps);
    while let Some(class) = steps.front().map(Permitted::class) {
        let end = steps.iter().position(|step| step.class() != class).unwrap_or(steps.len());
        let first = records.len();
        try_run(tree, crew, class, steps.drain(..end), dry, records, held);
        if !dry {
            for record in records.iter_mut().skip(first) {
                again(tree, crew, record);
            }
        }
    }
}

/// Tries steps of one class.
fn try_run(
    tree: &Tree,
    crew: &mut impl Writers,
    class: Class,
    steps: impl Iterator<Item = Permitted>,
    dry: bool,
    records: &mut Vec<Record>,
    held: &mut Held,
) {
    let mut hand = crew.of(class);
    let by = hand.as_ref().map(|hand| hand.name());
    // Where in `records` the answers belong that are still to come.
    let mut under_way = VecDeque::new();
    for permitted in steps {
        let mut record = Record::new(permitted);
        match (tree.open_key(&record.permitted.step().key), &mut hand) {
            (Err(errno), _) => conclude(&mut record, Attempt::Unopened(errno.raw_os_error())),
            (Ok(_), None) => lost(&mut record),
            (Ok((setting, access)), Some(hand)) => {
                let hand = &mut **hand;
                record.by = by;
                // One that must not be written may be in force already.
                let dry = dry || record.permitted.hold().is_some();
                let job = job(&record.permitted, access, dry);
                if under_way.len() >= AT_ONCE {
                    take_half(hand, &mut under_way, records);
                }
                loop {
                    match hand.send(&job, setting.as_fd()) {
                        Some(true) => {
                            under_way.push_back((records.len(), access));
                            if !dry && held.len() < MOST_HELD {
                                held.push((records.len(), setting));
                            }
                            break;
                        }
                        Some(false) if !under_way.is_empty() => take_half(hand, &mut under_way, records),
                        // Its queue is empty: it is not the applier that has no room.
                        Some(false) => break crowded(&mut record),
                        None => break lost(&mut record),
                    }
                }
            }
        }
        records.push(record);
    }
    if let Some(hand) = hand {
        while !under_way.is_empty() {
            take(hand, &mut under_way, records);
        }
    }
}

fn job(permitted: &Permitted, access: Access, dry: bool) -> Job {
    let step = permitted.step();
    // `at-least` never writes less than there is, so never without need.
    let insist = step.key.inherits() && matches!(step.want, Want::Exactly(_));
    Job { want: step.want.clone(), access, dry, insist }
}

/// Settings that stay open until they are looked at again, by their place among the records.
type Held = Vec<(usize, OwnedFd)>;

/// As many as a broker's descriptors allow, with room for what else it opens; others are opened again.
const MOST_HELD: usize = 192;

type UnderWay = VecDeque<(usize, Access)>;

/// Takes the answers to the older half of the jobs. If it were one, the two processes would wake each other for every
/// single setting.
fn take_half(hand: &mut impl Writer, under_way: &mut UnderWay, records: &mut [Record]) {
    for _ in 0..under_way.len().div_ceil(2) {
        take(hand, under_way, records);
    }
}

/// Takes the answer to the oldest job.
fn take(hand: &mut impl Writer, under_way: &mut UnderWay, records: &mut [Record]) {
    let Some((at, access)) = under_way.pop_front() else { return };
    let Some(record) = records.get_mut(at) else { return };
    match hand.recv() {
        Some(trial) => conclude(record, Attempt::Tried(access, trial)),
        None => lost(record),
    }
}

/// Tries once more, elsewhere, what failed for want of a capability that our table does not know of.
fn again(tree: &Tree, crew: &mut impl Writers, record: &mut Record) {
    let Some(Attempt::Tried(_, trial)) = &record.attempt else { return };
    let refused = [Errno::PERM, Errno::ACCESS].map(|errno| Wrote::Refused(errno.raw_os_error()));
    if !refused.contains(&trial.wrote) || record.outcome == Some(Outcome::Locked) {
        return;
    }
    let Some(hand) = crew.second(record.permitted.class()) else { return };
    if try_one(tree, hand, record) && matches!(record.outcome, Some(Outcome::Denied(_))) {
        // The first one had the capability of the class: it is not for want of that.
        record.outcome = Some(Outcome::Denied(None));
    }
}

/// Passes over what was refused, at most: as many lines can each need the next one.
const MOST_PASSES: u8 = 3;

/// Tries again what the kernel refused, in order, while that gains something: a later line may have been needed first, as the
/// one that lowers `ip_unprivileged_port_start` before an `ip_local_port_range`.
fn try_refused(tree: &Tree, crew: &mut impl Writers, records: &mut [Record]) {
    for _ in 0..MOST_PASSES {
        let mut gained = false;
        for record in records.iter_mut().filter(|record| is_refused(record)) {
            record.retries = record.retries.saturating_add(1);
            let class = record.permitted.class();
            if crew.of(class).is_some_and(|hand| try_one(tree, hand, record)) {
                again(tree, crew, record);
                gained |= !is_refused(record);
            }
        }
        if !gained {
            return;
        }
    }
}

/// Whether the kernel took no value, or let none be handed over, and may do so another time.
pub(crate) fn is_refused(record: &Record) -> bool {
    let refused = matches!(&record.attempt, Some(Attempt::Tried(_, Trial { wrote: Wrote::Refused(_), .. })));
    (refused && record.outcome != Some(Outcome::Locked)) || record.outcome == Some(CROWDED)
}

/// Tries one setting and waits for what comes of it. Says whether it was tried; if not, it stays as it was judged.
fn try_one(tree: &Tree, hand: &mut impl Writer, record: &mut Record) -> bool {
    let Ok((setting, access)) = tree.open_key(&record.permitted.step().key) else { return false };
    if hand.send(&job(&record.permitted, access, false), setting.as_fd()) != Some(true) {
        return false;
    }
    let Some(trial) = hand.recv() else { return false };
    record.by = Some(hand.name());
    conclude(record, Attempt::Tried(access, trial));
    true
}

/// Looks, when everything is done, whether what was in force still is: a setting can change others. What cannot be read
/// from here, for want of a capability, stays as it was judged.
fn look_again(tree: &Tree, record: &mut Record, open: Option<OwnedFd>) {
    let changed = match record.outcome {
        Some(Outcome::Ok | Outcome::Unchanged | Outcome::Kept | Outcome::Normalized) => Outcome::Overtaken,
        // Its applier could not read it, or says so.
        Some(Outcome::Unverified) => Outcome::Mismatch,
        Some(_) | None => return,
    };
    let step = record.permitted.step();
    let now = open.map_or_else(|| tree.read(&step.key), |setting| reading(&setting));
    let Some(now) = now else { return };
    if !holds(&step.want, &now) {
        record.outcome = Some(changed);
        record.later = Some(now.as_str().to_owned());
    }
}

fn conclude(record: &mut Record, attempt: Attempt) {
    record.outcome = Some(judge(&record.permitted, &attempt));
    record.attempt = Some(attempt);
}

/// The kernel lets no descriptor be handed over: all processes of a user may have only so many under way, and those of somebody
/// else are. It may have room later in the run.
fn crowded(record: &mut Record) {
    record.outcome = Some(CROWDED);
}

const CROWDED: Outcome = Outcome::Failed(Errno::TOOMANYREFS.raw_os_error());

/// Nobody is there to try.
fn lost(record: &mut Record) {
    record.outcome = Some(Outcome::Failed(Errno::PIPE.raw_os_error()));
}

#[cfg(test)]
pub(crate) mod tests;
