//! What an operator can decide: [`File`] is what they wrote, [`Config`] what is true.
//!
//! Every key, with its default and its meaning, is in `packaging/images/dhcp/dhcp.toml` ([`EXAMPLE`]). An unknown key
//! or a value out of its range is an error that names the line; what is not written has its default. A configuration
//! is compared by value, so a reload that changes nothing does nothing.

mod file;
mod value;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use orlop_config::ConfigError;
use orlop_dhcp_contract::{Conduct, HardwareAddr, IfIndex, ServerRule};
use orlop_wire::InterfaceName;
use tracing::Level;

pub use file::{File, LinkFile, MAX_PATTERNS};
pub use value::{
    ConflictDetection, MAX_VENDOR_CLASS, NotAHostname, Pattern, PatternError, SendHostname, ServerEntry, SetHostname,
    UseMtu, VendorClass, VendorClassError,
};

use crate::client_id::ClientId;

/// Where the configuration is looked for when no `--config` names it. It may be absent: then all is default.
pub const DEFAULT_PATH: &str = "/etc/orlop/dhcp.toml";

/// Every key with its default and its meaning: the file that the image ships.
pub const EXAMPLE: &str = include_str!("../../../../packaging/images/dhcp/dhcp.toml");

/// A configuration, complete and in range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// An interface is ours when one of these matches its name …
    pub interfaces: Vec<Pattern>,
    /// … and none of these.
    pub deny_interfaces: Vec<Pattern>,
    /// When a one-shot run ends, counted from its start.
    pub deadline: Duration,
    /// How long a one-shot run waits for any carrier, or for any interface.
    pub carrier_wait: Duration,
    /// Whether option 12 of a lease renames this host.
    pub set_hostname: SetHostname,
    /// The folder of resolv.conf.
    pub resolv_conf: PathBuf,
    /// Whether a kernel without Landlock is an error.
    pub require_landlock: bool,
    /// How much is logged.
    pub log: Level,
    /// For interfaces without a table of their own.
    pub link: LinkConfig,
    /// For those with one.
    pub links: BTreeMap<InterfaceName, LinkConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interfaces: vec![Pattern::new("eth*").expect("the default pattern is one")],
            deny_interfaces: Vec::new(),
            deadline: Duration::from_secs(10),
            carrier_wait: Duration::from_secs(5),
            set_hostname: SetHostname::IfDefault,
            resolv_conf: PathBuf::from("/run/resolvconf"),
            require_landlock: false,
            log: Level::INFO,
            link: LinkConfig::default(),
            links: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Reads the configuration at `path`; all defaults when nothing is there and it need not be.
    ///
    /// # Errors
    /// The file cannot be read, is too large, or says something that cannot be.
    pub fn load(path: &Path, must_exist: bool) -> Result<Self, ConfigError> {
        Ok(orlop_config::load::<File>(path, must_exist)?.map_or_else(Self::default, Self::from))
    }

    /// Reads a configuration from text; `path` is only for the error.
    ///
    /// # Errors
    /// It says something that cannot be, and where.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        orlop_config::parse::<File>(text, path).map(Self::from)
    }

    /// How the interface called `name` is run.
    #[must_use]
    pub fn link(&self, name: &str) -> &LinkConfig {
        InterfaceName::new(name).and_then(|name| self.links.get(&name)).unwrap_or(&self.link)
    }
}

/// A configuration, and what its reader should know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// One line for each thing that was written and has no effect.
    pub warnings: Vec<String>,
}

/// How one interface is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkConfig {
    /// The host name that servers are told (option 12).
    pub hostname: SendHostname,
    /// The client identifier (option 61).
    pub client_id: ClientId,
    /// The vendor class (option 60), if one is sent.
    pub vendor_class: Option<VendorClass>,
    /// Offer the exchange of two messages (RFC 4039).
    pub rapid_commit: bool,
    /// Ask for broadcast answers from the first message on.
    pub broadcast: bool,
    /// The lease time when a server names none, in seconds.
    pub fallback_lease_secs: u32,
    /// Which servers leases are taken from.
    pub servers: ServerRule,
    /// The metric of the routes.
    pub metric: Metric,
    /// Where the MTU goes.
    pub use_mtu: UseMtu,
    /// Whether name servers and search domains are taken.
    pub use_dns: bool,
    /// Whether time servers are taken.
    pub use_ntp: bool,
    /// Whether any route is taken, the default route included.
    pub use_routes: bool,
    /// Whether a default route is taken.
    pub use_gateway: bool,
    /// Whether what somebody else removes of a lease in force is put back.
    pub restore: bool,
    /// Whether it is found out that another host has the address.
    pub conflict_detection: ConflictDetection,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            hostname: SendHostname::Current,
            client_id: ClientId::Mac,
            vendor_class: None,
            rapid_commit: true,
            broadcast: false,
            fallback_lease_secs: 3600,
            servers: ServerRule::default(),
            metric: Metric::Base(1000),
            use_mtu: UseMtu::Route,
            use_dns: true,
            use_ntp: true,
            use_routes: true,
            use_gateway: true,
            restore: true,
            conflict_detection: ConflictDetection::Background,
        }
    }
}

impl LinkConfig {
    /// What the worker needs to know of this.
    #[must_use]
    pub fn conduct(&self, hardware: HardwareAddr) -> Conduct {
        Conduct {
            client_id: self.client_id.bytes(hardware),
            rapid_commit: self.rapid_commit,
            broadcast: self.broadcast,
            fallback_lease_secs: self.fallback_lease_secs,
            servers: self.servers.clone(),
            told_as: None,
        }
    }
}

/// The metric of a link's routes. The kernel prefers the lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// This plus the interface index, so that two interfaces never tie.
    Base(u32),
    /// Exactly this.
    Exact(u32),
}

impl Metric {
    /// The metric on the link with this index.
    #[must_use]
    pub const fn on(self, link: IfIndex) -> u32 {
        match self {
            Self::Base(base) => base.saturating_add(link.get()),
            Self::Exact(metric) => metric,
        }
    }
}

#[cfg(test)]
mod tests;
