//! The broker: opens what it needs, narrows itself, learns what its worker is restricted by, and serves it.

mod equipment;
mod grants;
mod orders;
mod server;

use std::path::Path;

use orlop_broker::confine::{Confined, confine, in_a_loop};
use orlop_broker::optional::Optional;
use orlop_broker::print::print;
use orlop_broker::ready::Ready;
use orlop_broker::{metrics, netfacts, resolv_conf};
use orlop_config::places_of;
use orlop_resolver_contract::{Notice, PROTOCOL, Request, ServerAddr};
use orlop_resolver_profiles::{BROKER, DAEMON, LOOPBACK_WORKER};
use orlop_sandbox::broker::{Broker, Keep};
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::log;
use orlop_sandbox::supervisor::Birth;
use tracing::level_filters::LevelFilter;

use crate::OWN_FOLDER;
use crate::config::Config;
use crate::settings::{Run, Settings};
use equipment::{Equipment, static_conf};
use server::{Begun, Server};

/// Serves until something ends it. Whoever waits until the daemon is ready hears that names can be asked for.
///
/// # Errors
/// What ended it.
pub fn run(run: Run, birth: &Birth) -> Result<Exit, Fatal> {
    let config = load(&run.settings)?;
    in_a_loop(&DAEMON, async move {
        let mut broker = Broker::start(&DAEMON, &BROKER)?;
        let begun = Begun { started: birth.started, restarts: birth.restarts, ready: Ready::of(&mut broker) };
        let equipment = Equipment::open(&config, true)?;
        let Confined { channel, postures, narrow } = narrow(broker, &run.settings, &config).await?;
        let mut workers = Optional::new(&narrow, PROTOCOL);
        workers.begin(LOOPBACK_WORKER, channel);
        Server::new(run, config, begun, equipment, postures, workers).serve().await
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
        // Landlock needs the folders to be there. Another one may listen.
        let _equipment = Equipment::open(&config, false)?;
        print(&narrow(broker, settings, &config).await?.postures.show(json))?;
        Ok(Exit::Done)
    })
}

/// Narrows this process, and waits until the worker has locked itself in.
async fn narrow(broker: Broker, settings: &Settings, config: &Config) -> Result<Confined<Notice, Request>, Fatal> {
    let files = [settings.path(), &config.hosts].into_iter().chain(static_conf(config));
    let files: Vec<_> = files.flat_map(places_of).collect();
    let mut read: Vec<&Path> = files.iter().map(AsRef::as_ref).collect();
    read.push(Path::new(netfacts::FOLDER));
    let ports: Vec<u16> =
        [ServerAddr::PORT].into_iter().chain(config.servers().map(|server| server.socket_addr().port())).collect();
    let keep = Keep {
        read: &read,
        write: &[
            Path::new(OWN_FOLDER),
            Path::new(metrics::FOLDER),
            Path::new(resolv_conf::CLAIMS),
            &config.resolv_conf,
        ],
        connect: &ports,
        require_landlock: config.require_landlock,
        ..Keep::default()
    };
    confine(broker, keep, PROTOCOL).await
}

fn load(settings: &Settings) -> Result<Config, Fatal> {
    let config = settings.load()?;
    log::init("resolver", LevelFilter::from_level(config.log));
    Ok(config)
}
