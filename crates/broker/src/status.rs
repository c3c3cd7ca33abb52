//! `status.json`: what a daemon does, for people and programs. Every daemon's document begins alike.
//!
//! The fields of all daemons are [`Document`]'s; those of one daemon are its `Body`, and stand beside them, not below
//! (`interfaces`, not `body.interfaces`), so that one document is one table. `STATUS.md` of this crate, and of each daemon,
//! explains every field, and a test compares it with a document. Nothing in a status is a secret: the file is everybody's to
//! read.
//!
//! There is no process id: the broker cannot ask for it once it is narrow, and outside its pid namespace it would be
//! somebody else's.

mod show;
mod writer;

use std::io;
use std::os::fd::BorrowedFd;

use orlop_machine::Instant;
use rustix::fs::Mode;
use serde::{Deserialize, Serialize};

use crate::json;
use crate::moment::{Moment, Now};
use crate::posture::Postures;
use orlop_sandbox::daemon::Daemon;

pub use show::{Life, View, read};
pub use writer::{Snapshot, Writer};

/// The name of the document in the daemon's folder.
pub const FILE: &str = "status.json";

/// The form of the document. It grows when a field changes its meaning or goes; a new field does not change it.
pub const SCHEMA: u32 = 1;

/// Who may read what is left for others.
pub(crate) const EVERYBODY: Mode = Mode::from_raw_mode(0o644);

/// What a daemon says of itself, before it is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'p> {
    /// Who it is.
    pub daemon: &'static Daemon,
    /// What it runs for, in the daemon's own words: `service`, `one-shot`.
    pub mode: &'static str,
    /// When the daemon was started, which may be several brokers ago.
    pub started: Instant,
    /// How often broker and worker were started anew since then.
    pub restarts: u32,
    /// What each of its processes is restricted by.
    pub postures: &'p Postures,
}

/// The whole document. A field may be added; none changes its meaning within a schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document<Body> {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The daemon's name, as in `/run/orlop/NAME`.
    pub daemon: String,
    /// The version of the daemon.
    pub version: String,
    /// What it runs for.
    pub mode: String,
    /// When this was written. It is written only when something changes.
    pub written: Moment,
    /// When the daemon was started.
    pub started: Moment,
    /// How often broker and worker were started anew since then.
    pub restarts: u32,
    /// What only this daemon says.
    #[serde(flatten)]
    pub body: Body,
    /// What each process is restricted by.
    pub posture: Postures,
}

impl<Body: Serialize> Document<Body> {
    /// The document of the daemon that `header` is about, written `now`.
    #[must_use]
    pub fn new(header: &Header<'_>, body: Body, now: Now) -> Self {
        let Header { daemon, mode, started, restarts, postures } = *header;
        Self {
            schema: SCHEMA,
            daemon: daemon.name.to_owned(),
            version: crate::VERSION.to_owned(),
            mode: mode.to_owned(),
            written: Moment::new(now.boottime, now),
            started: Moment::new(started, now),
            restarts,
            body,
            posture: postures.clone(),
        }
    }

    /// The text of the file.
    #[must_use]
    pub fn to_json(&self) -> String {
        json::text(self)
    }
}

/// Puts the text of a status into the daemon's folder, whole.
///
/// # Errors
/// The kernel refuses; what was there before still is.
pub fn write(folder: BorrowedFd<'_>, json: &str) -> io::Result<()> {
    orlop_wholefile::replace(folder, FILE, json.as_bytes(), EVERYBODY)
}

#[cfg(test)]
pub(crate) mod tests;
