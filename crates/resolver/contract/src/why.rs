//! Why a question is answered as it is, for the operator who wonders: nobody is asked for it.

use core::time::Duration;

use orlop_wire::{Bounded, DomainName, MaxSize};
use serde::{Deserialize, Serialize};

use crate::{MAX_UPSTREAMS, UpstreamId, UpstreamState};

/// What would become of a question that a program asks now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Why {
    /// What is kept of it; what is fresh is given out, and nobody is asked.
    pub kept: Kept,
    /// By which rule somebody is asked otherwise.
    pub way: Way,
    /// Who that would be, the best first: none where this machine answers by itself, or where nobody can be asked.
    pub servers: Bounded<Candidate, MAX_UPSTREAMS>,
}

/// What the cache has of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Kept {
    /// Nothing.
    Nothing,
    /// An answer, for so many seconds more.
    Fresh(u32),
    /// An answer whose time was over so many seconds ago: given out while no server answers.
    Stale(u32),
}

/// By which rule it is decided who is asked for a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Way {
    /// Nobody: it is a name of this machine, or of special use.
    Machine,
    /// The servers for all names: no route is for it.
    General,
    /// Those of them that are in private networks: only these can know it.
    Private,
    /// Those of the route for this domain.
    Routed(DomainName),
}

/// A server that may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Candidate {
    /// Which.
    pub upstream: UpstreamId,
    /// What is thought of it.
    pub state: UpstreamState,
    /// How long it takes to answer, smoothed; `None` before its first answer.
    pub srtt: Option<Duration>,
}
