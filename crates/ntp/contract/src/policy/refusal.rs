use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

use crate::KeyFailure;

/// Why a request has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The clock would show a time before the floor.
    #[error("a time before the floor")]
    BelowFloor,
    /// The clock would show a time after 2106 or before 1970, or the numbers make no sense.
    #[error("out of range")]
    OutOfRange,
    /// The clock would go backwards, and nothing has happened that allows it.
    #[error("backwards, without an occasion")]
    Backwards,
    /// It is so small that it is slewed.
    #[error("too small for a step")]
    TooSmall,
    /// The occasion that the worker names has not arisen, or is over.
    #[error("there was no such occasion")]
    NoOccasion,
    /// A single answer, too early, or where only a majority counts.
    #[error("a single answer is no majority")]
    NoMajority,
    /// Nobody, or somebody without a socket, is said to have agreed.
    #[error("nobody who can be asked has agreed")]
    NobodyAgreed,
    /// The clock was set forwards by too much already.
    #[error("the budget of steps is spent")]
    Budget,
    /// Too often.
    #[error("too often")]
    TooOften,
    /// Drift and slew together are more than 500 ppm.
    #[error("faster than 500 ppm")]
    TooFast,
    /// No leap second comes at the end of this day.
    #[error("not the last day of June or December")]
    NoLeapDay,
    /// Not one of the addresses of the source.
    #[error("not an address of this source")]
    UnknownServer,
    /// The source is not asked with NTS.
    #[error("this source is not asked with NTS")]
    NotSecured,
    /// The key exchange has failed.
    #[error("the key exchange has failed: {0}")]
    KeyExchange(KeyFailure),
    /// The kernel refused it.
    #[error("the kernel refused it (errno {errno})")]
    Kernel {
        /// The `errno` it gave.
        errno: i32,
    },
    /// So many denials that the worker cannot be ours any more; end the conversation.
    #[error("too many refused requests: the worker is not to be trusted any more")]
    TooManyDenials,
}
