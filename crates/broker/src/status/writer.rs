//! Writing the status for others: only when it changed, and not more often than readers need.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use orlop_machine::Instant;

use crate::metrics;
use crate::moment::Now;
use orlop_sandbox::daemon::Daemon;

/// Shortest time between two writes when only counters changed. A flood of bad packets changes them all the time.
const PAUSE: Duration = Duration::from_secs(1);
/// Shortest time between two writes. Whoever gives an order looks at the status next.
const BREATH: Duration = Duration::from_millis(50);

/// What a daemon does at a moment, so that two moments can be compared.
pub trait Snapshot: Clone + PartialEq {
    /// The same without what is only counted: two that differ in nothing else are no news.
    #[must_use]
    fn uncounted(&self) -> Self;

    /// Whether nothing will be written after it, so that it cannot wait.
    fn is_last(&self) -> bool;

    /// The document, written `now`.
    fn to_json(&self, now: Now) -> String;

    /// The text of the metrics.
    fn to_metrics(&self) -> String;
}

/// Remembers what was written last.
#[derive(Debug)]
pub struct Writer<S> {
    daemon: &'static Daemon,
    /// What others see; nothing when writing it failed half-way.
    seen: Option<S>,
    tried: Option<Instant>,
}

impl<S: Snapshot> Writer<S> {
    /// Nothing has been written yet.
    #[must_use]
    pub const fn new(daemon: &'static Daemon) -> Self {
        Self { daemon, seen: None, tried: None }
    }

    /// Writes `status` into the folders of the daemon and of the metrics, if it is news. `Some` says when to come again,
    /// because it is news but too early. The last status never waits.
    ///
    /// # Errors
    /// The kernel refuses. The old content is still there, and a call after a second tries again.
    pub fn update(
        &mut self,
        own: BorrowedFd<'_>,
        metrics: BorrowedFd<'_>,
        status: &S,
        now: Now,
    ) -> io::Result<Option<Instant>> {
        if self.seen.as_ref() == Some(status) {
            return Ok(None);
        }
        let news = self.seen.as_ref().is_some_and(|seen| seen.uncounted() != status.uncounted());
        let pause = if news { BREATH } else { PAUSE };
        let next = self.tried.map(|at| at.after(pause)).filter(|next| now.boottime < *next && !status.is_last());
        if next.is_some() {
            return Ok(next);
        }
        (self.seen, self.tried) = (None, Some(now.boottime));
        super::write(own, &status.to_json(now))?;
        metrics::write(metrics, self.daemon, &status.to_metrics())?;
        self.seen = Some(status.clone());
        Ok(None)
    }
}
