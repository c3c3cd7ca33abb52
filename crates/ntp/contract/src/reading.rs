use core::time::Duration;

use orlop_machine::Instant;
use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

use crate::{Offset, Utc};

/// This machine's hardware clock, held against the clock that is kept right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Reading {
    /// When this was.
    pub at: Instant,
    /// What the clock that is kept right showed then.
    pub shown: Utc,
    /// What would have to be added to it.
    pub offset: Offset,
    /// How long it took to look at both: the offset is wrong by half of it at most.
    pub delay: Duration,
}

/// One look: the clock that is kept right, the hardware clock, and the former once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// What the clock that is kept right showed before.
    pub before: Utc,
    /// What the hardware clock showed.
    pub hardware: Utc,
    /// What the clock that is kept right showed after it.
    pub after: Utc,
}

impl Look {
    fn delay(&self) -> Duration {
        self.after.since(self.before).size()
    }

    fn is_forwards(&self) -> bool {
        !self.after.since(self.before).is_backwards()
    }
}

impl Reading {
    /// The best of several looks, of which the last was `at`: the one that took least time. `None` when there was none, or the
    /// clock was set back in each.
    #[must_use]
    pub fn best(at: Instant, looks: impl IntoIterator<Item = Look>) -> Option<Self> {
        let best = looks.into_iter().filter(Look::is_forwards).min_by_key(Look::delay)?;
        let delay = best.delay();
        let half = Offset::from_span(delay.checked_div(2).unwrap_or_default());
        let shown = best.before.saturating_shifted(half);
        Some(Self { at, shown, offset: best.hardware.since(shown), delay })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(before: u64, hardware: u64, after: u64) -> Look {
        let [before, hardware, after] = [before, hardware, after].map(|nanos| {
            Utc::from_parts(
                i64::try_from(nanos / 1_000_000_000).unwrap(),
                u32::try_from(nanos % 1_000_000_000).unwrap(),
            )
        });
        Look { before, hardware, after }
    }

    #[test]
    fn the_look_that_took_least_time_counts() {
        let second = 1_000_000_000;
        for (what, looks, want) in [
            ("none", vec![], None),
            ("one", vec![look(10, second + 15, 20)], Some((1_000_000_000, 10))),
            ("interrupted ones", vec![look(0, 90, 100), look(200, 203, 206), look(300, 390, 400)], Some((0, 6))),
            ("behind", vec![look(2 * second, 10, 2 * second)], Some((10 - 2_000_000_000, 0))),
            ("the clock was set back meanwhile", vec![look(100, 50, 20)], None),
        ] {
            let reading = Reading::best(Instant::from_nanos(7), looks);
            let got = reading.map(|reading| (reading.offset.nanos(), reading.delay.as_nanos()));
            assert_eq!(got, want, "{what}");
        }
    }
}
