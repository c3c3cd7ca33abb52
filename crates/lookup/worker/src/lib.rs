//! The worker that looks up names for a daemon: it asks the name servers through sockets that its broker has connected, and
//! reads what they answer. It holds these and nothing else: no capability, no path, no way to open anything or to speak to
//! anybody but those servers.
//!
//! A daemon that has names to look up gives it a program of a few lines, and a profile that begins with
//! [`SPEAKING_WORKER`](orlop_sandbox::base::SPEAKING_WORKER) and adds `timerfd_settime` and room for
//! [`MAX_SOCKETS`](orlop_lookup_contract::MAX_SOCKETS) descriptors more:
//!
//! ```no_run
//! # use std::process::ExitCode;
//! # use orlop_sandbox::{base, profile::Profile};
//! # const LOOKUP: Profile = base::SPEAKING_WORKER;
//! fn main() -> ExitCode {
//!     let Err(fatal) = orlop_lookup_worker::start(&LOOKUP);
//!     fatal.report().into()
//! }
//! ```
//!
//! [`start`] climbs the ladder of `orlop-sandbox`; only then is the first byte from outside read. Its broker's side of the
//! conversation is `orlop-lookup-contract`, what is asked and believed is `orlop-lookup-core`.
#![forbid(unsafe_code)]

mod run;
mod sockets;

use core::convert::Infallible;

use orlop_lookup_contract::PROTOCOL;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::log;
use orlop_sandbox::profile::Profile;
use orlop_sandbox::worker::Worker;
use tracing::level_filters::LevelFilter;

/// Locks this process in and looks names up until the broker is gone.
///
/// # Errors
/// Always, in the end: why there is nothing left to do.
pub fn start(profile: &'static Profile) -> Result<Infallible, Fatal> {
    log::init(profile.name, LevelFilter::INFO);
    let locked = Worker::open(profile)?
        .prepare(|preparation| Ok((preparation.timer()?, preparation.seed()?)))?
        .drop_user()?
        .lock()?;
    let ended = locked.enter(PROTOCOL, run::run)?;
    Err(Fatal::new(Exit::Software, "the worker that looks up names stops").cause(ended))
}
