//! The NTP worker: it asks servers what time it is, decides whom to believe, and asks its broker for each effect on the clock.
//! It holds the sockets that the broker connected and nothing else: no capability, no path, no way to open anything or to
//! speak to anybody else.
//!
//! `start` climbs the ladder of `orlop-sandbox` (open, prepare, drop the user, lock); only then is the first byte from outside
//! read, in [`run`]. The protocol itself is `orlop-ntp-core`.
//!
//! Where NTS is asked for there is a second process, [`keys`], which speaks TLS with one server and ends: it is another program,
//! so that this one contains no TLS.
#![forbid(unsafe_code)]

mod keys;
mod peers;
mod run;
mod wall;

use core::convert::Infallible;

use orlop_ntp_contract::PROTOCOL;
use orlop_ntp_profiles::{KEYS, WORKER};
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

/// Locks this process in, exchanges keys once, and is done.
///
/// # Errors
/// It is not locked in, or its broker makes no sense. That a server exchanges no keys is none: the broker is told.
pub fn exchange_keys() -> Result<(), Fatal> {
    log::init(KEYS.name, LevelFilter::INFO);
    let locked = Worker::open(&KEYS)?.prepare(|preparation| preparation.timer())?.drop_user()?.lock()?;
    let ended = locked.enter(PROTOCOL, keys::run)?;
    ended.map_err(|cause| Fatal::new(Exit::Software, "the worker that exchanges keys stops").cause(cause))
}
