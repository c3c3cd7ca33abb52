//! Writing the status for others: only when it changed, and not more often than readers need.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use orlop_dhcp_contract::Counters;
use orlop_machine::Instant;
use rustix::fs::Mode;

use super::document::{Document, Moment};
use super::{METRICS_FILE, STATUS_FILE, Status, metrics};
use orlop_wholefile as whole_file;

/// Shortest time between two writes when only counters changed. A flood of bad packets changes them all the time.
const PAUSE: Duration = Duration::from_secs(1);
/// Shortest time between two writes. Whoever gives an order looks at the status next.
const BREATH: Duration = Duration::from_millis(50);

/// Remembers what was written last.
#[derive(Debug, Default)]
pub struct Writer {
    /// What others see; nothing when writing it failed half-way.
    seen: Option<Status>,
    tried: Option<Instant>,
}

impl Writer {
    /// Writes `status` into the folders of the daemon and of the metrics, if it is news. `Some` says when to come again,
    /// because it is news but too early. The outcome of a run never waits.
    ///
    /// # Errors
    /// The kernel refuses. The old content is still there, and a call after a second tries again.
    pub fn update(
        &mut self,
        own: BorrowedFd<'_>,
        metrics: BorrowedFd<'_>,
        status: &Status,
        now: Instant,
    ) -> io::Result<Option<Instant>> {
        if self.seen.as_ref() == Some(status) {
            return Ok(None);
        }
        let news = self.seen.as_ref().is_some_and(|seen| !counts_only(seen, status));
        let pause = if news { BREATH } else { PAUSE };
        let next = self.tried.map(|at| at.after(pause)).filter(|next| now < *next && status.outcome.is_none());
        if next.is_some() {
            return Ok(next);
        }
        (self.seen, self.tried) = (None, Some(now));
        let everybody = Mode::from_raw_mode(0o644);
        let document = Document::new(status, now).to_json();
        whole_file::replace(own, STATUS_FILE, document.as_bytes(), everybody)?;
        whole_file::replace(metrics, METRICS_FILE, metrics::render(status).as_bytes(), everybody)?;
        self.seen = Some(status.clone());
        Ok(None)
    }
}

/// Whether nothing has changed but what is counted.
fn counts_only(last: &Status, now: &Status) -> bool {
    let uncounted = |status: &Status| {
        let mut status = status.clone();
        for progress in status.links.iter_mut().filter_map(|link| link.progress.as_mut()) {
            (progress.sent, progress.discards) = (0, Counters::default());
        }
        status
    };
    uncounted(last) == uncounted(now)
}

/// How often broker and worker were started anew, which nobody but their files remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restarts(pub u32);

impl Restarts {
    /// Counts from the status that the process before this one left in the daemon's folder, if it belonged to the same
    /// daemon: one that was started at `started`. 0 for a first process.
    #[must_use]
    pub fn since(own: BorrowedFd<'_>, started: Instant) -> Self {
        let before = whole_file::read(own, STATUS_FILE, MAX_FILE).ok();
        let before = before.and_then(|text| serde_json::from_str::<Document>(&text).ok());
        let same = |document: &Document| document.started.boottime == Moment::new(started, started).boottime;
        Self(before.filter(same).map_or(0, |document| document.restarts.saturating_add(1)))
    }
}

/// As much of the old status as is looked at, in bytes.
const MAX_FILE: usize = 4 * 1024 * 1024;
