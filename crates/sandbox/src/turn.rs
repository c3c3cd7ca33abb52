//! One turn of a worker's loop: it waits for its broker, for the clock, and for whatever it hears itself.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use orlop_machine::Instant;

use crate::channel::{ChannelError, Message, Received, WorkerChannel};
use crate::timer::BootTimer;

/// What came first.
#[derive(Debug)]
pub enum Turn<Notice, Heard> {
    /// The broker said something.
    Notice(Received<Notice>),
    /// The deadline has come.
    Deadline,
    /// The worker's own.
    Heard(Heard),
}

/// Waits for what comes first until `deadline`: the broker before all else, so that what it says holds for whatever was heard in
/// the same moment, then the clock, and then what `heard` looks for. Cancelling loses nothing.
///
/// # Errors
/// The broker or the timer is of no use any more: the loop is over.
pub async fn turn<Out: Message, Notice: Message, Heard>(
    channel: &WorkerChannel<Out, Notice>,
    timer: &BootTimer,
    deadline: Option<Instant>,
    mut heard: impl FnMut(&mut Context<'_>) -> Poll<Heard>,
) -> Result<Turn<Notice, Heard>, Ended> {
    timer.set(deadline).map_err(Ended::Timer)?;
    poll_fn(|context| {
        if let Poll::Ready(received) = channel.poll_recv(context) {
            return Poll::Ready(received.map(Turn::Notice).map_err(Ended::Channel));
        }
        if let Poll::Ready(expired) = timer.poll_expired(context) {
            return Poll::Ready(expired.map(|()| Turn::Deadline).map_err(Ended::Timer));
        }
        heard(context).map(|heard| Ok(Turn::Heard(heard)))
    })
    .await
}

/// Why a worker has nothing left to do.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// The broker is gone, or what it says makes no sense.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// A granted descriptor cannot be used.
    #[error("cannot use what the broker granted: {0}")]
    Grant(#[source] io::Error),
    /// The clock.
    #[error("the timer failed: {0}")]
    Timer(#[source] io::Error),
}
