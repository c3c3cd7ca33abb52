//! What the daemon does, for people and programs: `status.json`, metrics, and what `orlop-dhcp status` shows.
//!
//! [`Status`] is a snapshot that can be compared, [`Document`] its form in `/run/orlop/dhcp/status.json`. Neither holds
//! a secret: everything in them is on the wire in clear, or in `/proc`.

mod document;
mod metrics;
mod show;
mod text;
mod writer;

use orlop_dhcp_contract::{HardwareAddr, IfIndex, Lease, Progress, Refusal};
use orlop_machine::Instant;
use orlop_sandbox::posture::{self, Posture};
use serde::{Deserialize, Serialize};

use crate::interface_name::InterfaceName;
use crate::settings::Mode;
use crate::verdict::Outcome;

pub use document::{Document, InterfaceDocument, LeaseDocument, Moment};
pub use show::{Shown, StatusError, show};
pub use writer::{Restarts, Writer};

/// The name of the document in the daemon's folder.
pub const STATUS_FILE: &str = "status.json";
/// The name of the metrics in the folder that node_exporter's textfile collector reads.
pub const METRICS_FILE: &str = "dhcp.prom";

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
    pub outcome: Option<Outcome>,
    /// What each process is restricted by.
    pub postures: Postures,
}

/// What happens on one interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkStatus {
    /// What it is called.
    pub name: InterfaceName,
    /// Its number.
    pub index: IfIndex,
    /// Its address.
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
}

/// What each process is restricted by.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Postures {
    /// The worker's claim, which its broker checked.
    pub worker: Option<Posture>,
    /// The broker's own.
    pub broker: Option<Posture>,
    /// What the kernel says about the supervisor, where the broker can see it.
    pub supervisor: Option<posture::Status>,
}

impl Postures {
    /// The postures by themselves, for a person or for a program.
    #[must_use]
    pub fn show(&self, json: bool) -> String {
        if json {
            let mut text = serde_json::to_string_pretty(self).expect("postures are plain data with text keys");
            text.push('\n');
            text
        } else {
            text::postures(self)
        }
    }
}

#[cfg(test)]
mod tests;
