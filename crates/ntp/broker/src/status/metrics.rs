//! The metrics.

use orlop_broker::metrics::{Metrics, Seconds};
use orlop_broker::status::Header;
use orlop_ntp_contract::NtsState;

use super::Status;

pub(super) fn render(status: &Status, header: &Header<'_>) -> String {
    let mut metrics = Metrics::of(header);
    metrics
        .gauge("synchronised", "Whether a majority vouches for the clock.")
        .value(&[], &u8::from(status.synchronised));
    let mut discards = metrics.counter("name_discards_total", "Answers of name servers that were dropped, by reason.");
    for (why, n) in status.name_discards.iter().filter(|(_, n)| *n > 0) {
        discards.value(&[("reason", why.name())], &n);
    }
    let Some(worker) = &status.worker else { return metrics.into_text() };
    metrics.gauge("stratum", "The best believed server's, plus one; 0 without one.").value(&[], &worker.stratum);
    let sign = if worker.offset.is_backwards() { "-" } else { "" };
    metrics
        .gauge("offset_seconds", "What would have to be added to the clock.")
        .value(&[], &format_args!("{sign}{}", Seconds(worker.offset.size())));
    metrics.gauge("jitter_seconds", "How much the offset varies.").value(&[], &Seconds(worker.jitter));
    metrics.gauge("drift_ppm", "The correction of the crystal.").value(&[], &worker.drift);
    let mut reach = metrics.gauge("server_reach", "Of the last eight questions, how many were answered.");
    for peer in &worker.peers {
        reach.value(&[("server", &peer.server.to_string())], &peer.reach.count_ones());
    }
    let named = |id| status.sources.iter().find(|(source, ..)| *source == id).map_or("", |(_, name, _)| name.as_str());
    if !worker.nts.is_empty() {
        let mut protected =
            metrics.gauge("nts_protected", "Whether the last answer of a source that is asked with NTS was protected.");
        for nts in &worker.nts {
            protected.value(&[("source", named(nts.source))], &u8::from(nts.state == NtsState::Protected));
        }
        let mut cookies =
            metrics.gauge("nts_cookies", "Questions that can be asked with NTS before another one is answered.");
        for nts in &worker.nts {
            cookies.value(&[("source", named(nts.source))], &nts.cookies);
        }
        let mut exchanges = metrics.counter("nts_exchanges_total", "Key exchanges, by what became of them.");
        for nts in &worker.nts {
            for (outcome, n) in [("keys", nts.exchanges), ("failure", nts.failures)] {
                exchanges.value(&[("source", named(nts.source)), ("outcome", outcome)], &n);
            }
        }
    }
    let mut discards = metrics.counter("discards_total", "Answers that were dropped, by reason.");
    for (why, n) in worker.discards.iter().filter(|(_, n)| *n > 0) {
        discards.value(&[("reason", why.name())], &n);
    }
    metrics.into_text()
}
