//! The metrics of the DHCP daemon.

use std::time::Duration;

use orlop_broker::metrics::{Metrics, Seconds};

use super::{LinkStatus, Status};

/// The text of the metrics file.
pub(super) fn render(status: &Status) -> String {
    let Status { mode: _, started: _, restarts: _, links, outcome, postures: _ } = status;
    let mut metrics = Metrics::of(&status.header());
    if let Some(outcome) = outcome {
        let exit = outcome.exit().code();
        metrics.gauge("oneshot_exit_code", "The code that the one-shot run ended with.").value(&[], &exit);
    }
    let named = |link: &LinkStatus| link.name.to_string();
    let mut carrier = metrics.gauge("carrier", "Whether the interface has a carrier.");
    for link in links {
        carrier.value(&[("interface", &named(link))], &u8::from(link.carrier));
    }
    let mut leased = metrics.gauge("leased", "Whether a lease is in force on the interface.");
    for link in links {
        leased.value(&[("interface", &named(link))], &u8::from(link.lease.is_some()));
    }
    let mut phase = metrics.gauge("phase", "Always 1. The state of the client on the interface (RFC 2131 figure 5).");
    for link in links {
        if let Some(progress) = link.progress {
            phase.value(&[("interface", &named(link)), ("phase", &progress.phase.to_string())], &1);
        }
    }
    let mut expires = metrics.gauge(
        "lease_expires_boottime_seconds",
        "When the lease ends, in seconds since boot. Add node_boot_time_seconds for the date. Absent for ever.",
    );
    for link in links {
        if let Some(end) = link.lease.as_ref().and_then(|lease| lease.term.expires_at()) {
            // To the millisecond, as in the status.
            let end = Duration::from_millis(end.as_nanos() / 1_000_000);
            expires.value(&[("interface", &named(link))], &Seconds(end));
        }
    }
    let mut naks = metrics.counter("naks_total", "DHCPNAKs accepted on the interface.");
    for link in links {
        naks.value(&[("interface", &named(link))], &link.progress.map_or(0, |progress| progress.naks));
    }
    let contest = |link: &LinkStatus| link.progress.map(|progress| progress.contest).unwrap_or_default();
    let mut conflicts =
        metrics.counter("address_conflicts_total", "Leased addresses that another host turned out to have.");
    for link in links {
        conflicts.value(&[("interface", &named(link))], &contest(link).conflicts);
    }
    let mut defences =
        metrics.counter("address_defences_total", "How often the address was defended against another host.");
    for link in links {
        defences.value(&[("interface", &named(link))], &contest(link).defences);
    }
    let mut discards =
        metrics.counter("discards_total", "What was dropped of what arrived on the interface, by reason.");
    for link in links {
        let counters = link.progress.map(|progress| progress.discards).unwrap_or_default();
        for (why, n) in counters.iter() {
            discards.value(&[("interface", &named(link)), ("reason", &why.to_string())], &n);
        }
    }
    metrics.into_text()
}
