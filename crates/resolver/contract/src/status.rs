use core::time::Duration;

use orlop_wire::{Bounded, MaxSize};
use serde::{Deserialize, Serialize};

use crate::{Counters, MAX_UPSTREAMS};

/// How the serving, the cache and the servers stand.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, MaxSize)]
pub struct Status {
    /// What clients got.
    pub served: Served,
    /// What is kept.
    pub cache: CacheStatus,
    /// Questions that wait for a server now.
    pub in_flight: u32,
    /// What was dropped since the process began.
    pub discards: Counters,
    /// Every server, by its number.
    pub upstreams: Bounded<UpstreamStatus, MAX_UPSTREAMS>,
}

/// What clients got, since the process began. Counters saturate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, MaxSize)]
pub struct Served {
    /// Questions that were understood.
    pub queries: u64,
    /// Answered out of the cache, fresh.
    pub hits: u64,
    /// Answered out of the cache although it was too old, because no server answered.
    pub stale: u64,
    /// Answered by this machine itself: its hosts, and names of special use.
    pub local: u64,
    /// Answered by a server, for the first who asked.
    pub misses: u64,
    /// Answered together with one who had asked the same before.
    pub joined: u64,
    /// Answered with SERVFAIL, because no server answered.
    pub failed: u64,
    /// Asked of a server before anybody had to wait for it.
    pub prefetched: u64,
}

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, MaxSize)]
pub struct CacheStatus {
    /// Answers.
    pub entries: u32,
    /// What they take, with all that is needed to find them.
    pub bytes: u32,
    /// Answers that had to go for others, since the process began.
    pub evicted: u64,
}

/// How one server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct UpstreamStatus {
    /// What is thought of it.
    pub state: UpstreamState,
    /// How long it takes to answer, smoothed (RFC 6298); `None` before its first answer.
    pub srtt: Option<Duration>,
    /// Questions that were sent to it.
    pub queries: u64,
    /// Answers that were of use.
    pub answers: u64,
    /// Questions that it did not answer, or not so that it was of use.
    pub failures: u64,
    /// Sockets that wait to be used.
    pub pool: u16,
}

/// What is thought of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, MaxSize)]
#[serde(rename_all = "kebab-case")]
pub enum UpstreamState {
    /// It has not been asked yet.
    Untried,
    /// It answers.
    Good,
    /// It did not answer the last questions: it is asked after the others.
    Failing,
}

impl UpstreamState {
    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Untried => "untried",
            Self::Good => "good",
            Self::Failing => "failing",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_thought_of_a_server_is_said_in_a_word() {
        let words = [UpstreamState::Untried, UpstreamState::Good, UpstreamState::Failing].map(UpstreamState::name);
        assert_eq!(words, ["untried", "good", "failing"]);
    }
}
