//! Everything the broker opens before it narrows itself: afterwards it could not.

use std::io;
use std::path::Path;

use orlop_broker::folder::Output;
use orlop_broker::metrics;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::timer::BootTimer;
use orlop_wire::InterfaceName;

use crate::OWN_FOLDER;
use crate::config::Config;
use crate::control;
use crate::hostname::Hostname;
use crate::interfaces::Interfaces;
use crate::lease_file::BootId;
use crate::netlink::{Netlink, Watch};
use crate::publish::{self, Publisher};
use crate::resolv_conf::{self, ResolvConf};
use crate::settings::Mode;
use crate::transmit::Transmit;
use orlop_dhcp_profiles::DAEMON;

/// Sockets, folders and files, open.
pub(super) struct Equipment {
    pub(super) netlink: Netlink,
    pub(super) interfaces: Interfaces,
    /// Only a service outlives the moment in which its leases are put in force.
    pub(super) watch: Option<Watch>,
    pub(super) transmit: Transmit,
    pub(super) timer: BootTimer,
    pub(super) hostname: Hostname,
    pub(super) boot: BootId,
    /// Only a service takes orders: a one-shot run ends by itself.
    pub(super) control: Option<control::Server>,
    pub(super) resolv_conf: ResolvConf,
    pub(super) publisher: Publisher,
    /// Interfaces about which an earlier process published something.
    pub(super) published: Vec<InterfaceName>,
    /// [`OWN_FOLDER`].
    pub(super) own: Output,
    /// [`metrics::FOLDER`].
    pub(super) metrics: Output,
}

impl Equipment {
    /// Opens everything. Must be called inside a tokio runtime.
    pub(super) fn open(mode: Mode, config: &Config) -> Result<Self, Fatal> {
        let control = match mode {
            Mode::OneShot => None,
            Mode::Service => control::Server::of(&DAEMON),
        };
        let publisher = Publisher::open(Path::new(publish::FOLDER));
        let os = |what: &'static str| move |cause: io::Error| Fatal::os(what, cause);
        Ok(Self {
            netlink: Netlink::open().map_err(os("cannot configure interfaces (rtnetlink)"))?,
            interfaces: Interfaces::open(config.into()).map_err(os("cannot watch interfaces (rtnetlink)"))?,
            watch: match mode {
                Mode::OneShot => None,
                Mode::Service => Some(Watch::open().map_err(os("cannot watch addresses and routes (rtnetlink)"))?),
            },
            transmit: Transmit::open().map_err(|cause| {
                let problem = "cannot open a packet socket";
                if cause.kind() == io::ErrorKind::PermissionDenied {
                    Fatal::new(Exit::Permission, problem).cause(cause).help("capabilities.add: [CAP_NET_RAW]")
                } else {
                    Fatal::os(problem, cause)
                }
            })?,
            timer: BootTimer::new().map_err(os("cannot make a timer"))?,
            hostname: Hostname::open().map_err(os("cannot read /proc/sys/kernel/hostname"))?,
            boot: BootId::current().map_err(os("cannot tell this boot from another"))?,
            control,
            resolv_conf: ResolvConf::open(&config.resolv_conf, Path::new(resolv_conf::CLAIMS)),
            published: publisher.published(),
            publisher,
            own: Output::open(Path::new(OWN_FOLDER), "status and leases for the next process"),
            metrics: Output::open(Path::new(metrics::FOLDER), "metrics"),
        })
    }
}

/// Where the broker writes, for Landlock.
pub(super) fn writable(config: &Config) -> [&Path; 4] {
    [Path::new(OWN_FOLDER), Path::new(publish::FOLDER), Path::new(metrics::FOLDER), &config.resolv_conf]
}
