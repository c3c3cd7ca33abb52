//! Everything the broker opens before it narrows itself: afterwards it could not.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use orlop_broker::control::{Bound, Call, path};
use orlop_broker::{folder, metrics};
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::timer::BootTimer;
use orlop_wire::InterfaceName;

use crate::OWN_FOLDER;
use crate::config::Config;
use crate::control::{self, Order};
use crate::hostname::Hostname;
use crate::interfaces::Interfaces;
use crate::lease_file::BootId;
use crate::netlink::Netlink;
use crate::publish::{self, Publisher};
use crate::resolv_conf::ResolvConf;
use crate::selection::Selection;
use crate::settings::Mode;
use crate::transmit::Transmit;
use orlop_dhcp_profiles::DAEMON;

/// Sockets, folders and files, open.
pub(super) struct Equipment {
    pub(super) netlink: Netlink,
    pub(super) interfaces: Interfaces,
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
    pub(super) own: OwnedFd,
    /// [`metrics::FOLDER`].
    pub(super) metrics: OwnedFd,
}

impl Equipment {
    /// Opens everything. Must be called inside a tokio runtime.
    pub(super) fn open(mode: Mode, config: &Config) -> Result<Self, Fatal> {
        let own = folder::open(Path::new(OWN_FOLDER))?;
        let control = match mode {
            Mode::OneShot => None,
            Mode::Service => Some(orders()?),
        };
        let publisher = folder::writable(Path::new(publish::FOLDER), Publisher::open)?;
        let os = |what: &'static str| move |cause: io::Error| Fatal::os(what, cause);
        Ok(Self {
            netlink: Netlink::open().map_err(os("cannot configure interfaces (rtnetlink)"))?,
            interfaces: Interfaces::open(selection(config)).map_err(os("cannot watch interfaces (rtnetlink)"))?,
            transmit: Transmit::open().map_err(|cause| {
                let fatal = Fatal::new(Exit::Permission, "cannot open a packet socket");
                fatal.cause(cause).help("capabilities.add: [CAP_NET_RAW]")
            })?,
            timer: BootTimer::new().map_err(os("cannot make a timer"))?,
            hostname: Hostname::open()
                .or_else(|_| Hostname::open_for_reading())
                .map_err(os("cannot read /proc/sys/kernel/hostname"))?,
            boot: BootId::current().map_err(os("cannot tell this boot from another"))?,
            control,
            resolv_conf: folder::writable(&config.resolv_conf, ResolvConf::open)?,
            published: publisher.published().map_err(os("cannot read the folder of netfacts"))?,
            publisher,
            own,
            metrics: folder::open(Path::new(metrics::FOLDER))?,
        })
    }
}

impl Equipment {
    pub(super) fn own_folder(&self) -> BorrowedFd<'_> {
        self.own.as_fd()
    }

    pub(super) fn metrics_folder(&self) -> BorrowedFd<'_> {
        self.metrics.as_fd()
    }
}

/// Waits for the next order; for ever where none are taken.
pub(super) async fn next_order(control: &mut Option<control::Server>) -> io::Result<Call<Order>> {
    match control {
        Some(control) => control.next().await,
        None => std::future::pending().await,
    }
}

/// Where the broker writes, for Landlock.
pub(super) fn writable(config: &Config) -> [&Path; 4] {
    [Path::new(OWN_FOLDER), Path::new(publish::FOLDER), Path::new(metrics::FOLDER), &config.resolv_conf]
}

/// Which interfaces are ours under `config`.
pub(super) fn selection(config: &Config) -> Selection {
    Selection { allow: config.interfaces.clone(), deny: config.deny_interfaces.clone() }
}

fn orders() -> Result<control::Server, Fatal> {
    let opened = Bound::of(&DAEMON).and_then(|bound| bound.serve(ROOT));
    opened.map_err(|cause| Fatal::os(format!("cannot take orders at {}", path(&DAEMON).display()), cause))
}

/// Whose orders count.
const ROOT: u32 = 0;
