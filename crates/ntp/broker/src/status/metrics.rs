//! The metrics.

use orlop_broker::metrics::{Metrics, Seconds};
use orlop_broker::status::Header;

use super::Status;

pub(super) fn render(status: &Status, header: &Header<'_>) -> String {
    let mut metrics = Metrics::of(header);
    metrics
        .gauge("synchronised", "Whether a majority vouches for the clock.")
        .value(&[], &u8::from(status.synchronised));
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
    let mut discards = metrics.counter("discards_total", "Answers that were dropped, by reason.");
    for (why, n) in worker.discards.iter().filter(|(_, n)| *n > 0) {
        discards.value(&[("reason", why.name())], &n);
    }
    metrics.into_text()
}
