//! What a daemon remembers from one run to the next, as text.

use core::fmt::{self, Write as _};
use core::time::Duration;

use orlop_machine::Instant;
use orlop_wire::{Bounded, Str};

use crate::{Account, Frequency, Handover, MAX_PEERS, Offset, Utc};

/// Longest state file that is looked at; ours has half of it at most.
pub const MAX_STATE: usize = 8192;

const TITLE: &str = "orlop-ntp-state 1";

/// The state file: a title, then a key and a value in each line, in any order. A key from the future is passed over.
///
/// | key | value |
/// |---|---|
/// | `drift` | correction of the crystal, in 2^-16 ppm |
/// | `good` | the last time that a majority vouched for, in nanoseconds since 1970 |
/// | `boot` | the `boot_id` of the run that the following belongs to |
/// | `at` | when it was written, in nanoseconds after that boot |
/// | `settled` | `yes` when the clock was set, or found right, in that run; else `no` |
/// | `steps-spent` | of the number of steps, in nanoseconds |
/// | `forwards-spent` | of the way forwards, in nanoseconds |
/// | `sample` | [`Handover`]: from a one-shot run only, a line for each server |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// The correction of the crystal, if it is known.
    pub drift: Option<Frequency>,
    /// A hint of where to begin; never a floor.
    pub last_good: Option<Utc>,
    /// What the worker was allowed; only whole.
    pub account: Option<Account>,
    /// What servers said last.
    pub samples: Bounded<Handover, MAX_PEERS>,
}

/// How old a sample may be that is taken over: a service that is running asks no more often to begin with.
const FRESH: Duration = Duration::from_secs(64);

/// How far the clock and the time since boot may have moved apart in that time: somebody has set the clock when it is more.
const UNMOVED: Duration = Duration::from_millis(100);

/// What the kernel calls a run of the machine: `/proc/sys/kernel/random/boot_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootId(Str<36>);

impl BootId {
    /// The identifier, without the end of the line: hexadecimal digits and hyphens.
    #[must_use]
    pub fn new(id: &str) -> Option<Self> {
        let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        plain.then(|| Str::new(id).map(Self)).flatten()
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl State {
    /// Reads a state file.
    ///
    /// # Errors
    /// What is wrong with it. A daemon then begins as if there were none.
    pub fn parse(text: &str) -> Result<Self, StateError> {
        if text.len() > MAX_STATE {
            return Err(StateError::TooLong { len: text.len() });
        }
        let mut lines = text.lines();
        if lines.next() != Some(TITLE) {
            return Err(StateError::NoTitle);
        }
        let mut read = Read::default();
        for line in lines {
            let (key, value) = line.split_once(' ').ok_or(StateError::NoValue)?;
            read.line(key, value)?;
        }
        read.state()
    }

    /// The text that [`State::parse`] reads.
    #[must_use]
    pub fn render(&self) -> String {
        let Self { drift, last_good, account, samples } = self;
        let mut text = format!("{TITLE}\n");
        let mut line = |key: &str, value: &dyn fmt::Display| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{key} {value}");
        };
        if let Some(drift) = drift {
            line("drift", &drift.scaled());
        }
        if let Some(good) = last_good {
            line("good", &good.nanos());
        }
        if let Some(Account { boot, at, settled, steps, forwards }) = account {
            line("boot", boot);
            line("at", &at.as_nanos());
            line("settled", if *settled { &"yes" } else { &"no" });
            line("steps-spent", &steps.as_nanos());
            line("forwards-spent", &forwards.as_nanos());
        }
        for sample in samples {
            line("sample", sample);
        }
        text
    }

    /// The samples that still say something `now`, when the clock shows `clock`: of this run of the machine, not old, and nobody has
    /// set the clock since.
    #[must_use]
    pub fn samples_as_of(&self, now: Instant, boot: &BootId, clock: Utc) -> Bounded<Handover, MAX_PEERS> {
        let (Some(good), Some(account)) = (self.last_good, &self.account) else { return Bounded::new() };
        let moved = clock.since(good).minus(Offset::from_span(now.since(account.at))).size();
        if account.boot != *boot || account.at > now || moved > UNMOVED {
            return Bounded::new();
        }
        let is_fresh = |sample: &&Handover| sample.at <= account.at && now.since(sample.at) <= FRESH;
        self.samples.iter().filter(is_fresh).copied().collect()
    }
}

/// The values that were seen.
#[derive(Default)]
struct Read {
    drift: Option<Frequency>,
    good: Option<Utc>,
    boot: Option<BootId>,
    at: Option<Instant>,
    settled: Option<bool>,
    steps: Option<Duration>,
    forwards: Option<Duration>,
    samples: Bounded<Handover, MAX_PEERS>,
}

impl Read {
    fn line(&mut self, key: &str, value: &str) -> Result<(), StateError> {
        match key {
            "drift" => once(&mut self.drift, value.parse().ok().and_then(Frequency::new), "drift"),
            "good" => once(&mut self.good, value.parse().ok().and_then(Utc::from_nanos), "good"),
            "boot" => once(&mut self.boot, BootId::new(value), "boot"),
            "at" => once(&mut self.at, value.parse().ok().map(Instant::from_nanos), "at"),
            "settled" => {
                let known = matches!(value, "yes" | "no");
                once(&mut self.settled, known.then_some(value == "yes"), "settled")
            }
            "steps-spent" => once(&mut self.steps, value.parse().ok().map(Duration::from_nanos), "steps-spent"),
            "forwards-spent" => {
                once(&mut self.forwards, value.parse().ok().map(Duration::from_nanos), "forwards-spent")
            }
            "sample" => {
                let sample = Handover::parse(value).ok_or(StateError::BadValue { key: "sample" })?;
                self.samples.push(sample).map_err(|_| StateError::TooMany)
            }
            _ => Ok(()),
        }
    }

    fn state(self) -> Result<State, StateError> {
        let account = match (self.boot, self.at, self.settled, self.steps, self.forwards) {
            (None, None, None, None, None) => None,
            (Some(boot), Some(at), Some(settled), Some(steps), Some(forwards)) => {
                Some(Account { boot, at, settled, steps, forwards })
            }
            _ => return Err(StateError::Incomplete),
        };
        Ok(State { drift: self.drift, last_good: self.good, account, samples: self.samples })
    }
}

fn once<T>(place: &mut Option<T>, value: Option<T>, key: &'static str) -> Result<(), StateError> {
    if place.is_some() {
        return Err(StateError::Twice { key });
    }
    *place = Some(value.ok_or(StateError::BadValue { key })?);
    Ok(())
}

/// What is wrong with a state file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Longer than any of ours.
    #[error("{len} bytes, a state file has {MAX_STATE} at most")]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// The first line is not the title.
    #[error("the first line is not `{TITLE}`")]
    NoTitle,
    /// A line has no space.
    #[error("a line without a value")]
    NoValue,
    /// A value does not fit its key.
    #[error("`{key}` has no value of its kind")]
    BadValue {
        /// The key.
        key: &'static str,
    },
    /// A key comes twice.
    #[error("`{key}` comes twice")]
    Twice {
        /// The key.
        key: &'static str,
    },
    /// More samples than servers can be asked.
    #[error("more than {MAX_PEERS} samples")]
    TooMany,
    /// Some lines of the budget are there, and others are not.
    #[error("the budget of steps is not complete")]
    Incomplete,
}

#[cfg(test)]
mod tests;
