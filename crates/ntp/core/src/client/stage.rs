//! How far the client is with making up its mind.

use core::time::Duration;

use orlop_machine::Instant;
use orlop_ntp_contract::{Occasion, PeerId, Step};

use crate::selection::Majority;

/// Where the client stands.
#[derive(Debug)]
pub(super) enum Stage {
    /// Nobody has said how to behave.
    Idle,
    /// Everybody is being asked, and a majority sets the clock.
    Ballot(Ballot),
    /// The broker was asked to set it.
    Stepping(Stepping),
    /// The clock follows a majority.
    Following(Following),
}

/// A round of questions.
#[derive(Debug, Clone)]
pub(super) struct Ballot {
    /// What made the time uncertain; `None` when a single answer did, in which case a majority may set the clock forwards only.
    pub(super) occasion: Option<Occasion>,
    /// Answers that are older say nothing.
    pub(super) opened: Instant,
    /// When a single answer counts, or, without an occasion, when the round is given up.
    pub(super) closes: Option<Instant>,
    /// That moment has passed, and nobody had answered: whoever does is given company for a moment, and then counts.
    pub(super) overdue: bool,
    /// Whether the filter has nothing to go by any more.
    pub(super) anew: bool,
    /// Whom the clock followed before.
    pub(super) before: Vec<PeerId>,
}

/// A step that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Stepping {
    pub(super) step: Step,
    pub(super) majority: Majority,
}

/// Whom the clock follows.
#[derive(Debug, Clone, Default)]
pub(super) struct Following {
    /// Those who agree and are chosen.
    pub(super) chosen: Vec<PeerId>,
    /// Whether the last vote had a majority.
    pub(super) split: bool,
    /// The clock is too far off for the filter and may not be set: until then it is slewed as fast as it may be.
    pub(super) slewing_until: Option<Instant>,
}

/// How long everybody has to answer when a single answer has made the time uncertain. Two questions and their answers.
pub(super) const DOUBT: Duration = Duration::from_secs(10);

/// How much later than the first answer another one may come, after a long silence: one more question.
pub(super) const COMPANY: Duration = Duration::from_secs(3);

impl Stage {
    /// What has made the time uncertain, until it is decided.
    pub(super) const fn occasion(&self) -> Option<Occasion> {
        match self {
            Self::Idle | Self::Following(_) => None,
            Self::Ballot(ballot) => ballot.occasion,
            Self::Stepping(stepping) => stepping.step.why.occasion(),
        }
    }

    /// When something has to be decided, whoever answers.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Idle | Self::Stepping(_) => None,
            Self::Ballot(ballot) => ballot.closes,
            Self::Following(following) => following.slewing_until,
        }
    }
}
