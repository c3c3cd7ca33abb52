//! A status that is read back, to be shown.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd as _;
use std::path::Path;

use orlop_machine::Instant;
use orlop_sandbox::fatal::{Exit, Fatal};
use serde::de::DeserializeOwned;

use super::{Document, FILE};
use crate::control::{Hearing, hearing};
use orlop_sandbox::daemon::Daemon;

/// Largest document that is read, in bytes: that of 128 interfaces with the longest leases is less than half of it.
const MAX_FILE: usize = 4 * 1024 * 1024;

/// Reads the status that `daemon` left in its `folder`: as it stands, and understood.
///
/// # Errors
/// There is none, or it cannot be read, or it is none of this version.
pub fn read<Body: DeserializeOwned>(daemon: &Daemon, folder: &Path) -> Result<(String, Document<Body>), Fatal> {
    let path = folder.join(FILE);
    let text = File::open(folder).and_then(|folder| orlop_wholefile::read(folder.as_fd(), FILE, MAX_FILE));
    let text = text.map_err(|cause| unreadable(daemon, folder, &cause))?;
    let document = serde_json::from_str(&text).map_err(|_| {
        Fatal::new(Exit::Unconfigured, format!("{} is not a status of this version", path.display()))
            .help(format!("use the {} of the same version as the daemon", daemon.program))
    })?;
    Ok((text, document))
}

fn unreadable(daemon: &Daemon, folder: &Path, cause: &io::Error) -> Fatal {
    let path = folder.join(FILE);
    if cause.kind() != ErrorKind::NotFound {
        return Fatal::new(Exit::Os, format!("cannot read {}", path.display())).cause(cause);
    }
    Fatal::new(Exit::Unconfigured, format!("no {} has been running here", daemon.title))
        .cause(format_args!("there is no {}", path.display()))
        .help(format!("start {}; in a container, bind {} into this one", daemon.program, folder.display()))
}

/// What has become of the daemon that wrote a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It takes orders.
    Running,
    /// It does not, and should.
    Ended,
    /// It never takes orders, and has not said its last word.
    Unknown,
    /// It has said its last word.
    Over,
}

impl Life {
    /// That of a daemon which takes orders at this socket for as long as it runs.
    #[must_use]
    pub fn of_service(socket: &Path) -> Self {
        match hearing(socket) {
            Hearing::Heard => Self::Running,
            Hearing::Silent => Self::Ended,
            Hearing::Hidden => Self::Unknown,
        }
    }
}

/// How much of a status is shown, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct View {
    /// The document as it stands, for a program.
    pub json: bool,
    /// What the processes are restricted by, too.
    pub verbose: bool,
}

impl<Body> Document<Body> {
    /// The first line for a person: which daemon it is, and how long it has been doing what it does.
    #[must_use]
    pub fn headline(&self, life: Life, now: Instant) -> String {
        let Self { daemon, version, mode, written, started, restarts, .. } = self;
        let how = match life {
            Life::Running => format!("running for {}", started.age(now)),
            Life::Ended => format!("ended, after this was written {} ago", written.age(now)),
            Life::Unknown => format!("under way {} ago", written.age(now)),
            Life::Over => format!("over for {}", written.age(now)),
        };
        let anew = match restarts {
            0 => String::new(),
            1 => ", started anew once".to_owned(),
            times => format!(", started anew {times} times"),
        };
        format!("orlop-{daemon} {version}, {mode}: {how}{anew}\n")
    }
}
