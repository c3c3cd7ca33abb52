//! The broker: opens what it needs, narrows itself, learns what its worker is restricted by, and serves it.

mod equipment;
mod link;
mod outputs;
mod server;
mod settle;

use std::path::Path;

use orlop_dhcp_contract::{Notice, PROTOCOL, Request};
use orlop_dhcp_profiles::{BROKER, WORKER};
use orlop_sandbox::broker::{Attested, Broker, Keep};
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::log;
use tracing::level_filters::LevelFilter;
use tracing::warn;

use crate::command_line::Run;
use crate::config::Config;
use crate::role::Birth;
use crate::settings::{Loaded, Settings};
use equipment::{Equipment, writable};
use server::Server;

/// Serves until a one-shot run has its outcome, or something ends it.
///
/// # Errors
/// What ended it.
pub fn run(run: Run, birth: &Birth) -> Result<Exit, Fatal> {
    let config = load(&run.settings)?;
    in_a_loop(async move {
        let mut broker = Broker::start(&BROKER, birth.worker, WORKER.name)?;
        let relay = broker.relay();
        let equipment = Equipment::open(run.mode, &config)?;
        let mut narrow = broker.narrow(Keep {
            read: &readable(&run.settings),
            write: &writable(&config),
            require_landlock: config.require_landlock,
        })?;
        let worker: Attested<Notice, Request> = narrow.await_worker(&WORKER, PROTOCOL).await?;
        Server::new(run, config, birth.started, equipment, narrow, worker).serve(relay).await
    })
}

fn load(settings: &Settings) -> Result<Config, Fatal> {
    let Loaded { config, warnings } = settings.load()?;
    log::init("dhcp", LevelFilter::from_level(config.log));
    for warning in warnings {
        warn!("{warning}");
    }
    Ok(config)
}

fn in_a_loop(serve: impl Future<Output = Result<Exit, Fatal>>) -> Result<Exit, Fatal> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    runtime.map_err(|cause| Fatal::os("cannot build the loop", cause))?.block_on(serve)
}

/// What the broker reads once it is narrow: the folder of its configuration, for a reload. The folder, because an
/// editor replaces the file.
fn readable(settings: &Settings) -> Vec<&Path> {
    settings.path().and_then(Path::parent).into_iter().collect()
}
/// x
pub fn posture(_s: &Settings, _json: bool, _b: &Birth) -> Result<Exit, Fatal> {
    Ok(Exit::Done)
}
