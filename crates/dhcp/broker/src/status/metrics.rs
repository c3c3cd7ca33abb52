//! Metrics in Prometheus' text format, for node_exporter's textfile collector.
//!
//! Without time stamps, which that collector refuses. The file changes only when something happens, so it holds no
//! "seconds left": the end of a lease is a moment since boot, and `node_boot_time_seconds` makes it a date.

use std::fmt::{Display, Write as _};

use super::{LinkStatus, Status};

/// The text of the metrics file.
pub(super) fn render(status: &Status) -> String {
    let Status { mode, started: _, restarts, links, outcome, postures: _ } = status;
    let mut text = Text(String::new());
    let info = ("orlop_dhcp_info", "gauge", "Always 1. The version and mode of the DHCP client.");
    text.family(info, [(format!("version=\"{}\",mode=\"{}\"", env!("CARGO_PKG_VERSION"), mode.name()), 1)]);
    let began = ("orlop_dhcp_restarts_total", "counter", "How often broker and worker were started anew.");
    text.family(began, [(String::new(), *restarts)]);
    if let Some(outcome) = outcome {
        let exit = ("orlop_dhcp_oneshot_exit_code", "gauge", "The code that the one-shot run ended with.");
        text.family(exit, [(String::new(), outcome.exit().code())]);
    }
    let each = |value: fn(&LinkStatus) -> u64| links.iter().map(move |link| (interface(link), value(link)));
    let carrier = ("orlop_dhcp_carrier", "gauge", "Whether the interface has a carrier.");
    text.family(carrier, each(|link| link.carrier.into()));
    let leased = ("orlop_dhcp_leased", "gauge", "Whether a lease is in force on the interface.");
    text.family(leased, each(|link| link.lease.is_some().into()));
    let phase =
        ("orlop_dhcp_phase", "gauge", "Always 1. The state of the client on the interface (RFC 2131 figure 5).");
    text.family(
        phase,
        links.iter().filter_map(|link| {
            let phase = link.progress?.phase;
            Some((format!("{},phase=\"{phase}\"", interface(link)), 1))
        }),
    );
    let expires = (
        "orlop_dhcp_lease_expires_boottime_seconds",
        "gauge",
        "When the lease ends, in seconds since boot. Add node_boot_time_seconds for the date. Absent for ever.",
    );
    text.family(
        expires,
        links.iter().filter_map(|link| {
            let end = link.lease.as_ref()?.term.expires_at()?;
            Some((interface(link), super::document::seconds(end)))
        }),
    );
    let naks = ("orlop_dhcp_naks_total", "counter", "DHCPNAKs accepted on the interface.");
    text.family(naks, each(|link| link.progress.map_or(0, |progress| progress.naks.into())));
    let discards =
        ("orlop_dhcp_discards_total", "counter", "What was dropped of what arrived on the interface, by reason.");
    text.family(
        discards,
        links.iter().flat_map(|link| {
            let counters = link.progress.map(|progress| progress.discards).unwrap_or_default();
            let rows = counters.iter().map(|(why, n)| (format!("{},reason=\"{why}\"", interface(link)), n));
            rows.collect::<Vec<_>>()
        }),
    );
    text.0
}

/// The label of an interface. Its name has no character that a label would have to escape.
fn interface(link: &LinkStatus) -> String {
    format!("interface=\"{}\"", link.name)
}

struct Text(String);

impl Text {
    /// One metric: what it is, and a value for each set of labels. Nothing at all when there is no value.
    fn family<V: Display>(&mut self, what: (&str, &str, &str), rows: impl IntoIterator<Item = (String, V)>) {
        let (name, kind, help) = what;
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return;
        }
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in rows {
            let _ = match labels.as_str() {
                "" => writeln!(self.0, "{name} {value}"),
                labels => writeln!(self.0, "{name}{{{labels}}} {value}"),
            };
        }
    }
}
