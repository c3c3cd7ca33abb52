//! What is the resolver's own in `status.json`, field by field.

use std::collections::BTreeMap;

use orlop_resolver_contract::{CacheStatus, Served, UpstreamState, UpstreamStatus};
use serde::{Deserialize, Serialize};

use super::Status;
use crate::servers::Origin;

/// What only the resolver says. A field may be added; none changes its meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// Whether resolv.conf is the resolver's and names it.
    pub owns_resolv_conf: bool,
    /// Who named the servers.
    pub origin: Origin,
    /// Whom it asks, most preferred first.
    pub servers: Vec<ServerDocument>,
    /// What clients got, since the worker began.
    pub served: ServedDocument,
    /// What is kept.
    pub cache: CacheDocument,
    /// Questions that wait for a server.
    pub in_flight: u32,
    /// How often the worker was started again alone.
    pub renewals: u32,
    /// What was dropped since the worker began, by reason; reasons without a case are left out.
    pub discards: BTreeMap<String, u32>,
}

/// A server that is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerDocument {
    /// Its address, with the port where it is not 53.
    pub address: String,
    /// What is thought of it.
    pub state: UpstreamState,
    /// How long it takes to answer, smoothed; absent before its first answer.
    pub srtt_us: Option<u64>,
    /// Questions that were sent to it.
    pub queries: u64,
    /// Answers that were of use.
    pub answers: u64,
    /// Questions that it did not answer, or not so that it was of use.
    pub failures: u64,
    /// Sockets that wait to be used.
    pub pool: u16,
}

/// What clients got.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServedDocument {
    /// Questions that were understood.
    pub queries: u64,
    /// Answered out of the cache, fresh.
    pub hits: u64,
    /// Answered out of the cache although it was too old, because no server answered.
    pub stale: u64,
    /// Answered by this machine itself.
    pub local: u64,
    /// Answered by a server, for the first who asked.
    pub misses: u64,
    /// Answered together with one who had asked the same before.
    pub joined: u64,
    /// Answered with SERVFAIL, because no server answered.
    pub failed: u64,
}

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CacheDocument {
    /// Answers.
    pub entries: u32,
    /// Bytes that they take.
    pub bytes: u32,
    /// Answers that had to go for others.
    pub evicted: u64,
}

impl Body {
    pub(super) fn new(status: &Status) -> Self {
        let Status { renewals, origin, upstreams, owns_resolv_conf, worker, .. } = status;
        let said = worker.clone().unwrap_or_default();
        let servers = upstreams.iter().map(|(id, upstream)| {
            let known = said.upstreams.get(id.index()).copied();
            ServerDocument::new(upstream.server.to_string(), known)
        });
        let discards = said.discards.iter().filter(|(_, n)| *n > 0);
        Self {
            owns_resolv_conf: *owns_resolv_conf,
            origin: *origin,
            servers: servers.collect(),
            served: said.served.into(),
            cache: said.cache.into(),
            in_flight: said.in_flight,
            renewals: *renewals,
            discards: discards.map(|(why, n)| (why.name().to_owned(), n)).collect(),
        }
    }
}

impl ServerDocument {
    fn new(address: String, known: Option<UpstreamStatus>) -> Self {
        let untried =
            UpstreamStatus { state: UpstreamState::Untried, srtt: None, queries: 0, answers: 0, failures: 0, pool: 0 };
        let UpstreamStatus { state, srtt, queries, answers, failures, pool } = known.unwrap_or(untried);
        let srtt_us = srtt.map(|srtt| u64::try_from(srtt.as_micros()).unwrap_or(u64::MAX));
        Self { address, state, srtt_us, queries, answers, failures, pool }
    }
}

impl From<Served> for ServedDocument {
    fn from(served: Served) -> Self {
        let Served { queries, hits, stale, local, misses, joined, failed } = served;
        Self { queries, hits, stale, local, misses, joined, failed }
    }
}

impl From<CacheStatus> for CacheDocument {
    fn from(cache: CacheStatus) -> Self {
        let CacheStatus { entries, bytes, evicted } = cache;
        Self { entries, bytes, evicted }
    }
}
