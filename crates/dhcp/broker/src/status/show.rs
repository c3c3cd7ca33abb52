//! What `orlop-dhcp status` shows.

use std::path::Path;

use orlop_broker::status::{self, Document, Life};
use orlop_machine::Instant;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_wire::InterfaceName;

use super::{Body, text};
use crate::settings::Mode;
use orlop_dhcp_profiles::DAEMON;

/// How much of the status is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View {
    /// The document as it is, for a program.
    pub json: bool,
    /// Also what the processes are restricted by.
    pub verbose: bool,
    /// Only this interface.
    pub interface: Option<InterfaceName>,
}

/// The status, and how the command ends after showing it.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Shown {
    /// For standard output.
    pub text: String,
    /// Good while a daemon runs, or after a run that did all it should.
    pub end: Result<Exit, Fatal>,
}

/// Reads the status in the daemon's `folder` and renders it as of `now`, for a person or as it stands. Whether a daemon that
/// should run does is known from its `socket`, where that can be seen.
///
/// # Errors
/// No daemon has written one, or it cannot be read.
pub fn show(folder: &Path, socket: &Path, view: &View, now: Instant) -> Result<Shown, Fatal> {
    let (raw, document): (String, Document<Body>) = status::read(&DAEMON, folder)?;
    let is_service = document.mode == Mode::Service.name();
    let life = match &document.body.outcome {
        Some(_) => Life::Over,
        None if !is_service => Life::Unknown,
        None => Life::of_service(socket),
    };
    let end = match (&document.body.outcome, life) {
        (Some(outcome), _) => outcome.clone().into_result().map(|_| Exit::Done),
        (None, Life::Ended) => Err(Fatal::new(Exit::Unconfigured, "the DHCP daemon is not running any more")
            .cause(format_args!("nobody listens at {}", socket.display()))
            .help("its log says why it ended; addresses and routes stay until their lifetimes end")),
        (None, Life::Running | Life::Unknown | Life::Over) => Ok(Exit::Done),
    };
    if let Some(name) = &view.interface
        && !document.body.interfaces.iter().any(|one| one.name == *name)
    {
        return Err(Fatal::new(Exit::Unconfigured, format!("the DHCP daemon does not look after {name}"))
            .help("orlop-dhcp status lists the interfaces"));
    }
    let text = if view.json { raw } else { text::render(&document, view, life, now) };
    Ok(Shown { text, end })
}
