//! What the daemon does, for people and programs: `status.json`, metrics, and what `orlop-resolver status` shows.

mod document;
mod metrics;
mod text;

use std::path::Path;

use orlop_broker::control;
use orlop_broker::moment::Now;
use orlop_broker::posture::Postures;
use orlop_broker::status::{Document, Header, Life, Snapshot, View, read};
use orlop_broker::supervise::Mode;
use orlop_machine::Instant;
use orlop_resolver_contract as contract;
use orlop_resolver_profiles::DAEMON;
use orlop_sandbox::fatal::{Exit, Fatal};

use crate::OWN_FOLDER;
use crate::servers::Chosen;

pub use document::{Body, CacheDocument, RouteDocument, ServedDocument, ServerDocument};
pub(crate) use text::took;

/// What the daemon does right now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// When the daemon was started, by this process or one before it.
    pub started: Instant,
    /// How often broker and worker were started anew since then.
    pub restarts: u32,
    /// How often the worker was started again alone.
    pub renewals: u32,
    /// Whom it asks.
    pub chosen: Chosen,
    /// Whether resolv.conf is ours and names us.
    pub owns_resolv_conf: bool,
    /// What the worker last said.
    pub worker: Option<contract::Status>,
    /// What each process is restricted by.
    pub postures: Postures,
}

impl Status {
    fn header(&self) -> Header<'_> {
        let Self { started, restarts, postures, .. } = self;
        let mode = Mode::Service.name();
        Header { daemon: &DAEMON, mode, started: *started, restarts: *restarts, postures }
    }

    /// The document, written `now`.
    #[must_use]
    pub fn document(&self, now: Now) -> Document<Body> {
        Document::new(&self.header(), Body::new(self), now)
    }
}

impl Snapshot for Status {
    fn uncounted(&self) -> Self {
        Self { worker: None, ..self.clone() }
    }

    fn is_last(&self) -> bool {
        false
    }

    fn to_json(&self, now: Now) -> String {
        self.document(now).to_json()
    }

    fn to_metrics(&self) -> String {
        metrics::render(self, &self.header())
    }
}

/// What `orlop-resolver status` prints, and what it ends with.
///
/// # Errors
/// No daemon has been running here.
pub fn show(view: View, now: Instant) -> Result<(String, Exit), Fatal> {
    let (json, document) = read::<Body>(&DAEMON, Path::new(OWN_FOLDER))?;
    let life = Life::of_service(&control::path(&DAEMON));
    let exit = if life == Life::Ended { Exit::Unconfigured } else { Exit::Done };
    Ok((if view.json { json } else { text::render(&document, life, view.verbose, now) }, exit))
}

#[cfg(test)]
mod tests;
