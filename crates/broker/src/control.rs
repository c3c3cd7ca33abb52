//! The socket through which a daemon's verbs reach the process that runs.
//!
//! It is a `SOCK_SEQPACKET` socket in the daemon's folder that only uid 0 may open and that asks the kernel who is calling.
//! One connection carries one order and one [`Reply`], each in a single bounded message. What orders there are is the
//! daemon's: any type with a largest size and one encoding.

mod client;
mod server;

use orlop_wire::{MaxSize, Str};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use client::{ControlError, is_heard, send};
pub use server::{Bound, Call, Server};

/// The name of the socket in the daemon's folder.
pub const SOCKET: &str = "control";

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
