//! Metrics in Prometheus' text format, for node_exporter's textfile collector.
//!
//! Without time stamps, which that collector refuses. A file changes only when something happens, so it holds no
//! "seconds left": a time to come is a moment since boot, and `node_boot_time_seconds` makes it a date.

use std::fmt::{Display, Formatter, Write as _};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use crate::status::{EVERYBODY, Header};
use orlop_sandbox::daemon::Daemon;

/// The metrics of every daemon.
pub const FOLDER: &str = "/run/orlop/metrics";

/// Puts the metrics of `daemon` into the folder of all metrics, whole. What lies there meanwhile does not end in `.prom`.
///
/// # Errors
/// The kernel refuses; what was there before still is.
pub fn write(folder: BorrowedFd<'_>, daemon: &Daemon, text: &str) -> io::Result<()> {
    orlop_wholefile::replace(folder, &file(daemon), text.as_bytes(), EVERYBODY)
}

/// The name of a daemon's file in the folder of all metrics.
#[must_use]
pub fn file(daemon: &Daemon) -> String {
    format!("{}.prom", daemon.name)
}

/// The text of a metrics file while it is written.
#[derive(Debug)]
pub struct Metrics {
    prefix: String,
    text: String,
}

/// One metric: what it is, and a value for each set of labels.
#[derive(Debug)]
pub struct Family<'m> {
    metrics: &'m mut Metrics,
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    begun: bool,
}

impl Metrics {
    /// Begins with what every daemon says.
    #[must_use]
    pub fn of(header: &Header<'_>) -> Self {
        let Header { daemon, mode, started: _, restarts, postures: _ } = header;
        let mut metrics = Self { prefix: format!("orlop_{}_", daemon.name), text: String::new() };
        let labels = [("version", crate::VERSION), ("mode", *mode)];
        metrics.gauge("info", "Always 1. The version of the program, and what it runs for.").value(&labels, &1);
        metrics.counter("restarts_total", "How often broker and worker were started anew.").value(&[], restarts);
        metrics
    }

    /// A metric that goes up and down.
    pub fn gauge(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        Family { metrics: self, name, kind: "gauge", help, begun: false }
    }

    /// A metric that only grows while the daemon runs.
    pub fn counter(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        Family { metrics: self, name, kind: "counter", help, begun: false }
    }

    /// The text of the file.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }
}

impl Family<'_> {
    /// A value with its labels. A metric without any value is left out.
    pub fn value(&mut self, labels: &[(&str, &str)], value: &dyn Display) -> &mut Self {
        let Metrics { prefix, text } = &mut *self.metrics;
        let (name, kind, help) = (self.name, self.kind, self.help);
        // Writing to a String cannot fail.
        if !std::mem::replace(&mut self.begun, true) {
            let _ = writeln!(text, "# HELP {prefix}{name} {help}\n# TYPE {prefix}{name} {kind}");
        }
        let _ = write!(text, "{prefix}{name}");
        for (at, (label, value)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            let _ = write!(text, "{before}{label}=\"");
            for c in value.chars() {
                match c {
                    '\\' | '"' => text.extend(['\\', c]),
                    '\n' => text.push_str("\\n"),
                    _ => text.push(c),
                }
            }
            text.push('"');
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(text, "{end} {value}");
        self
    }
}

/// A span in seconds with as many decimals as it needs, to the microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub Duration);

impl Display for Seconds {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.as_secs())?;
        let decimals = format!(".{:06}", self.0.subsec_micros());
        f.write_str(decimals.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use orlop_testbed::Folder;
    use std::os::fd::AsFd as _;

    use super::*;
    use crate::status::tests::header;

    #[test]
    fn a_family_has_its_help_and_type_once_before_its_values() {
        let mut metrics = Metrics::of(&header(&Default::default()));
        let mut family = metrics.gauge("lease", "Whether there is one.");
        family.value(&[("interface", "eth0"), ("why", "a \"b\"\\\nc")], &1).value(&[("interface", "eth1")], &0);
        metrics.gauge("none", "A metric without a value.");
        let want = "\
            # HELP orlop_test_info Always 1. The version of the program, and what it runs for.\n\
            # TYPE orlop_test_info gauge\n\
            orlop_test_info{version=\"0.1.0\",mode=\"service\"} 1\n\
            # HELP orlop_test_restarts_total How often broker and worker were started anew.\n\
            # TYPE orlop_test_restarts_total counter\n\
            orlop_test_restarts_total 3\n\
            # HELP orlop_test_lease Whether there is one.\n\
            # TYPE orlop_test_lease gauge\n\
            orlop_test_lease{interface=\"eth0\",why=\"a \\\"b\\\"\\\\\\nc\"} 1\n\
            orlop_test_lease{interface=\"eth1\"} 0\n";
        assert_eq!(metrics.into_text(), want);
    }

    #[test]
    fn seconds_have_the_decimals_that_they_need() {
        for (micros, want) in
            [(0, "0"), (4250, "0.00425"), (1_500_000, "1.5"), (3_000_001, "3.000001"), (20_000_000, "20")]
        {
            assert_eq!(Seconds(Duration::from_micros(micros)).to_string(), want);
        }
    }

    #[test]
    fn the_file_is_called_as_its_daemon() {
        let folder = Folder::new("metrics");
        write(folder.open().as_fd(), &crate::command_line::tests::DAEMON, "a 1\n").unwrap();
        assert_eq!(folder.names(), ["test.prom"]);
    }
}
