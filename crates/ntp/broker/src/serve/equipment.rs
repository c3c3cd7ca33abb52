//! Everything the broker opens before it narrows itself: afterwards it could not.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use orlop_broker::folder::Output;
use orlop_broker::metrics;
use orlop_broker::netfacts::{self, NetworkFacts};
use orlop_ntp_contract::BootId;
use orlop_ntp_profiles::DAEMON;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::hypervisor;
use orlop_sandbox::signals::Signals;
use orlop_sandbox::timer::BootTimer;
use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketType};
use tracing::{info, warn};

use crate::clock::{Clock, Mock};
use crate::config::{Config, Place};
use crate::hardware::Hardware;
use crate::interruption::Interruption;
use crate::network::Network;
use crate::settings::{Mode, Settings};
use crate::state_file::StateFile;
use crate::{OWN_FOLDER, control};

/// The clock, sockets, folders and files, open.
pub(super) struct Equipment {
    pub(super) clock: Clock,
    pub(super) network: Network,
    pub(super) facts: NetworkFacts,
    /// The hardware clock, where one is a source and there is one.
    pub(super) hardware: Option<Hardware>,
    /// The indices of the interfaces behind which sources are.
    pub(super) interfaces: BTreeMap<String, u32>,
    /// Whether this is a virtual machine, which may be stopped without being told.
    pub(super) is_virtual: bool,
    pub(super) interruption: Interruption,
    pub(super) timer: BootTimer,
    /// Whoever is told to end takes back the slew first.
    pub(super) signals: Signals,
    pub(super) boot: BootId,
    pub(super) state: StateFile,
    /// Only a service takes orders: a one-shot run ends by itself.
    pub(super) control: Option<control::Server>,
    /// [`OWN_FOLDER`].
    pub(super) own: Output,
    /// [`metrics::FOLDER`].
    pub(super) metrics: Output,
}

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

impl Equipment {
    /// Opens everything. Must be called inside a tokio runtime.
    pub(super) fn open(mode: Mode, settings: &Settings, config: &Config) -> Result<Self, Fatal> {
        let os = |what: &'static str| move |cause: io::Error| Fatal::os(what, cause);
        let clock = match &settings.overrides.mock_clock {
            None => Clock::Machine,
            Some(path) => Clock::Mock(Mock::open(path).map_err(|error| {
                Fatal::new(Exit::Config, "there is no clock to keep right")
                    .cause(error)
                    .help("date +%s%N | sed 's/$/ 0 0/' > FILE")
            })?),
        };
        let boot = fs::read_to_string(BOOT_ID).map_err(os("cannot tell this boot from another"))?;
        let boot = BootId::new(boot.trim_end()).ok_or_else(|| {
            Fatal::new(Exit::Os, "cannot tell this boot from another").cause(format!("{BOOT_ID} is none"))
        })?;
        Ok(Self {
            hardware: hardware(config, &clock),
            interfaces: interfaces(config).map_err(os("cannot tell one interface from another"))?,
            is_virtual: is_virtual(),
            clock,
            network: Network::open().map_err(os("cannot watch this machine's addresses (rtnetlink)"))?,
            facts: NetworkFacts::open(Path::new(netfacts::FOLDER)),
            interruption: Interruption::watch(),
            timer: BootTimer::new().map_err(os("cannot make a timer"))?,
            signals: Signals::open().map_err(os("cannot listen to signals"))?,
            boot,
            state: StateFile::open(),
            control: match mode {
                Mode::OneShot => None,
                Mode::Service => control::Server::of(&DAEMON),
            },
            own: Output::open(Path::new(OWN_FOLDER), "the status"),
            metrics: Output::open(Path::new(metrics::FOLDER), "metrics"),
        })
    }
}

/// The hardware clock, if it is among the sources. What is not there now does not come while the daemon runs.
fn hardware(config: &Config, kept: &Clock) -> Option<Hardware> {
    let mut named = config.sources.iter().filter_map(|source| match &source.place {
        Place::Clock(name) => Some(name.as_deref()),
        Place::Address(_) | Place::OnLink { .. } | Place::Name(..) => None,
    });
    let first = named.next()?;
    if named.any(|name| name != first) {
        warn!("only one hardware clock is read: the first that is named");
    }
    match Hardware::find(first, kept) {
        Ok(hardware) => {
            info!(name = hardware.name(), "there is a hardware clock");
            Some(hardware)
        }
        Err(cause) => {
            warn!(%cause, "no hardware clock; help: in the YAML, devices: [{{path: /dev/ptp0, type: c}}]");
            None
        }
    }
}

/// The interfaces of link-local addresses, as they are called now. One that is not there now is not looked for again.
fn interfaces(config: &Config) -> io::Result<BTreeMap<String, u32>> {
    let mut named = config.sources.iter().chain(&config.fallback).filter_map(|source| match &source.place {
        Place::OnLink { interface, .. } => Some(interface),
        Place::Address(_) | Place::Name(..) | Place::Clock(_) => None,
    });
    let Some(first) = named.next() else { return Ok(BTreeMap::new()) };
    let any = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    let index = |name: &String| Some((name.clone(), name_to_index(&any, name).ok()?));
    Ok(std::iter::once(first).chain(named).filter_map(index).collect())
}

/// Whether the processor says that it is a virtual one (x86), or the firmware that there is a host (ARM).
fn is_virtual() -> bool {
    hypervisor::is_there() || Path::new("/proc/device-tree/hypervisor").exists()
}
