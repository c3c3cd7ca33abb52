//! What the clock shows that is being kept right.

use std::time::SystemTime;

use orlop_ntp_contract::{MockClock, Offset, Utc};

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
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.at(Utc::EPOCH.saturating_shifted(Offset::from_span(since)))
    }

    /// What it showed when the machine's own clock showed `machine`.
    pub(crate) fn at(&self, machine: Utc) -> Utc {
        self.0.map_or(machine, |mock| mock.at(machine))
    }
}
