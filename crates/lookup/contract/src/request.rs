use core::fmt;

use orlop_wire::{Bounded, HostAddr, MaxSize};
use serde::{Deserialize, Serialize};

use crate::{Counters, Lifetime, MAX_ADDRESSES, NameId, ServerId};

/// Everything a worker that looks up names can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Request {
    /// Open a socket, from a port of the kernel's choice, and connect it to port 53 of the server. Answered by `Connected` or
    /// `Unconnected`.
    Connect(Place),
    /// These are the addresses of the name, instead of those of before.
    Found {
        /// Whose addresses they are.
        id: NameId,
        /// Without doubles, at least one, in the order in which the server gave them, IPv4 and IPv6 in turn.
        addresses: Bounded<HostAddr, MAX_ADDRESSES>,
        /// How long they are good; the worker looks the name up again before it is told to.
        lifetime: Lifetime,
    },
    /// The name has no address now. The worker goes on trying.
    Failed {
        /// Which name.
        id: NameId,
        /// Why it has none.
        why: Failure,
    },
    /// What was dropped since the worker began, for the status: said after a `Found` or `Failed`, if it is news. Changes nothing.
    Discards(Counters),
}

/// What a socket is for: one name, one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, MaxSize)]
pub struct Place {
    /// The name that is asked for.
    pub id: NameId,
    /// The server that is asked.
    pub server: ServerId,
    /// How.
    pub transport: Transport,
}

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
pub enum Transport {
    /// As everybody does first.
    Udp,
    /// When an answer did not fit.
    Tcp,
}

/// Why a name has no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, MaxSize)]
pub enum Failure {
    /// NXDOMAIN: there is no such name.
    NoSuchName,
    /// The name is there and has neither an IPv4 nor an IPv6 address.
    NoAddress,
    /// No server could be asked, or none gave an answer that can be used.
    Unanswered,
}

/// As it stands behind "the name" in a log line.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchName => "does not exist",
            Self::NoAddress => "has no address",
            Self::Unanswered => "got no answer from any name server",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_is_said_in_its_own_words() {
        let words: Vec<String> =
            [Failure::NoSuchName, Failure::NoAddress, Failure::Unanswered].iter().map(ToString::to_string).collect();
        assert_eq!(words, ["does not exist", "has no address", "got no answer from any name server"]);
    }
}
