use core::fmt;

use orlop_machine::Instant;
use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

use crate::{Contest, Counters};

/// Where the machine of a link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Progress {
    /// The state.
    pub phase: Phase,
    /// Since when.
    pub since: Instant,
    /// Messages asked for in this exchange.
    pub sent: u32,
    /// DHCPNAKs accepted since the process began.
    pub naks: u32,
    /// What was dropped since the process began.
    pub discards: Counters,
    /// How the address fares against other hosts.
    pub contest: Contest,
}

/// The states of RFC 2131 figure 5, and the two around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, MaxSize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// No carrier: nothing can be asked.
    NoCarrier,
    /// Waiting before the next DISCOVER (after a NAK or a decline).
    Init,
    /// DISCOVER sent.
    Selecting,
    /// REQUEST for an offer sent.
    Requesting,
    /// REQUEST for the address of before sent.
    Rebooting,
    /// Leased.
    Bound,
    /// Leased, T1 has passed.
    Renewing,
    /// Leased, T2 has passed.
    Rebinding,
    /// Given back; idle until told otherwise.
    Released,
}

impl Phase {
    /// The RFC's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoCarrier => "no-carrier",
            Self::Init => "init",
            Self::Selecting => "selecting",
            Self::Requesting => "requesting",
            Self::Rebooting => "rebooting",
            Self::Bound => "bound",
            Self::Renewing => "renewing",
            Self::Rebinding => "rebinding",
            Self::Released => "released",
        }
    }

    /// Whether an address is leased in this state.
    #[must_use]
    pub const fn is_leased(self) -> bool {
        matches!(self, Self::Bound | Self::Renewing | Self::Rebinding)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_called_as_the_rfc_calls_it_and_three_have_a_lease() {
        for (phase, name, leased) in [
            (Phase::NoCarrier, "no-carrier", false),
            (Phase::Init, "init", false),
            (Phase::Selecting, "selecting", false),
            (Phase::Requesting, "requesting", false),
            (Phase::Rebooting, "rebooting", false),
            (Phase::Bound, "bound", true),
            (Phase::Renewing, "renewing", true),
            (Phase::Rebinding, "rebinding", true),
            (Phase::Released, "released", false),
        ] {
            assert_eq!((phase.name(), phase.to_string().as_str(), phase.is_leased()), (name, name, leased));
        }
    }
}
