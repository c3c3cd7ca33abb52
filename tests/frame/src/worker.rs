//! The process that hears what strangers send, and can do nothing else.

use orlop_sandbox::channel::ChannelError;
use orlop_sandbox::datagram::Datagram;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::log;
use orlop_sandbox::worker::{Context, Worker};
use tracing::level_filters::LevelFilter;

use crate::contract::{Notice, PROTOCOL, Request};
use crate::core::{MAX_DATAGRAM, number};
use crate::profiles::WORKER;

/// Locks this process in and serves until the broker is gone.
///
/// # Errors
/// Always, in the end: why there is nothing left to do.
pub fn start() -> Result<core::convert::Infallible, Fatal> {
    log::init(WORKER.name, LevelFilter::INFO);
    let locked = Worker::open(&WORKER)?.prepare(|_nothing| Ok(()))?.drop_user()?.lock()?;
    let Err(cause) = locked.enter(PROTOCOL, serve)?;
    Err(Fatal::new(Exit::Software, "the worker stops").cause(cause))
}

async fn serve(context: Context<Request, Notice, ()>) -> Result<core::convert::Infallible, ChannelError> {
    let channel = context.channel;
    let granted = channel.recv().await?;
    let (Notice::Listen, Some(fd)) = (granted.message, granted.fd) else { return Err(ChannelError::Surplus) };
    let socket = Datagram::from_fd(fd)?;
    // One byte more than any number, so that a longer datagram is seen to be one.
    let mut datagram = [0; MAX_DATAGRAM + 1];
    loop {
        let len = tokio::select! {
            len = socket.recv(&mut datagram) => len?,
            // Nothing else is ever said; that the broker is gone is.
            end = channel.recv() => return Err(end.err().unwrap_or(ChannelError::Surplus)),
        };
        match datagram.get(..len).and_then(number) {
            Some(number) => channel.send(&Request::Add(number)).await?,
            None => tracing::info!(len, "a datagram is no number"),
        }
    }
}
