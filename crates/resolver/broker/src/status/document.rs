//! What is the resolver's own in `status.json`, field by field.

use std::collections::BTreeMap;

use orlop_resolver_contract::{CacheStatus, Served, Upstream, UpstreamState, UpstreamStatus};
use orlop_wire::InterfaceName;
use serde::{Deserialize, Serialize};

use super::Status;
use crate::servers::{Chosen, Origin};

/// What only the resolver says. A field may be added; none changes its meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// Whether resolv.conf is the resolver's and names it.
    pub owns_resolv_conf: bool,
    /// Who named the servers that are asked for names that no route is for.
    pub origin: Origin,
    /// Whom it asks, most preferred first.
    pub servers: Vec<ServerDocument>,
    /// Who is asked for the names in certain domains.
    pub routes: Vec<RouteDocument>,
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
    /// Whether it is asked for names that no route is for.
    pub is_general: bool,
    /// The interface whose network names it, where exactly one does and no operator.
    pub interface: Option<String>,
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

/// Names in a domain, and who is asked for them; of all routes the one with the longest domain counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteDocument {
    /// The name itself, and all below it.
    pub domain: String,
    /// Whom to ask, as in `servers`.
    pub servers: Vec<String>,
    /// Who named the route.
    pub by: Origin,
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
    /// Asked of a server before anybody had to wait for it.
    pub prefetched: u64,
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
        let Status { renewals, chosen, owns_resolv_conf, worker, .. } = status;
        let Chosen { origin, upstreams, interfaces, routed_by } = chosen;
        let said = worker.clone().unwrap_or_default();
        let servers = upstreams.iter().map(|(id, upstream)| {
            let interface = interfaces.get(id.index()).and_then(Option::as_ref);
            ServerDocument::new(upstream, interface, said.upstreams.get(id.index()).copied())
        });
        let routes = upstreams.routes().iter().zip(routed_by).map(|(route, by)| RouteDocument {
            domain: route.domain.to_string(),
            servers: route.servers.iter().filter_map(|id| Some(upstreams.of(*id)?.server.to_string())).collect(),
            by: *by,
        });
        let discards = said.discards.iter().filter(|(_, n)| *n > 0);
        Self {
            owns_resolv_conf: *owns_resolv_conf,
            origin: *origin,
            servers: servers.collect(),
            routes: routes.collect(),
            served: said.served.into(),
            cache: said.cache.into(),
            in_flight: said.in_flight,
            renewals: *renewals,
            discards: discards.map(|(why, n)| (why.name().to_owned(), n)).collect(),
        }
    }
}

impl ServerDocument {
    fn new(upstream: &Upstream, interface: Option<&InterfaceName>, known: Option<UpstreamStatus>) -> Self {
        let untried =
            UpstreamStatus { state: UpstreamState::Untried, srtt: None, queries: 0, answers: 0, failures: 0, pool: 0 };
        let UpstreamStatus { state, srtt, queries, answers, failures, pool } = known.unwrap_or(untried);
        let srtt_us = srtt.map(|srtt| u64::try_from(srtt.as_micros()).unwrap_or(u64::MAX));
        let Upstream { server, is_general } = upstream;
        Self {
            address: server.to_string(),
            is_general: *is_general,
            interface: interface.map(ToString::to_string),
            state,
            srtt_us,
            queries,
            answers,
            failures,
            pool,
        }
    }
}

impl From<Served> for ServedDocument {
    fn from(served: Served) -> Self {
        let Served { queries, hits, stale, local, misses, joined, failed, prefetched } = served;
        Self { queries, hits, stale, local, misses, joined, failed, prefetched }
    }
}

impl From<CacheStatus> for CacheDocument {
    fn from(cache: CacheStatus) -> Self {
        let CacheStatus { entries, bytes, evicted } = cache;
        Self { entries, bytes, evicted }
    }
}
