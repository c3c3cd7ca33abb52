//! Metrics in Prometheus' text format, for node_exporter's textfile collector.

use std::fmt::{Display, Write as _};

use orlop_sysctl_contract::Outcome;

use crate::report::{Count, Report};

/// The text of the metrics file.
pub(super) fn render(report: &Report) -> String {
    let Count { exit, settings: _, results, errors, hints, unread } = Count::of(report);
    let mut text = String::new();
    let version = format!("version=\"{}\",mode=\"{}\"", env!("CARGO_PKG_VERSION"), report.mode.name());
    family(&mut text, "info", "Always 1. The version of the sysctl applier.", [(version, 1)]);
    family(&mut text, "exit_code", "The code that the last run ended with.", [(String::new(), exit)]);
    // All results, so that an alert does not depend on the first case of one.
    let of = |name: &str| results.iter().find(|(result, _)| *result == name).map_or(0, |(_, count)| *count);
    let rows = Outcome::NAMES.map(|name| (format!("result=\"{name}\""), of(name)));
    family(&mut text, "settings", "Settings of the last run, by what became of them.", rows);
    let lines = [("kind=\"error\"".to_owned(), errors), ("kind=\"hint\"".to_owned(), hints)];
    family(&mut text, "findings", "Lines that could not be understood, or look strange.", lines);
    family(&mut text, "unread_files", "Files that could not be read.", [(String::new(), unread)]);
    let (seconds, micros) = (report.timings.apply.as_secs(), report.timings.apply.subsec_micros());
    let seconds = format!("{seconds}.{micros:06}");
    family(&mut text, "duration_seconds", "How long the last run took.", [(String::new(), seconds)]);
    text
}

fn family<V: Display>(text: &mut String, name: &str, help: &str, rows: impl IntoIterator<Item = (String, V)>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# HELP orlop_sysctl_{name} {help}\n# TYPE orlop_sysctl_{name} gauge");
    for (labels, value) in rows {
        let _ = match labels.as_str() {
            "" => writeln!(text, "orlop_sysctl_{name} {value}"),
            labels => writeln!(text, "orlop_sysctl_{name}{{{labels}}} {value}"),
        };
    }
}
