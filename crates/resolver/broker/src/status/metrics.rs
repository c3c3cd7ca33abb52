//! The metrics.

use orlop_broker::metrics::{Metrics, Seconds};
use orlop_broker::status::Header;
use orlop_resolver_contract::UpstreamState;

use super::{Body, Status};

pub(super) fn render(status: &Status, header: &Header<'_>) -> String {
    let Body { served, cache, renewals, .. } = Body::new(status);
    let mut metrics = Metrics::of(header);
    metrics
        .gauge("owns_resolv_conf", "Whether resolv.conf is the resolver's and names it.")
        .value(&[], &u8::from(status.owns_resolv_conf));
    metrics.counter("renewals_total", "How often the worker was started again alone.").value(&[], &renewals);
    let Some(worker) = &status.worker else { return metrics.into_text() };
    let mut queries = metrics.counter("queries_total", "Questions of clients, by how they were answered.");
    for (how, n) in [
        ("hit", served.hits),
        ("stale", served.stale),
        ("local", served.local),
        ("miss", served.misses),
        ("joined", served.joined),
        ("failed", served.failed),
    ] {
        queries.value(&[("answered", how)], &n);
    }
    metrics
        .counter("prefetched_total", "Questions to servers before anybody had to wait for the answer.")
        .value(&[], &served.prefetched);
    metrics.gauge("cache_entries", "Answers that are kept.").value(&[], &cache.entries);
    metrics.gauge("cache_bytes", "Bytes that they take.").value(&[], &cache.bytes);
    metrics.counter("cache_evicted_total", "Answers that had to go for others.").value(&[], &cache.evicted);
    metrics.gauge("in_flight", "Questions that wait for a server.").value(&[], &worker.in_flight);
    let servers = || {
        let known = |id: orlop_resolver_contract::UpstreamId| worker.upstreams.get(id.index());
        status.chosen.upstreams.iter().filter_map(move |(id, upstream)| Some((upstream.server.to_string(), known(id)?)))
    };
    let mut up =
        metrics.gauge("server_up", "Whether a server answers: 1, or 0 when it did not answer the last questions.");
    for (server, known) in servers() {
        up.value(&[("server", &server)], &u8::from(known.state != UpstreamState::Failing));
    }
    let mut srtt = metrics.gauge("server_srtt_seconds", "How long a server takes to answer, smoothed.");
    for (server, known) in servers() {
        if let Some(took) = known.srtt {
            srtt.value(&[("server", &server)], &Seconds(took));
        }
    }
    let mut asked = metrics.counter("server_queries_total", "Questions to a server, by what came of them.");
    for (server, known) in servers() {
        asked.value(&[("server", &server), ("outcome", "answer")], &known.answers);
        asked.value(&[("server", &server), ("outcome", "failure")], &known.failures);
    }
    let mut discards = metrics.counter("discards_total", "What was dropped, by reason.");
    for (why, n) in worker.discards.iter().filter(|(_, n)| *n > 0) {
        discards.value(&[("reason", why.name())], &n);
    }
    metrics.into_text()
}
