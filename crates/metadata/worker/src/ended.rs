//! The end of a worker.

use std::io;

use orlop_sandbox::channel::ChannelError;

/// Why a worker has nothing left to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    /// The broker is gone, or what it says makes no sense.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// The broker says what is never said to this worker, or at this time.
    #[error("the broker says what makes no sense here")]
    Nonsense,
    /// A granted descriptor cannot be used.
    #[error("cannot use what the broker granted: {0}")]
    Grant(#[source] io::Error),
    /// The clock.
    #[error("the timer failed: {0}")]
    Timer(#[source] io::Error),
}
