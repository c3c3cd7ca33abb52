//! The NTP worker: it asks servers what time it is, decides whom to believe, and asks its broker for each effect on the clock.
//! It holds the sockets that the broker connected and nothing else: no capability, no path, no way to open anything or to
//! speak to anybody else.
//!
//! `start` climbs the ladder of `orlop-sandbox` (open, prepare, drop the user, lock); only then is the first byte from outside
//! read, in [`run`]. The protocol itself is `orlop-ntp-core`.
#![forbid(unsafe_code)]

mod peers;
mod run;
mod wall;

use core::convert::Infallible;

use orlop_ntp_contract::PROTOCOL;
use orlop_ntp_profiles::WORKER;
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
    Err(Fatal::new(Exit::Software, "the NTP worker stops").cause(ended))
}
