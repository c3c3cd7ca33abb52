//! What `orlop-dhcp status` shows.

use std::io;
use std::path::{Path, PathBuf};

use orlop_machine::Instant;
use orlop_sandbox::fatal::{Exit, Fatal};

use super::STATUS_FILE;
use super::document::{Document, seconds};
use super::text::{self, Life};
use crate::control;
use crate::settings::Mode;
use orlop_wholefile as whole_file;

/// Largest document that is read, in bytes: 128 interfaces with the longest leases come to less than half of it.
const MAX_FILE: usize = 4 * 1024 * 1024;

/// The status, and how the command ends after showing it.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Shown {
    /// For standard output.
    pub text: String,
    /// Good while a daemon runs, or after a run that did all it should.
    pub end: Result<Exit, Fatal>,
}

/// Reads the status in the daemon's `folder` and renders it as of `now`, for a person or as it stands.
///
/// # Errors
/// No daemon has written one, or it cannot be read.
pub fn show(folder: &Path, json: bool, now: Instant) -> Result<Shown, Fatal> {
    let raw = read(folder)?;
    let document: Document =
        serde_json::from_str(&raw).map_err(|_| StatusError::Nonsense { path: folder.join(STATUS_FILE) })?;
    let socket = folder.join(control::SOCKET);
    let is_service = document.mode == Mode::Service.name();
    let life = match &document.outcome {
        Some(_) => Life::Over,
        None if !is_service => Life::Unknown,
        None if control::is_heard(&socket) => Life::Running,
        None => Life::Ended,
    };
    let end = match (&document.outcome, life) {
        (Some(outcome), _) => outcome.clone().into_result().map(|_| Exit::Done),
        (None, Life::Ended) => Err(StatusError::Stale { path: socket }.into()),
        (None, Life::Running | Life::Unknown | Life::Over) => Ok(Exit::Done),
    };
    let text = if json { raw } else { text::render(&document, life, seconds(now)) };
    Ok(Shown { text, end })
}

fn read(folder: &Path) -> Result<String, StatusError> {
    let failed = |source| StatusError::Unreadable { path: folder.join(STATUS_FILE), source };
    let missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let dir = match std::fs::File::open(folder) {
        Ok(dir) => dir,
        Err(error) if missing(&error) => return Err(StatusError::Missing { path: folder.join(STATUS_FILE) }),
        Err(error) => return Err(failed(error)),
    };
    whole_file::read(std::os::fd::AsFd::as_fd(&dir), STATUS_FILE, MAX_FILE).map_err(|error| {
        if missing(&error) { StatusError::Missing { path: folder.join(STATUS_FILE) } } else { failed(error) }
    })
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// No daemon has written a status.
    #[error("no DHCP daemon has been running here")]
    Missing {
        /// Where it would be.
        path: PathBuf,
    },
    /// The daemon that wrote the status has ended.
    #[error("the DHCP daemon is not running any more")]
    Stale {
        /// Where it would listen.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a status.
    #[error("{} is not a status of this version", path.display())]
    Nonsense {
        /// Which file.
        path: PathBuf,
    },
}

impl From<StatusError> for Fatal {
    fn from(error: StatusError) -> Self {
        let problem = error.to_string();
        match error {
            StatusError::Missing { path } => Self::new(Exit::Unconfigured, problem)
                .cause(format_args!("there is no {}", path.display()))
                .help("start orlop-dhcp; in a container, bind /run/orlop/dhcp into this one"),
            StatusError::Stale { path } => Self::new(Exit::Unconfigured, problem)
                .cause(format_args!("nobody listens at {}", path.display()))
                .help("its log says why it ended; addresses and routes stay until their lifetimes end"),
            StatusError::Unreadable { path: _, source } => Self::new(Exit::Os, problem).cause(source),
            StatusError::Nonsense { path: _ } => {
                Self::new(Exit::Unconfigured, problem).help("use the orlop-dhcp of the same version as the daemon")
            }
        }
    }
}
