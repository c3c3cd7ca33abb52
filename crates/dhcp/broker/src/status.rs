//! What the daemon does, for people and programs: `status.json`, metrics, and what `orlop-dhcp status` shows.
//!
//! [`Status`] is a snapshot that can be compared, a [`Document`] with our [`Body`] its form in `/run/orlop/dhcp/status.json`. Neither holds
//! a secret: everything in them is on the wire in clear, or in `/proc`.

mod document;
mod metrics;
mod show;
mod standing;
mod text;

use orlop_broker::moment::Now;
use orlop_broker::posture::Postures;
use orlop_broker::status::{Document, Header, Snapshot};
use orlop_dhcp_contract::{Counters, HardwareAddr, IfIndex, Lease, Progress, Refusal};
use orlop_machine::Instant;
use orlop_wire::InterfaceName;

use crate::config::ConflictDetection;
use crate::settings::Mode;
use crate::verdict::Achievement;
use orlop_dhcp_profiles::DAEMON;

pub use document::{Body, ConflictDocument, InterfaceDocument, LeaseDocument};
pub use show::{Shown, View, show};
pub use standing::{LeaseStanding, standing};

/// What the daemon does right now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Once, or for ever.
    pub mode: Mode,
    /// When the daemon was started, by this process or one before it.
    pub started: Instant,
    /// How often broker and worker were started anew since then.
    pub restarts: u32,
    /// The interfaces it looks after, in the order of their indices.
    pub links: Vec<LinkStatus>,
    /// What a one-shot run achieved, once it is over.
    pub outcome: Option<Achievement>,
    /// What each process is restricted by.
    pub postures: Postures,
}

/// What happens on one interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkStatus {
    /// What it is called.
    pub name: InterfaceName,
    /// Its number in the kernel.
    pub index: IfIndex,
    /// Its hardware address, as in `chaddr`.
    pub hardware: HardwareAddr,
    /// Whether it has a carrier.
    pub carrier: bool,
    /// The metric of its routes.
    pub metric: u32,
    /// What the worker last said about it.
    pub progress: Option<Progress>,
    /// The lease in force.
    pub lease: Option<Lease>,
    /// Why the last lease is not in force.
    pub refused: Option<Refusal>,
    /// Whether it is found out that another host has the address.
    pub conflict_detection: ConflictDetection,
}

impl Status {
    /// What every daemon says of itself.
    fn header(&self) -> Header<'_> {
        let Self { mode, started, restarts, links: _, outcome: _, postures } = self;
        Header { daemon: &DAEMON, mode: mode.name(), started: *started, restarts: *restarts, postures }
    }

    /// The document, written `now`.
    #[must_use]
    pub fn document(&self, now: Now) -> Document<Body> {
        Document::new(&self.header(), Body::new(self, now), now)
    }
}

impl Snapshot for Status {
    fn uncounted(&self) -> Self {
        let mut status = self.clone();
        for progress in status.links.iter_mut().filter_map(|link| link.progress.as_mut()) {
            (progress.sent, progress.discards) = (0, Counters::default());
            (progress.contest.defences, progress.contest.other) = (0, None);
        }
        status
    }

    /// The outcome of a run never waits.
    fn is_last(&self) -> bool {
        self.outcome.is_some()
    }

    fn to_json(&self, now: Now) -> String {
        self.document(now).to_json()
    }

    fn to_metrics(&self) -> String {
        metrics::render(self)
    }
}

#[cfg(test)]
mod tests;
