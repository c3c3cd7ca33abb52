use core::time::Duration;

use orlop_machine::Chance;

use crate::provider::Failure;

/// The shortest wait before a question is repeated.
const FIRST: Duration = Duration::from_millis(100);

/// The longest wait, unless the provider asks for a longer one.
const LONGEST: Duration = Duration::from_secs(2);

/// How often one question was asked in vain, and why the last time.
#[derive(Debug, Default)]
pub(super) struct Patience {
    attempts: u32,
    why: Option<Failure>,
}

impl Patience {
    /// How long to wait now: anything from [`FIRST`] to a limit that doubles with each attempt, up to [`LONGEST`] ("full jitter").
    pub(super) fn wait(&mut self, chance: &mut Chance, why: Failure) -> Duration {
        self.attempts = self.attempts.saturating_add(1);
        self.why = Some(why);
        let limit = FIRST.saturating_mul(1_u32.checked_shl(self.attempts).unwrap_or(u32::MAX)).min(LONGEST);
        chance.duration(FIRST..=limit)
    }

    pub(super) const fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(super) const fn why(&self) -> Option<Failure> {
        self.why
    }
}
