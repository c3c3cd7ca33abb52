//! How leases stand, for somebody who waits until they are renewed.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use orlop_broker::status::{self, Document};
use orlop_dhcp_contract::Phase;
use orlop_machine::Instant;
use orlop_sandbox::fatal::Fatal;

use super::{Body, InterfaceDocument};
use crate::control::Target;
use orlop_dhcp_profiles::DAEMON;

/// One interface in the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseStanding(InterfaceDocument);

/// How the interfaces of `target` stand: all that have a carrier, or the one that is named.
///
/// # Errors
/// There is no status, or none of this version.
pub fn standing(folder: &Path, target: &Target) -> Result<Vec<LeaseStanding>, Fatal> {
    let (_, document): (String, Document<Body>) = status::read(&DAEMON, folder)?;
    let wanted = |one: &InterfaceDocument| match target {
        Target::All => one.carrier,
        Target::One(name) => one.name == *name,
    };
    Ok(document.body.interfaces.into_iter().filter(wanted).map(LeaseStanding).collect())
}

impl LeaseStanding {
    /// Whether a server has granted or extended its lease at a request that was sent after `moment`.
    #[must_use]
    pub fn is_renewed_since(&self, moment: Instant) -> bool {
        let acquired = self
            .0
            .lease
            .as_ref()
            .map(|lease| Instant::from_nanos(lease.acquired.boottime_ms.saturating_mul(1_000_000)));
        // Whole milliseconds, rounded down.
        let acquired = acquired.map(|at| at.after(Duration::from_millis(1)));
        self.0.phase == Some(Phase::Bound) && acquired.is_some_and(|at| at > moment)
    }

    /// What the interface is called.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.name.to_string()
    }
}

impl fmt::Display for LeaseStanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.lease {
            Some(lease) => write!(f, "{} has {} from {}", self.0.name, lease.address, lease.server),
            None => write!(f, "{} has no lease", self.0.name),
        }
    }
}
