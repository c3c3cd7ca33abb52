//! What a run leaves: its report on the terminal, and files for others.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use orlop_broker::folder;
use orlop_broker::print::print;
use orlop_machine::Instant;
use orlop_sandbox::fatal::Fatal;
use rustix::fs::Mode as Bits;

use crate::command_line::Mode;
use crate::report::{Audit, Report};
use crate::status::{self, Document, Postures, not_left};

/// The folders of a run that puts settings in force; open, as far as there are such.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    own: Option<OwnedFd>,
    metrics: Option<OwnedFd>,
    writable: Vec<&'static Path>,
}

/// Audit and status.
const OWN_FOLDER: &str = "/run/orlop/sysctl";
/// Prometheus text of every daemon, for node_exporter.
const METRICS_FOLDER: &str = "/run/orlop/metrics";

impl Outputs {
    /// Opens the folders. One that cannot be had is a warning: settings count more than what is written about them.
    pub(super) fn open(mode: Mode) -> Self {
        if mode != Mode::Apply {
            return Self::default();
        }
        let (own, metrics) = (open(OWN_FOLDER), open(METRICS_FOLDER));
        let writable = [(&own, OWN_FOLDER), (&metrics, METRICS_FOLDER)];
        let writable =
            writable.into_iter().filter(|(folder, _)| folder.is_some()).map(|(_, path)| Path::new(path)).collect();
        Self { own, metrics, writable }
    }

    /// Where it writes, for Landlock.
    pub(super) fn folders(&self) -> &[&Path] {
        &self.writable
    }

    /// Tells the user, and everybody else.
    ///
    /// # Errors
    /// Standard output cannot be written to.
    pub(super) fn write(&self, report: &Report, postures: &Postures, json: bool, now: Instant) -> Result<(), Fatal> {
        report.log();
        let audit = (json || self.own.is_some()).then(|| Audit::new(report).to_json());
        if let (Some(folder), Some(audit)) = (&self.own, &audit) {
            leave(folder, audit, &Document::new(report, postures, now).to_json());
        }
        if let Some(folder) = &self.metrics {
            replace(folder, "sysctl.prom", EVERYBODY, &status::metrics(report));
        }
        match audit {
            Some(audit) if json => print(&audit),
            Some(_) | None => print(&report.shown()),
        }
    }
}

fn open(path: &str) -> Option<OwnedFd> {
    folder::open(Path::new(path)).map_err(|fatal| not_left(path, &fatal.cause.unwrap_or_default())).ok()
}

fn leave(folder: &OwnedFd, audit: &str, status: &str) {
    replace(folder, "audit.json", OWNER, audit);
    replace(folder, "status.json", EVERYBODY, status);
}

/// Who may read it. In the audit are values that only root may read from the kernel: keys of TCP Fast Open, for example.
const OWNER: u32 = 0o600;
const EVERYBODY: u32 = 0o644;

fn replace(folder: &OwnedFd, name: &str, mode: u32, content: &str) {
    let written = orlop_wholefile::replace(folder.as_fd(), name, content.as_bytes(), Bits::from_raw_mode(mode));
    if let Err(cause) = written {
        not_left(name, &cause);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::PermissionsExt as _;

    use orlop_testbed::Folder;

    use super::*;

    #[test]
    fn what_only_root_may_read_from_the_kernel_only_root_may_read_from_the_audit() {
        let folder = Folder::new("outputs");
        leave(&File::open(&folder.0).unwrap().into(), "{}", "{}");
        let mode = |name| std::fs::metadata(folder.0.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("audit.json"), mode("status.json")), (0o600, 0o644));
    }
}
