//! What the clock shows, between two looks at it.

use core::time::Duration;

use orlop_machine::Instant;
use orlop_ntp_contract::{Offset, Utc};

/// Both clocks of the machine at one moment. The kernel lets them run at the same rate, so that between two steps one says
/// what the other shows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wall(Option<(Instant, Utc)>);

/// A difference that is no step of the clock: somebody else ran between the looks at one clock and at the other.
const UNCERTAIN: Duration = Duration::from_millis(100);

impl Wall {
    /// What the clock shows `now`, once it was looked at.
    pub(super) fn at(self, now: Instant) -> Option<Utc> {
        self.0.map(|(instant, utc)| {
            let ahead = Offset::from_span(now.since(instant)).minus(Offset::from_span(instant.since(now)));
            utc.saturating_shifted(ahead)
        })
    }

    /// The clock shows this. Says by how much somebody has set it since the last look.
    pub(super) fn look(&mut self, now: Instant, utc: Utc) -> Option<Offset> {
        let jump = self.at(now).map(|expected| utc.since(expected)).filter(|jump| jump.size() > UNCERTAIN);
        self.0 = Some((now, utc));
        jump
    }

    /// The clock was set by this much.
    pub(super) fn shift(&mut self, by: Offset) {
        self.0 = self.0.map(|(instant, utc)| (instant, utc.saturating_shifted(by)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_seen_and_a_delay_is_not() {
        let at = |secs: u64| Instant::from_nanos(secs * 1_000_000_000);
        let mut wall = Wall::default();
        assert_eq!(wall.at(at(1)), None);
        assert_eq!(wall.look(at(1), Utc::from_secs(1000)), None, "the first look");
        assert_eq!(wall.at(at(61)), Some(Utc::from_secs(1060)));
        assert_eq!(wall.look(at(61), Utc::from_parts(1060, 100_000_000)), None, "looked at a little later");
        let hour = Offset::from_span(Duration::from_secs(3600));
        assert_eq!(wall.look(at(62), Utc::from_parts(4661, 100_000_000)), Some(hour));
        wall.shift(Offset::ZERO.minus(hour));
        assert_eq!(wall.at(at(62)), Some(Utc::from_parts(1061, 100_000_000)));
        assert_eq!(wall.at(at(61)), Some(Utc::from_parts(1060, 100_000_000)), "a moment ago");
    }
}
