//! What the clock shows that is being kept right.

use orlop_ntp_contract::{MockClock, Utc};
use rustix::time::{ClockId, clock_gettime};

/// The machine's wall clock; or, in tests and demonstrations, one that is made from it.
#[derive(Debug, Default)]
pub(crate) struct Wall(Option<MockClock>);

impl Wall {
    /// Another clock from now on.
    pub(crate) fn set(&mut self, mock: MockClock) {
        self.0 = Some(mock);
    }

    /// What it shows now.
    pub(crate) fn now(&self) -> Utc {
        let now = clock_gettime(ClockId::Realtime);
        self.at(Utc::from_parts(now.tv_sec, u32::try_from(now.tv_nsec).unwrap_or(0)))
    }

    /// What it showed when the machine's own clock showed `machine`.
    pub(crate) fn at(&self, machine: Utc) -> Utc {
        self.0.map_or(machine, |mock| mock.at(machine))
    }
}
