//! Address conflict detection (RFC 5227): what a worker may ask for while the broker lets it hear ARP about one address.

use core::time::Duration;

use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

use crate::HardwareAddr;

/// An ARP packet to send. It has no field: the address and the hardware address in it are those that the broker knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, MaxSize)]
pub enum Arp {
    /// Who has the address? It says nothing about us: the sender's address is 0.0.0.0 (section 2.1.1).
    Probe,
    /// We have it now (section 2.3).
    Announce,
    /// We have it, whatever another host says (section 2.4). The same packet as [`Arp::Announce`].
    Defend {
        /// The other host, for the log.
        against: HardwareAddr,
    },
}

/// What the probes of an address have found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, MaxSize)]
pub enum Finding {
    /// Nobody else has it.
    Free,
    /// Another host has it, or is probing for it as well.
    Taken {
        /// Who.
        by: HardwareAddr,
    },
}

/// How an address fares against other hosts on the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, MaxSize)]
pub struct Contest {
    /// What is being done about it.
    pub stage: Stage,
    /// Addresses that another host turned out to have while they were probed for, since the process began.
    pub conflicts: u32,
    /// How often our address was defended since the process began.
    pub defences: u32,
    /// The latest host that claimed one of our addresses.
    pub other: Option<HardwareAddr>,
}

impl Contest {
    /// Whether it says more than `before`. The name of the other host alone is no news: it may write another into each packet.
    #[must_use]
    pub fn is_news_after(&self, before: &Self) -> bool {
        let Self { stage, conflicts, defences, other: _ } = self;
        (*stage, *conflicts, *defences) != (before.stage, before.conflicts, before.defences)
    }
}

/// How far the detection of conflicts has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, MaxSize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// No address is watched.
    #[default]
    Off,
    /// The link is asked who has the address.
    Probing,
    /// Nobody else had it; it is defended.
    Watching,
}

impl Stage {
    /// As the status has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Probing => "probing",
            Self::Watching => "watching",
        }
    }
}

/// The times of RFC 5227 section 1.1, under its names.
pub mod timing {
    use super::Duration;

    /// Longest wait before the first probe.
    pub const PROBE_WAIT: Duration = Duration::from_secs(1);
    /// Probes.
    pub const PROBE_NUM: u32 = 3;
    /// Shortest time from one probe to the next.
    pub const PROBE_MIN: Duration = Duration::from_secs(1);
    /// Longest time from one probe to the next.
    pub const PROBE_MAX: Duration = Duration::from_secs(2);
    /// From the last probe to the first announcement.
    pub const ANNOUNCE_WAIT: Duration = Duration::from_secs(2);
    /// Announcements.
    pub const ANNOUNCE_NUM: u32 = 2;
    /// From one announcement to the next.
    pub const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(2);
    /// Conflicts in a row after which new addresses are tried more slowly.
    pub const MAX_CONFLICTS: u32 = 10;
    /// How slowly.
    pub const RATE_LIMIT_INTERVAL: Duration = Duration::from_secs(60);
    /// From one defence to the next.
    pub const DEFEND_INTERVAL: Duration = Duration::from_secs(10);
}
