//! The metrics of a run.

use orlop_broker::metrics::{Metrics, Seconds};
use orlop_broker::status::Header;
use orlop_sysctl_contract::Outcome;

use crate::report::{Count, Followed, Report};

/// The text of the metrics file.
pub(super) fn render(report: &Report, header: &Header<'_>) -> String {
    let Count { exit, settings: _, results, errors, hints, unread } = Count::of(report);
    let mut metrics = Metrics::of(header);
    metrics.gauge("exit_code", "The code that the last run ended with.").value(&[], &exit);
    let mut settings = metrics.gauge("settings", "Settings of the last run, by what became of them.");
    // All results, so that an alert does not depend on the first case of one.
    for name in Outcome::NAMES {
        let count = results.iter().find(|(result, _)| *result == name).map_or(0, |(_, count)| *count);
        settings.value(&[("result", name)], &count);
    }
    metrics
        .gauge("findings", "Lines that could not be understood, or look strange.")
        .value(&[("kind", "error")], &errors)
        .value(&[("kind", "hint")], &hints);
    metrics.gauge("unread_files", "Files that could not be read.").value(&[], &unread);
    if let Some((_, Followed { came, foreign, put_back, last: _ })) = report.follow {
        metrics.counter("came_total", "Settings put in force because they have come.").value(&[], &came);
        metrics.counter("foreign_changes_total", "Settings that somebody else has changed.").value(&[], &foreign);
        metrics.counter("put_back_total", "Settings that were put back.").value(&[], &put_back);
    }
    metrics.gauge("duration_seconds", "How long the last run took.").value(&[], &Seconds(report.timings.apply));
    metrics.into_text()
}
