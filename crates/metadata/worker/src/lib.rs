//! The metadata workers: one speaks with a service, through connections that its broker makes; the other reads disks that its
//! broker has opened. Both say the same thing to it: files below `/run/config`, and the machine's name.
//!
//! Each climbs the ladder of `orlop-sandbox`; only then is the first byte from outside read. What the bytes mean is in
//! `orlop-metadata-core`.
#![forbid(unsafe_code)]

mod disks;
mod document;
mod ended;
mod fetch;
mod media;
mod network;
mod tell;

use core::convert::Infallible;

use orlop_machine::Chance;
use orlop_metadata_contract::PROTOCOL;
use orlop_metadata_profiles::{MEDIA, NETWORK};
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::log;
use orlop_sandbox::worker::Worker;
use tracing::level_filters::LevelFilter;

/// Locks this process in and asks services until the broker is gone.
///
/// # Errors
/// Always, in the end: why there is nothing left to do.
pub fn network() -> Result<Infallible, Fatal> {
    log::init(NETWORK.name, LevelFilter::INFO);
    let locked = Worker::open(&NETWORK)?
        .prepare(|preparation| Ok((preparation.timer()?, Chance::new(preparation.seed()?))))?
        .drop_user()?
        .lock()?;
    let Err(ended) = locked.enter(PROTOCOL, network::serve)?;
    Err(Fatal::new(Exit::Software, "the worker that asks stops").cause(ended))
}

/// Locks this process in and reads disks until the broker is gone.
///
/// # Errors
/// Always, in the end: why there is nothing left to do.
pub fn media() -> Result<Infallible, Fatal> {
    log::init(MEDIA.name, LevelFilter::INFO);
    let locked = Worker::open(&MEDIA)?.prepare(|_nothing| Ok(()))?.drop_user()?.lock()?;
    let Err(ended) = locked.enter(PROTOCOL, media::serve)?;
    Err(Fatal::new(Exit::Software, "the worker that reads disks stops").cause(ended))
}
