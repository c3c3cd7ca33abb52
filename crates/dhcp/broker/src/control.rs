//! The socket through which `orlop-dhcp renew`, `release` and `reload` reach the running daemon.
//!
//! `/run/orlop/dhcp/control` is a `SOCK_SEQPACKET` socket that only uid 0 may open and that asks the kernel who is
//! calling. One connection carries one [`Order`] and one [`Reply`], each in a single bounded message.

mod client;
mod server;

use std::fmt;

use orlop_wire::{MaxSize, Str};
use serde::{Deserialize, Serialize};

pub use client::{ControlError, is_heard, send};
pub use server::{Asked, Bound, Server};

use crate::interface_name::InterfaceName;

/// The name of the socket in the daemon's folder.
pub const SOCKET: &str = "control";
/// Where the socket is.
pub const PATH: &str = "/run/orlop/dhcp/control";

/// What an operator can ask a running daemon for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Order {
    /// Extend leases now; ask for one where there is none.
    Renew(Target),
    /// Give leases back, and stay without.
    Release(Target),
    /// Read the configuration file again.
    Reload,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Renew(target) => write!(f, "renew {target}"),
            Self::Release(target) => write!(f, "release {target}"),
            Self::Reload => f.write_str("reload"),
        }
    }
}

/// Which interfaces an order is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Target {
    /// Every one that the daemon looks after.
    All,
    /// This one.
    One(InterfaceName),
}

impl Target {
    /// Whether the order is about the interface called `name`.
    #[must_use]
    pub fn includes(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => one.as_str() == name,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all interfaces"),
            Self::One(name) => name.fmt(f),
        }
    }
}

/// What the daemon answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Reply {
    /// It is under way; `status` shows how it goes.
    Done,
    /// It cannot be done, and why.
    Refused(Str<{ Reply::MAX_REASON }>),
}

impl Reply {
    /// Longest reason that is sent: a sentence, and the line of a configuration error.
    pub const MAX_REASON: usize = 400;

    /// A refusal with this reason, shortened to what fits.
    #[must_use]
    pub fn refused(reason: &str) -> Self {
        Self::Refused(Str::truncated(reason))
    }
}

#[cfg(test)]
mod tests;
