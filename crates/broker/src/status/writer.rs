//! Writing the status for others: only when it changed, and not more often than readers need.

use std::time::Duration;

use orlop_machine::Instant;

use crate::folder::Output;
use crate::metrics;
use crate::moment::Now;
use orlop_sandbox::daemon::Daemon;

/// Shortest time between two writes when only counters changed. A flood of bad packets changes them all the time.
const PAUSE: Duration = Duration::from_secs(1);
/// Shortest time between two writes. Whoever gives an order looks at the status next.
const BREATH: Duration = Duration::from_millis(50);
/// How long to wait before what could not be written is tried again.
const RETRY: Duration = Duration::from_secs(5);

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
    /// What others see, or would if it could have been written.
    seen: Option<S>,
    tried: Option<Instant>,
}

impl<S: Snapshot> Writer<S> {
    /// Nothing has been written yet.
    #[must_use]
    pub const fn new(daemon: &'static Daemon) -> Self {
        Self { daemon, seen: None, tried: None }
    }

    /// Writes `status` into the folders of the daemon and of the metrics, if it is news or one of them could not be written
    /// before. `Some` says when to come again: it is news but too early, or a folder cannot be written. The last status
    /// never waits.
    pub fn update(&mut self, own: &mut Output, metrics: &mut Output, status: &S, now: Now) -> Option<Instant> {
        let pause = match &self.seen {
            Some(seen) if seen == status && !own.is_due() && !metrics.is_due() => return None,
            Some(seen) if seen == status => RETRY,
            Some(seen) if seen.uncounted() != status.uncounted() => BREATH,
            Some(_) | None => PAUSE,
        };
        let next = self.tried.map(|at| at.after(pause)).filter(|next| now.boottime < *next && !status.is_last());
        if next.is_some() {
            return next;
        }
        (self.seen, self.tried) = (Some(status.clone()), Some(now.boottime));
        own.attempt(|folder| super::write(folder, &status.to_json(now)));
        metrics.attempt(|folder| metrics::write(folder, self.daemon, &status.to_metrics()));
        (own.is_due() || metrics.is_due()).then(|| now.boottime.after(RETRY))
    }
}
