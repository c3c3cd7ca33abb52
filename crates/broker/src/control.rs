//! The socket through which a daemon's verbs reach the process that runs.
//!
//! It is a `SOCK_SEQPACKET` socket that only uid 0 may open and that asks the kernel who is calling. In containers every
//! process is uid 0, and a read-only bind does not stop `connect`: so it lies in a [`folder`] of its own, which no image but
//! the daemon's binds.
//! One connection carries one order and one [`Reply`], each in a single bounded message. What orders there are is the
//! daemon's: any type with a largest size and one encoding.

mod client;
mod server;

use std::path::{Path, PathBuf};

use orlop_sandbox::daemon::Daemon;
use orlop_sandbox::fatal::Fatal;
use orlop_wire::{MaxSize, Str};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use client::{ControlError, Hearing, hearing, send};
pub use server::{Bound, Call, Server, next_order};

/// The folders of all daemons' sockets, one in another for each, so that a container can bind one without the others.
const FOLDERS: &str = "/run/orlop/control";

/// The name of the socket in its folder.
const SOCKET: &str = "control";

/// The folder that only the container of `daemon` shares: whoever has it can give orders.
#[must_use]
pub fn folder(daemon: &Daemon) -> PathBuf {
    Path::new(FOLDERS).join(daemon.name)
}

/// The socket of `daemon`.
#[must_use]
pub fn path(daemon: &Daemon) -> PathBuf {
    folder(daemon).join(SOCKET)
}

/// What can cross the socket.
pub trait Message: Serialize + DeserializeOwned + MaxSize {}

impl<T: Serialize + DeserializeOwned + MaxSize> Message for T {}

/// What the daemon answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply<Answer = ()> {
    /// It is done, or under way; an order that asks for something has it in here.
    Done(Answer),
    /// It cannot be done, and why.
    Refused(Str<MAX_REASON>),
}

/// Longest reason that is sent: a sentence, and the line of a configuration error.
pub const MAX_REASON: usize = 400;

impl<Answer> Reply<Answer> {
    /// A refusal with this reason, shortened to what fits.
    #[must_use]
    pub fn refused(reason: &str) -> Self {
        Self::Refused(Str::truncated(reason))
    }

    /// A refusal because of a new configuration that is not good. The old one stays in force.
    #[must_use]
    pub fn refused_configuration(fatal: &Fatal) -> Self {
        tracing::warn!(problem = %fatal.problem, "the new configuration is not used");
        let cause = fatal.cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
        Self::refused(&format!("{}{cause}", fatal.problem))
    }
}

impl<Answer: MaxSize> MaxSize for Reply<Answer> {
    const POSTCARD_MAX_SIZE: usize = {
        let (answer, reason) = (Answer::POSTCARD_MAX_SIZE, <Str<MAX_REASON>>::POSTCARD_MAX_SIZE);
        // A byte says which of the two it is.
        1 + if answer > reason { answer } else { reason }
    };
}

#[cfg(test)]
mod tests;
