//! What a run leaves: its report on the terminal, and files for others.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use orlop_broker::moment::Now;
use orlop_broker::posture::Postures;
use orlop_broker::print::print;
use orlop_broker::{folder, metrics};
use orlop_sandbox::fatal::Fatal;
use rustix::fs::Mode as Bits;

use crate::command_line::Mode;
use crate::report::{Audit, Report};
use crate::status::{self, not_left};
use orlop_sysctl_profiles::DAEMON;

/// The folders of a run that puts settings in force; open, as far as there are such.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    own: Option<OwnedFd>,
    metrics: Option<OwnedFd>,
    writable: Vec<&'static Path>,
}

/// Audit and status.
const OWN_FOLDER: &str = "/run/orlop/sysctl";

impl Outputs {
    /// Opens the folders. One that cannot be had is a warning: settings count more than what is written about them.
    pub(super) fn open(mode: Mode) -> Self {
        if mode != Mode::Apply {
            return Self::default();
        }
        let (own, metrics) = (open(OWN_FOLDER), open(metrics::FOLDER));
        let writable = [(&own, OWN_FOLDER), (&metrics, metrics::FOLDER)];
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
    pub(super) fn write(&self, report: &Report, postures: &Postures, json: bool) -> Result<(), Fatal> {
        report.log();
        let audit = (json || self.own.is_some()).then(|| Audit::new(report).to_json());
        self.leave(report, postures, audit.as_deref());
        match audit {
            Some(audit) if json => print(&audit),
            Some(_) | None => print(&report.shown()),
        }
    }

    /// Leaves what has changed for others.
    pub(super) fn renew(&self, report: &Report, postures: &Postures) {
        let audit = self.own.is_some().then(|| Audit::new(report).to_json());
        self.leave(report, postures, audit.as_deref());
    }

    fn leave(&self, report: &Report, postures: &Postures, audit: Option<&str>) {
        if let (Some(folder), Some(audit)) = (&self.own, audit) {
            leave(folder, audit, &status::document(report, postures, Now::read()).to_json());
        }
        if let Some(folder) = &self.metrics {
            let written = metrics::write(folder.as_fd(), &DAEMON, &status::metrics(report, postures));
            left(&metrics::file(&DAEMON), written);
        }
    }
}

fn open(path: &str) -> Option<OwnedFd> {
    folder::open(Path::new(path)).map_err(|fatal| not_left(path, &fatal.cause.unwrap_or_default())).ok()
}

fn leave(folder: &OwnedFd, audit: &str, status: &str) {
    left(AUDIT, orlop_wholefile::replace(folder.as_fd(), AUDIT, audit.as_bytes(), OWNER));
    left(orlop_broker::status::FILE, orlop_broker::status::write(folder.as_fd(), status));
}

/// Every key with its values.
const AUDIT: &str = "audit.json";

/// Who may read the audit. In it are values that only root may read from the kernel: keys of TCP Fast Open, for example.
const OWNER: Bits = Bits::from_raw_mode(0o600);

fn left(name: &str, written: io::Result<()>) {
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
