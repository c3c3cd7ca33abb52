//! A configuration as it is written: what is absent is absent.

use std::collections::BTreeMap;

use orlop_broker::verbosity::Verbosity;
use orlop_config::{Folder, Seconds};
use orlop_dhcp_contract::{MAX_LINKS, ServerNet, ServerRule};
use orlop_wire::{Bounded, InterfaceName};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::value::{ConflictDetection, Pattern, SPECIAL, SendHostname, ServerEntry, SetHostname, UseMtu, VendorClass};
use super::{Config, LinkConfig, Metric};
use crate::client_id::ClientId;

/// Patterns in one list, at most: as many as interfaces, and nobody lists more.
pub const MAX_PATTERNS: usize = MAX_LINKS;

/// The whole file. `packaging/images/dhcp/dhcp.toml` explains each key and shows its default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct File {
    /// Which interfaces to configure.
    #[serde(deserialize_with = "one_at_least")]
    pub interfaces: Option<Bounded<Pattern, MAX_PATTERNS>>,
    /// Which of those to leave alone all the same.
    pub deny_interfaces: Option<Bounded<Pattern, MAX_PATTERNS>>,
    /// When a one-shot run ends, whatever was achieved.
    pub deadline: Option<Seconds<1, 3600>>,
    /// How long a one-shot run waits for any carrier, or for any interface.
    pub carrier_wait: Option<Seconds<0, 3600>>,
    /// Whether option 12 of a lease renames this host.
    pub set_hostname: Option<SetHostname>,
    /// Where resolv.conf lies.
    pub resolv_conf: Option<Folder>,
    /// End with an error where the kernel has no Landlock.
    pub require_landlock: Option<bool>,
    /// How much is logged.
    pub log: Option<Verbosity>,

    /// See [`LinkFile::hostname`]; here and below: for every interface.
    pub hostname: Option<SendHostname>,
    /// See [`LinkFile::client_id`].
    pub client_id: Option<ClientId>,
    /// See [`LinkFile::vendor_class`].
    pub vendor_class: Option<VendorClass>,
    /// See [`LinkFile::rapid_commit`].
    pub rapid_commit: Option<bool>,
    /// See [`LinkFile::broadcast`].
    pub broadcast: Option<bool>,
    /// See [`LinkFile::fallback_lease`].
    pub fallback_lease: Option<Seconds<60, 604_800>>,
    /// See [`LinkFile::allow_servers`].
    pub allow_servers: Option<Bounded<ServerEntry, { ServerRule::MAX_NETS }>>,
    /// See [`LinkFile::deny_servers`].
    pub deny_servers: Option<Bounded<ServerEntry, { ServerRule::MAX_NETS }>>,
    /// The interface index is added to this one, so that the routes of two interfaces never tie.
    pub metric: Option<u32>,
    /// See [`LinkFile::use_mtu`].
    pub use_mtu: Option<UseMtu>,
    /// See [`LinkFile::use_dns`].
    pub use_dns: Option<bool>,
    /// See [`LinkFile::use_ntp`].
    pub use_ntp: Option<bool>,
    /// See [`LinkFile::use_routes`].
    pub use_routes: Option<bool>,
    /// See [`LinkFile::use_gateway`].
    pub use_gateway: Option<bool>,
    /// See [`LinkFile::restore`].
    pub restore: Option<bool>,
    /// See [`LinkFile::conflict_detection`].
    pub conflict_detection: Option<ConflictDetection>,

    /// Exceptions by interface name.
    #[serde(deserialize_with = "at_most_max_links")]
    pub interface: BTreeMap<InterfaceName, LinkFile>,
}

/// What one interface does differently: the table `[interface.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LinkFile {
    /// The host name that servers are told (option 12).
    pub hostname: Option<SendHostname>,
    /// The client identifier (option 61).
    pub client_id: Option<ClientId>,
    /// The vendor class (option 60).
    pub vendor_class: Option<VendorClass>,
    /// Offer the exchange of two messages (RFC 4039).
    pub rapid_commit: Option<bool>,
    /// Ask for broadcast answers from the first message on.
    pub broadcast: Option<bool>,
    /// The lease time when a server names none.
    pub fallback_lease: Option<Seconds<60, 604_800>>,
    /// The only servers that leases are taken from, when there is one.
    pub allow_servers: Option<Bounded<ServerEntry, { ServerRule::MAX_NETS }>>,
    /// Servers that no lease is taken from.
    pub deny_servers: Option<Bounded<ServerEntry, { ServerRule::MAX_NETS }>>,
    /// The metric of this interface's routes, as it stands.
    pub metric: Option<u32>,
    /// Where the MTU goes.
    pub use_mtu: Option<UseMtu>,
    /// Whether name servers and search domains are taken.
    pub use_dns: Option<bool>,
    /// Whether time servers are taken.
    pub use_ntp: Option<bool>,
    /// Whether any route is taken, the default route included.
    pub use_routes: Option<bool>,
    /// Whether a default route is taken.
    pub use_gateway: Option<bool>,
    /// Whether what somebody else removes of a lease in force is put back.
    pub restore: Option<bool>,
    /// Whether it is found out that another host has the address.
    pub conflict_detection: Option<ConflictDetection>,
}

impl LinkFile {
    /// `base`, but for what is written here. `exact` turns a metric into the metric of a link.
    fn over(self, base: &LinkConfig, exact: fn(u32) -> Metric) -> LinkConfig {
        let Self {
            hostname,
            client_id,
            vendor_class,
            rapid_commit,
            broadcast,
            fallback_lease,
            allow_servers,
            deny_servers,
            metric,
            use_mtu,
            use_dns,
            use_ntp,
            use_routes,
            use_gateway,
            restore,
            conflict_detection,
        } = self;
        LinkConfig {
            hostname: hostname.unwrap_or_else(|| base.hostname.clone()),
            client_id: client_id.unwrap_or_else(|| base.client_id.clone()),
            vendor_class: vendor_class.or_else(|| base.vendor_class.clone()),
            rapid_commit: rapid_commit.unwrap_or(base.rapid_commit),
            broadcast: broadcast.unwrap_or(base.broadcast),
            fallback_lease_secs: fallback_lease.map_or(base.fallback_lease_secs, Seconds::secs),
            servers: ServerRule {
                allow: allow_servers.map_or_else(|| base.servers.allow.clone(), nets),
                deny: deny_servers.map_or_else(|| base.servers.deny.clone(), nets),
            },
            metric: metric.map_or(base.metric, exact),
            use_mtu: use_mtu.unwrap_or(base.use_mtu),
            use_dns: use_dns.unwrap_or(base.use_dns),
            use_ntp: use_ntp.unwrap_or(base.use_ntp),
            use_routes: use_routes.unwrap_or(base.use_routes),
            use_gateway: use_gateway.unwrap_or(base.use_gateway),
            restore: restore.unwrap_or(base.restore),
            conflict_detection: conflict_detection.unwrap_or(base.conflict_detection),
        }
    }
}

/// Defaults for what is absent. Nothing can fail: every value was checked when it was read.
impl From<File> for Config {
    fn from(file: File) -> Self {
        let File {
            interfaces,
            deny_interfaces,
            deadline,
            carrier_wait,
            set_hostname,
            resolv_conf,
            require_landlock,
            log,
            hostname,
            client_id,
            vendor_class,
            rapid_commit,
            broadcast,
            fallback_lease,
            allow_servers,
            deny_servers,
            metric,
            use_mtu,
            use_dns,
            use_ntp,
            use_routes,
            use_gateway,
            restore,
            conflict_detection,
            interface,
        } = file;
        let link = LinkFile {
            hostname,
            client_id,
            vendor_class,
            rapid_commit,
            broadcast,
            fallback_lease,
            allow_servers,
            deny_servers,
            metric,
            use_mtu,
            use_dns,
            use_ntp,
            use_routes,
            use_gateway,
            restore,
            conflict_detection,
        };
        let base = Self::default();
        let link = link.over(&base.link, Metric::Base);
        let links = interface.into_iter().map(|(name, keys)| (name, keys.over(&link, Metric::Exact))).collect();
        Self {
            interfaces: interfaces.map_or(base.interfaces, Bounded::into_vec),
            deny_interfaces: deny_interfaces.map_or(base.deny_interfaces, Bounded::into_vec),
            deadline: deadline.map_or(base.deadline, Seconds::duration),
            carrier_wait: carrier_wait.map_or(base.carrier_wait, Seconds::duration),
            set_hostname: set_hostname.unwrap_or(base.set_hostname),
            resolv_conf: resolv_conf.map_or(base.resolv_conf, |folder| folder.path().to_owned()),
            require_landlock: require_landlock.unwrap_or(base.require_landlock),
            log: log.map_or(base.log, |Verbosity(level)| level),
            link,
            links,
        }
    }
}

fn at_most_max_links<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<InterfaceName, LinkFile>, D::Error> {
    let tables: BTreeMap<InterfaceName, LinkFile> = BTreeMap::deserialize(from)?;
    if tables.len() > MAX_LINKS {
        return Err(D::Error::invalid_length(tables.len(), &&*format!("at most {MAX_LINKS} interface tables")));
    }
    if let Some(pattern) = tables.keys().find(|name| name.as_str().contains(SPECIAL)) {
        return Err(D::Error::custom(format!(
            "a table is for one interface, by its exact name, and {pattern} is a pattern"
        )));
    }
    Ok(tables)
}

/// No list is the default one; a list of nothing would be a daemon that does nothing.
fn one_at_least<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Bounded<Pattern, MAX_PATTERNS>>, D::Error> {
    let patterns = Bounded::deserialize(from)?;
    if patterns.is_empty() {
        return Err(D::Error::custom("no interface at all; leave interfaces out for the default"));
    }
    Ok(Some(patterns))
}

fn nets(written: Bounded<ServerEntry, { ServerRule::MAX_NETS }>) -> Bounded<ServerNet, { ServerRule::MAX_NETS }> {
    written.iter().map(|ServerEntry(net)| *net).collect()
}
