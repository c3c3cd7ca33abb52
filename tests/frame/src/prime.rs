//! The process that looks for parts of a sum: an optional worker, which hears only its broker.

use orlop_sandbox::channel::ChannelError;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::log;
use orlop_sandbox::worker::{Context, Worker};
use tracing::level_filters::LevelFilter;

use crate::contract::{Answer, PROTOCOL, Question};
use crate::core::is_prime;
use crate::profiles::PRIME;

/// Locks this process in and answers until the broker is gone.
///
/// # Errors
/// Always, in the end: why there is nothing left to do.
pub fn start() -> Result<core::convert::Infallible, Fatal> {
    log::init(PRIME.name, LevelFilter::INFO);
    let locked = Worker::open(&PRIME)?.prepare(|_nothing| Ok(()))?.drop_user()?.lock()?;
    let Err(cause) = locked.enter(PROTOCOL, serve)?;
    Err(Fatal::new(Exit::Software, "the worker stops").cause(cause))
}

async fn serve(context: Context<Answer, Question, ()>) -> Result<core::convert::Infallible, ChannelError> {
    let channel = context.channel;
    loop {
        let Question::Prime(number) = channel.recv().await?.message;
        channel.send(&Answer { number, prime: is_prime(number) }).await?;
    }
}
