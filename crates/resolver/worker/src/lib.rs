//! The resolver's worker: programs of this machine ask it, and it asks the name servers, through sockets that its broker has bound
//! and connected. It holds these and the cache and nothing else: no capability, no path, no way to open anything or to speak to
//! anybody off this machine but those servers.
//!
//! [`start`] climbs the ladder of `orlop-sandbox`; only then is the first byte from outside read, in `run`. What is served, asked
//! and believed is decided by `orlop-resolver-core`.
#![forbid(unsafe_code)]

mod clients;
mod run;
mod shown;
mod upstreams;
mod wakes;

use core::convert::Infallible;

use orlop_resolver_contract::PROTOCOL;
use orlop_resolver_profiles::WORKER;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::log;
use orlop_sandbox::worker::Worker;
use tracing::level_filters::LevelFilter;

/// Locks this process in and serves until the broker is gone.
///
/// # Errors
/// Always, in the end: why there is nothing left to do.
pub fn start() -> Result<Infallible, Fatal> {
    log::init(WORKER.name, LevelFilter::INFO);
    let locked = Worker::open(&WORKER)?
        .prepare(|preparation| Ok((preparation.timer()?, preparation.seed()?)))?
        .drop_user()?
        .lock()?;
    let ended = locked.enter(PROTOCOL, run::run)?;
    Err(Fatal::new(Exit::Software, "the resolver's worker stops").cause(ended))
}
