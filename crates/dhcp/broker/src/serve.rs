//! The broker: opens what it needs, narrows itself, learns what its worker is restricted by, and serves it.

mod care;
mod catch_up;
mod conflict;
mod equipment;
mod link;
mod orders;
mod outputs;
mod restore;
mod server;
mod story;

use std::path::Path;

use orlop_broker::confine::{Confined, confine, in_a_loop};
use orlop_broker::print::print;
use orlop_broker::ready::Ready;
use orlop_config::places_of;
use orlop_dhcp_contract::{Notice, PROTOCOL, Request};
use orlop_dhcp_profiles::{BROKER, DAEMON};
use orlop_sandbox::broker::{Broker, Keep};
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::log;
use orlop_sandbox::supervisor::Birth;
use tracing::level_filters::LevelFilter;
use tracing::warn;

use crate::config::{Config, Loaded};
use crate::resolv_conf;
use crate::settings::{Mode, Run, Settings};
use equipment::{Equipment, writable};
use server::{Begun, Server};

/// Serves until a one-shot run has its outcome, or something ends it. Whoever waits until the daemon is ready hears of the first
/// lease in force.
///
/// # Errors
/// What ended it.
pub fn run(run: Run, birth: &Birth) -> Result<Exit, Fatal> {
    let config = load(&run.settings)?;
    in_a_loop(&DAEMON, async move {
        let mut broker = Broker::start(&DAEMON, &BROKER)?;
        let begun = Begun { started: birth.started, restarts: birth.restarts, ready: Ready::of(&mut broker) };
        let mut equipment = Equipment::open(run.mode, &config)?;
        // What can be done while the worker locks itself in.
        equipment.interfaces.request_list().map_err(|cause| Fatal::os("cannot watch the interfaces", cause))?;
        let Confined { channel, postures, narrow: _ } = narrow(broker, &run.settings, &config).await?;
        Server::new(run, config, begun, equipment, postures, channel).serve().await
    })
}

/// Takes up the sandbox as [`run`] does, shows what is in force, and ends.
///
/// # Errors
/// Something that must be in force is not.
pub fn posture(settings: &Settings, json: bool) -> Result<Exit, Fatal> {
    let config = load(settings)?;
    in_a_loop(&DAEMON, async move {
        let broker = Broker::start(&DAEMON, &BROKER)?;
        // Landlock needs the folders to be there.
        let _equipment = Equipment::open(Mode::OneShot, &config)?;
        print(&narrow(broker, settings, &config).await?.postures.show(json))?;
        Ok(Exit::Done)
    })
}

/// Narrows this process to what `config` needs, and waits until the worker has locked itself in.
async fn narrow(broker: Broker, settings: &Settings, config: &Config) -> Result<Confined<Notice, Request>, Fatal> {
    let [named, real] = &places_of(settings.path());
    let keep = Keep {
        // And who has claimed resolv.conf.
        read: &[named, real, Path::new(resolv_conf::CLAIMS)],
        write: &writable(config),
        require_landlock: config.require_landlock,
        ..Keep::default()
    };
    confine(broker, keep, PROTOCOL).await
}

fn load(settings: &Settings) -> Result<Config, Fatal> {
    let Loaded { config, warnings } = settings.load()?;
    log::init("dhcp", LevelFilter::from_level(config.log));
    for warning in warnings {
        warn!("{warning}");
    }
    Ok(config)
}
