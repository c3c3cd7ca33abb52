//! The broker: opens what it needs, narrows itself, learns what its worker is restricted by, and serves it.

mod choosing;
mod equipment;
mod exchanges;
mod names;
mod orders;
mod requests;
mod securing;
mod server;

use std::path::Path;

use orlop_broker::confine::{Confined, confine, in_a_loop};
use orlop_broker::network_facts;
use orlop_broker::optional::Optional;
use orlop_broker::print::print;
use orlop_broker::ready::Ready;
use orlop_config::places_of;
use orlop_lookup_contract::NameServer;
use orlop_ntp_contract::{Notice, PROTOCOL, Request};
use orlop_ntp_profiles::{BROKER, DAEMON, KEYS_WORKER};
use orlop_sandbox::broker::{Broker, Keep};
use orlop_sandbox::channel::BrokerChannel;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::log;
use orlop_sandbox::supervisor::Birth;
use tracing::level_filters::LevelFilter;
use tracing::warn;

use crate::clock::folder_of;
use crate::config::{Config, Loaded};
use crate::settings::{Mode, Run, Settings};
use crate::{OWN_FOLDER, state_file};
use equipment::Equipment;
use exchanges::Exchanges;
use names::Names;
use server::{Begun, Server};

/// Whom the broker speaks with.
struct Workers<'n> {
    /// The one that asks for the time.
    channel: BrokerChannel<Notice, Request>,
    names: Names<'n>,
    exchanges: Exchanges<'n>,
}

/// Serves until a one-shot run has its outcome, or something ends it. Whoever waits until the daemon is ready hears that the
/// clock is right.
///
/// # Errors
/// What ended it.
pub fn run(run: Run, birth: &Birth) -> Result<Exit, Fatal> {
    let config = load(&run.settings)?;
    in_a_loop(&DAEMON, async move {
        let mut broker = Broker::start(&DAEMON, &BROKER)?;
        let begun = Begun { started: birth.started, restarts: birth.restarts, ready: Ready::of(&mut broker) };
        let equipment = Equipment::open(run.mode, &run.settings, &config)?;
        let watch = names::watch();
        let Confined { channel, postures, narrow } = narrow(broker, &run.settings, &config).await?;
        let mut lookups = Optional::new(&narrow, orlop_lookup_contract::PROTOCOL);
        let exchanges = Exchanges::new(lookups.apart(KEYS_WORKER, PROTOCOL), config.nts_ca.clone());
        let workers = Workers { channel, names: Names::new(lookups, watch), exchanges };
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
        // Landlock needs the folders to be there.
        let _equipment = Equipment::open(Mode::OneShot, settings, &config)?;
        print(&narrow(broker, settings, &config).await?.postures.show(json))?;
        Ok(Exit::Done)
    })
}

/// Narrows this process, and waits until the worker has locked itself in.
async fn narrow(broker: Broker, settings: &Settings, config: &Config) -> Result<Confined<Notice, Request>, Fatal> {
    let own = Path::new(OWN_FOLDER);
    let mock = settings.overrides.mock_clock.as_deref().map_or(own, folder_of);
    let [named, real] = &places_of(settings.path());
    let mut read = [network_facts::FOLDER, names::FOLDER, "/etc/resolv.conf"].map(Path::new).to_vec();
    read.extend([named.as_path(), real]);
    let [ca, real_ca] = &places_of(&config.nts_ca);
    if config.key_ports().next().is_some() {
        read.extend([ca.as_path(), real_ca]);
    }
    // Long answers of name servers, and key exchanges.
    let connect: Vec<u16> = std::iter::once(NameServer::PORT).chain(config.key_ports()).collect();
    let keep = Keep {
        read: &read,
        write: &[own, state_file::folder(), Path::new(orlop_broker::metrics::FOLDER), mock],
        connect: &connect,
        require_landlock: config.require_landlock,
        ..Keep::default()
    };
    confine(broker, keep, PROTOCOL).await
}

fn load(settings: &Settings) -> Result<Config, Fatal> {
    let Loaded { config, warnings } = settings.load()?;
    log::init("ntp", LevelFilter::from_level(config.log));
    for warning in warnings {
        warn!("{warning}");
    }
    Ok(config)
}
