//! How often broker and worker were started anew, which nobody but their files remembers.

use std::os::fd::BorrowedFd;

use orlop_broker::moment::{Moment, Now};
use orlop_broker::status::{self, Document};
use orlop_machine::Instant;

use super::Body;

/// How often broker and worker were started anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restarts(pub u32);

impl Restarts {
    /// Counts from the status that the process before this one left in the daemon's folder, if it belonged to the same
    /// daemon: one that was started at `started`. 0 for a first process.
    #[must_use]
    pub fn since(own: BorrowedFd<'_>, started: Instant) -> Self {
        let before = orlop_wholefile::read(own, status::FILE, MAX_FILE).ok();
        let before = before.and_then(|text| serde_json::from_str::<Document<Body>>(&text).ok());
        let started = Moment::new(started, Now::read()).boottime_ms;
        let same = |document: &Document<Body>| document.started.boottime_ms == started;
        Self(before.filter(same).map_or(0, |document| document.restarts.saturating_add(1)))
    }
}

/// As much of the old status as is looked at, in bytes.
const MAX_FILE: usize = 4 * 1024 * 1024;
