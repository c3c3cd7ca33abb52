//! The DHCP worker: it hears every packet for port 68, runs one client machine per link, and asks its broker for
//! each effect. It holds the descriptors that the broker granted and nothing else: no capability, no path, no way
//! to open anything or to send a packet.
//!
//! `start` climbs the ladder of `orlop-sandbox` (open, prepare, drop the user, lock); only then is the first byte
//! from outside read, in [`run`]. The protocol itself is `orlop-dhcp-core`.
#![forbid(unsafe_code)]

mod links;
mod run;
mod told;

use core::convert::Infallible;

use orlop_dhcp_contract::PROTOCOL;
use orlop_dhcp_profiles::WORKER;
use orlop_machine::Chance;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::log;
use orlop_sandbox::worker::Worker;
use tracing::level_filters::LevelFilter;

/// Locks this process in and serves until the broker is gone.
///
/// # Errors
/// Always, in the end: why there is nothing left to do.
pub fn start() -> Result<Infallible, Fatal> {
    // At `debug` it tells only of links whose messages shall be told.
    log::init("dhcp-worker", LevelFilter::DEBUG);
    let locked = Worker::open(&WORKER)?
        .prepare(|preparation| Ok((preparation.timer()?, Chance::new(preparation.seed()?))))?
        .drop_user()?
        .lock()?;
    let ended = locked.enter(PROTOCOL, run::run)?;
    Err(Fatal::new(Exit::Software, "the DHCP worker stops").cause(ended))
}
