use orlop_wire::{MaxSize, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::{OrderId, Queried, Status, UpstreamId, Why};

/// Everything a worker can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Request {
    /// Open so many sockets of UDP, each from a port of the kernel's choice, connected to the server. Answered by `Pool` or
    /// `NoPool`; a `Pool` may have fewer.
    Refill {
        /// To which server.
        upstream: UpstreamId,
        /// How many.
        count: SocketCount,
    },
    /// Open a socket of TCP and begin to connect it to the server. Answered by `Stream` or `NoStream`.
    Connect {
        /// To which server.
        upstream: UpstreamId,
        /// By this number the answer names the stream.
        stream: StreamId,
    },
    /// The answer to the operator's question.
    Queried {
        /// Which question.
        order: OrderId,
        /// The answer.
        answer: Queried,
    },
    /// What would become of a question that the operator wonders about.
    Explained {
        /// Which question.
        order: OrderId,
        /// What would.
        why: Why,
    },
    /// How things stand, as the broker asked.
    Report(Status),
}

/// How many sockets: at least one, and as many as come with one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
#[serde(try_from = "u8", into = "u8")]
pub struct SocketCount(u8);

impl SocketCount {
    /// [`MAX_GRANT`](crate::MAX_GRANT): as many as come with one message.
    pub const MAX: Self = Self(64);

    /// So many, or `None` where it is none or more than [`SocketCount::MAX`].
    #[must_use]
    pub const fn new(count: u8) -> Option<Self> {
        if count == 0 || count > Self::MAX.0 { None } else { Some(Self(count)) }
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl TryFrom<u8> for SocketCount {
    type Error = OutOfRange;

    fn try_from(count: u8) -> Result<Self, OutOfRange> {
        Self::new(count).ok_or(OutOfRange)
    }
}

impl From<SocketCount> for u8 {
    fn from(count: SocketCount) -> Self {
        count.0
    }
}

/// By which a worker calls a stream that it wants. It gives the numbers as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
pub struct StreamId(pub u32);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MAX_GRANT;

    #[test]
    fn sockets_are_asked_for_by_the_message() {
        for (count, good) in [(0, false), (1, true), (64, true), (65, false)] {
            assert_eq!(SocketCount::try_from(count).map(u8::from).ok(), good.then_some(count), "{count}");
        }
        assert_eq!(SocketCount::MAX.get(), MAX_GRANT);
    }
}
