//! What of the policy outlives its process.

use core::time::Duration;

use orlop_machine::Instant;

use crate::BootId;

/// What a worker was allowed so far. The broker keeps it in the state file, so that nobody gets more by making it die.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// In which run of the machine this was.
    pub boot: BootId,
    /// When this was true, after that boot.
    pub at: Instant,
    /// Whether the clock was set, or somebody vouched for it, since that boot.
    pub settled: bool,
    /// How much of the number of steps is spent.
    pub steps: Duration,
    /// How much of the way forwards is spent.
    pub forwards: Duration,
}

/// What an [`Account`] says to a later process.
#[derive(Debug, Default)]
pub(super) struct Past {
    pub(super) settled: bool,
    pub(super) steps: Duration,
    pub(super) forwards: Duration,
}

impl Account {
    /// What is left of it `now`. Within one run of the machine, what was spent comes back with time; a new run does not know
    /// how long the machine was off, so nothing has come back, but nobody has vouched for its clock either.
    pub(super) fn as_of(&self, now: Instant, boot: &BootId) -> Past {
        let Self { boot: ours, at, settled, steps, forwards } = self;
        let same = ours == boot;
        let ago = if same { now.since(*at) } else { Duration::ZERO };
        Past { settled: same && *settled, steps: steps.saturating_sub(ago), forwards: forwards.saturating_sub(ago) }
    }
}
