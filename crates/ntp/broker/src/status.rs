//! What the daemon does, for people and programs: `status.json`, metrics, and what `orlop-ntp status` shows.

mod document;
mod metrics;
mod text;

use std::path::Path;

use orlop_broker::control;
use orlop_broker::moment::Now;
use orlop_broker::posture::Postures;
use orlop_broker::status::{Document, Header, Life, Snapshot, View, read};
use orlop_machine::Instant;
use orlop_ntp_contract::{self as contract, Counters, SourceId, StepReason};
use orlop_ntp_profiles::DAEMON;
use orlop_sandbox::fatal::{Exit, Fatal};

use crate::OWN_FOLDER;
use crate::settings::Mode;
use crate::sources::Origin;

pub use document::{Body, NtsDocument, Outcome, ServerDocument, SourceDocument, StepDocument};

/// What the daemon does right now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Once, or for ever.
    pub mode: Mode,
    /// When the daemon was started, by this process or one before it.
    pub started: Instant,
    /// How often broker and worker were started anew since then.
    pub restarts: u32,
    /// Whether somebody vouches for the clock.
    pub synchronised: bool,
    /// Whom it asks: number, name, who named it.
    pub sources: Vec<(SourceId, String, Origin)>,
    /// What the worker last said.
    pub worker: Option<contract::Status>,
    /// What was dropped of what name servers said.
    pub name_discards: orlop_lookup_contract::Counters,
    /// The last step that was made.
    pub last_step: Option<Stepped>,
    /// What was refused last.
    pub refused: Option<String>,
    /// What a one-shot run achieved, once it is over.
    pub outcome: Option<Outcome>,
    /// What each process is restricted by.
    pub postures: Postures,
}

/// A step that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stepped {
    /// When.
    pub at: Instant,
    /// By how much.
    pub by: contract::Offset,
    /// Why.
    pub why: StepReason,
    /// Who agreed on it.
    pub agreed: Vec<String>,
}

impl Status {
    fn header(&self) -> Header<'_> {
        let Self { mode, started, restarts, postures, .. } = self;
        Header { daemon: &DAEMON, mode: mode.name(), started: *started, restarts: *restarts, postures }
    }

    /// The document, written `now`.
    #[must_use]
    pub fn document(&self, now: Now) -> Document<Body> {
        Document::new(&self.header(), Body::new(self, now), now)
    }
}

impl Snapshot for Status {
    fn uncounted(&self) -> Self {
        let mut status = self.clone();
        if let Some(worker) = &mut status.worker {
            worker.discards = Counters::default();
        }
        status.name_discards = orlop_lookup_contract::Counters::default();
        status
    }

    /// The outcome of a run never waits.
    fn is_last(&self) -> bool {
        self.outcome.is_some()
    }

    fn to_json(&self, now: Now) -> String {
        self.document(now).to_json()
    }

    fn to_metrics(&self) -> String {
        metrics::render(self, &self.header())
    }
}

/// What `orlop-ntp status` prints, and what it ends with.
///
/// # Errors
/// No daemon has been running here.
pub fn show(view: View, now: Instant) -> Result<(String, Exit), Fatal> {
    let (json, document) = read::<Body>(&DAEMON, Path::new(OWN_FOLDER))?;
    let life = match (&document.body.outcome, document.mode == Mode::Service.name()) {
        (Some(_), _) => Life::Over,
        (None, false) => Life::Unknown,
        (None, true) => Life::of_service(&control::path(&DAEMON)),
    };
    let exit = if document.body.synchronised { Exit::Done } else { Exit::Unconfigured };
    Ok((if view.json { json } else { text::render(&document, life, view.verbose, now) }, exit))
}

/// What `orlop-ntp sources` prints.
///
/// # Errors
/// No daemon has been running here.
pub fn show_sources(now: Instant) -> Result<String, Fatal> {
    let (_, document) = read::<Body>(&DAEMON, Path::new(OWN_FOLDER))?;
    Ok(text::sources(&document.body, now))
}

/// Whether the clock is right, by the word of the daemon that runs; `None` where none has said anything.
#[must_use]
pub fn is_synchronised() -> Option<bool> {
    read::<Body>(&DAEMON, Path::new(OWN_FOLDER)).ok().map(|(_, document)| document.body.synchronised)
}

#[cfg(test)]
mod tests;
