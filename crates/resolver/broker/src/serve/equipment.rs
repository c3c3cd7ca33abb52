//! Everything the broker opens before it narrows itself: afterwards it could not.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;

use orlop_broker::folder::Output;
use orlop_broker::metrics;
use orlop_broker::netfacts::{self, NetworkFacts};
use orlop_resolver_contract::Listener;
use orlop_resolver_profiles::DAEMON;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::folder_watch::FolderWatch;
use orlop_sandbox::listener::{open_accepting, open_answering};
use orlop_sandbox::multicast::Multicast;
use orlop_sandbox::signals::Signals;
use orlop_sandbox::timer::BootTimer;
use rustix::io::Errno;
use tracing::info;

use crate::config::Config;
use crate::ownership::Ownership;
use crate::servers::OWN;
use crate::{OWN_FOLDER, control};

/// Listeners, folders and files, open.
pub(super) struct Equipment {
    /// What programs ask through; kept, so that a worker that is started again has them again.
    pub(super) listeners: Vec<(Listener, OwnedFd)>,
    pub(super) facts: NetworkFacts,
    /// Whatever may change where a packet goes.
    pub(super) routes: Multicast,
    /// The folder of the resolv.conf that names servers, where there is one.
    pub(super) conf: Option<FolderWatch>,
    pub(super) hosts: Option<FolderWatch>,
    pub(super) timer: BootTimer,
    pub(super) signals: Signals,
    pub(super) control: Option<control::Server>,
    /// resolv.conf, where it is to be ours.
    pub(super) ownership: Option<Ownership>,
    /// [`OWN_FOLDER`].
    pub(super) own: Output,
    /// [`metrics::FOLDER`].
    pub(super) metrics: Output,
}

/// The resolv.conf that names servers where neither the operator nor a network does.
pub(super) fn static_conf(config: &Config) -> Option<&Path> {
    config.upstream_resolv_conf.as_deref()
}

impl Equipment {
    /// Opens everything; listeners, resolv.conf and the control socket only if it is to serve. Must be called inside a tokio runtime.
    pub(super) fn open(config: &Config, serves: bool) -> Result<Self, Fatal> {
        let os = |what: &'static str| move |cause: io::Error| Fatal::os(what, cause);
        let mut own = Output::open(Path::new(OWN_FOLDER), "the status");
        let listeners = if serves { listeners()? } else { Vec::new() };
        let ownership = (serves && config.own_resolv_conf).then(|| Ownership::open(&config.resolv_conf, &mut own));
        Ok(Self {
            listeners,
            facts: NetworkFacts::open(Path::new(netfacts::FOLDER)),
            routes: Multicast::routes().map_err(os("cannot hear of routes (rtnetlink)"))?,
            conf: static_conf(config).and_then(watch),
            hosts: watch(&config.hosts),
            timer: BootTimer::new().map_err(os("cannot make a timer"))?,
            signals: Signals::open().map_err(os("cannot listen to signals"))?,
            control: if serves { control::Server::of(&DAEMON) } else { None },
            ownership,
            own,
            metrics: Output::open(Path::new(metrics::FOLDER), "metrics"),
        })
    }
}

/// Watches the folder of a file, if it can be.
fn watch(file: &Path) -> Option<FolderWatch> {
    FolderWatch::new(file.parent()?).ok()
}

/// The UDP listeners first, because their numbers in the worker are the first.
fn listeners() -> Result<Vec<(Listener, OwnedFd)>, Fatal> {
    type Open = fn(SocketAddr) -> io::Result<OwnedFd>;
    let ways: [(Listener, Open); 2] = [(Listener::Udp, open_answering), (Listener::Tcp, open_accepting)];
    let mut listeners = Vec::new();
    for (kind, open) in ways {
        for local in OWN {
            match open(local) {
                Ok(listener) => listeners.push((kind, listener)),
                // Whoever switched IPv6 off asks over IPv4.
                Err(error) if local.is_ipv6() && is_absent(&error) => {
                    info!(%local, %error, "nobody can ask there: this machine has no IPv6");
                }
                Err(error) => return Err(unheard(local, &error)),
            }
        }
    }
    Ok(listeners)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT))
}

fn unheard(local: SocketAddr, error: &io::Error) -> Fatal {
    let fatal = |exit| Fatal::new(exit, format!("cannot listen at {local}")).cause(error);
    if error.kind() == io::ErrorKind::AddrInUse {
        fatal(Exit::AlreadyRunning).help("end the other resolver: ss -lnp 'sport = :53'")
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        fatal(Exit::Permission).help("in the LinuxKit YAML: capabilities: [CAP_NET_BIND_SERVICE]")
    } else {
        fatal(Exit::Os).help("is the loopback device up? ip link set lo up")
    }
}
