//! What a broker opens before it narrows itself, and what it can reach afterwards.

use std::io;
use std::path::Path;

use orlop_broker::hostname::Hostname;
use orlop_broker::metrics;
use orlop_broker::netfacts::{self, NetworkFacts};
use orlop_metadata_contract::{Location, PORT};
use orlop_sandbox::broker::Keep;
use orlop_sandbox::connection::LOW_PORTS;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::multicast::Multicast;
use orlop_sandbox::timer::BootTimer;

use crate::command_line::Run;
use crate::disks::{Disk, Disks};
use crate::route::Routes;
use crate::tree::Tree;
use crate::{CONFIG_FOLDER, OWN_FOLDER};

/// Everything that is opened.
pub(super) struct Gear {
    /// Nothing for a run that writes nothing.
    pub(super) tree: Option<Tree>,
    pub(super) hostname: Option<Hostname>,
    pub(super) routes: Routes,
    pub(super) devices: Multicast,
    pub(super) disks: Disks,
    /// What the DHCP client says, if there is one.
    pub(super) netfacts: NetworkFacts,
    pub(super) named: Option<Disk>,
    pub(super) deadline: BootTimer,
    pub(super) pause: BootTimer,
}

impl Gear {
    pub(super) fn open(run: &Run) -> Result<Self, Fatal> {
        let os = |what: &'static str| move |cause: io::Error| Fatal::os(what, cause);
        let named = run.disk.as_deref().map(|path| {
            let failed = |cause: io::Error| {
                let fatal = Fatal::new(Exit::Config, format!("cannot open {}", path.display())).cause(cause);
                fatal.help("--disk names a disk, such as /dev/sr0, or an image of one")
            };
            Disk::named(path).map_err(failed)
        });
        Ok(Self {
            tree: run.writes().then(|| Tree::open(Path::new(CONFIG_FOLDER))).transpose()?,
            // Without /proc nobody has a name to give.
            hostname: if run.writes() { Hostname::open().ok() } else { None },
            routes: Routes::open().map_err(os("cannot ask for routes"))?,
            devices: Multicast::devices().map_err(os("cannot hear of disks"))?,
            disks: Disks::below(Path::new("/")),
            netfacts: NetworkFacts::open(Path::new(netfacts::FOLDER)),
            named: named.transpose()?,
            deadline: BootTimer::new().map_err(os("cannot make a timer"))?,
            pause: BootTimer::new().map_err(os("cannot make a timer"))?,
        })
    }
}

/// What it can reach.
pub(super) struct Kept {
    require_landlock: bool,
    write: [&'static Path; 3],
    read: [&'static Path; 3],
    connect: Vec<u16>,
}

impl Kept {
    pub(super) fn of(run: &Run, seed: Option<&Location>) -> Self {
        let read = ["/dev", "/sys", netfacts::FOLDER].map(Path::new);
        let connect = [PORT].into_iter().chain(seed.map(|seed| seed.port)).collect();
        let write = [CONFIG_FOLDER, OWN_FOLDER, metrics::FOLDER].map(Path::new);
        Self { require_landlock: run.require_landlock, write, read, connect }
    }

    pub(super) fn keep(&self) -> Keep<'_> {
        Keep {
            read: &self.read,
            write: &self.write,
            connect: &self.connect,
            bind: &LOW_PORTS,
            require_landlock: self.require_landlock,
            ..Keep::default()
        }
    }
}
