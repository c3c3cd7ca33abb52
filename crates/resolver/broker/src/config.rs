//! What an operator can decide: [`File`] is what they wrote, [`Config`] what is true.
//!
//! Every key, with its default and its meaning, is in `packaging/images/resolver/resolver.toml` ([`EXAMPLE`]). An unknown key or a
//! value out of its range is an error that names the line; what is not written has its default.

mod file;
mod routes;

use std::path::{Path, PathBuf};
use std::time::Duration;

use orlop_config::ConfigError;
use orlop_resolver_contract::{Conduct, ServerAddr};
use tracing::Level;

pub use file::File;
pub(crate) use file::server;
pub use routes::{MAX_ROUTE_SERVERS, Routes};

/// Where the configuration is looked for when no `--config` names it. It may be absent: then all is default.
pub const DEFAULT_PATH: &str = "/etc/orlop/resolver.toml";

/// Every key with its default and its meaning: the file that the image ships.
pub const EXAMPLE: &str = include_str!("../../../../packaging/images/resolver/resolver.toml");

/// A configuration, complete and in range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Whom to ask, when anybody is named.
    pub upstreams: Vec<ServerAddr>,
    /// Whether servers that the networks name are asked when nobody else is named.
    pub network_upstreams: bool,
    /// Whether names in the search domains of a network are asked of its own servers alone.
    pub network_routes: bool,
    /// Whom to ask for names in certain domains.
    pub routes: Routes,
    /// Another resolv.conf whose servers are asked when neither names any.
    pub upstream_resolv_conf: Option<PathBuf>,
    /// Whether resolv.conf names this resolver while it runs.
    pub own_resolv_conf: bool,
    /// The folder of resolv.conf.
    pub resolv_conf: PathBuf,
    /// Names that this machine knows itself.
    pub hosts: PathBuf,
    /// How the worker behaves.
    pub conduct: Conduct,
    /// Whether a kernel without Landlock is an error.
    pub require_landlock: bool,
    /// How much is logged.
    pub log: Level,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            upstreams: Vec::new(),
            network_upstreams: true,
            network_routes: true,
            routes: Routes::default(),
            upstream_resolv_conf: None,
            own_resolv_conf: true,
            resolv_conf: "/run/resolvconf".into(),
            hosts: "/etc/hosts".into(),
            conduct: Conduct::default(),
            require_landlock: false,
            log: Level::INFO,
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

    /// Every server that the operator names, for whatever names; one may come several times.
    pub fn servers(&self) -> impl Iterator<Item = ServerAddr> {
        self.upstreams.iter().copied().chain(self.routes.servers())
    }
}

impl From<File> for Config {
    fn from(file: File) -> Self {
        let File {
            upstreams,
            network_upstreams,
            network_routes,
            upstream_resolv_conf,
            own_resolv_conf,
            resolv_conf,
            hosts,
            cache_size,
            max_ttl,
            max_negative_ttl,
            stale_for,
            trust_ad,
            rebinding_protection,
            prefetch,
            require_landlock,
            log,
            routes,
        } = file;
        let default = Self::default();
        let seconds = |secs: Option<u32>, usual| secs.map_or(usual, |secs| Duration::from_secs(secs.into()));
        Self {
            upstreams: upstreams
                .map_or(default.upstreams, |list| list.into_vec().into_iter().map(|written| written.0).collect()),
            network_upstreams: network_upstreams.unwrap_or(default.network_upstreams),
            network_routes: network_routes.unwrap_or(default.network_routes),
            routes,
            upstream_resolv_conf: upstream_resolv_conf.map(|path| path.path().to_owned()),
            own_resolv_conf: own_resolv_conf.unwrap_or(default.own_resolv_conf),
            resolv_conf: resolv_conf.map_or(default.resolv_conf, |folder| folder.path().to_owned()),
            hosts: hosts.map_or(default.hosts, |path| path.path().to_owned()),
            conduct: Conduct {
                cache: cache_size.unwrap_or(default.conduct.cache),
                max_ttl: seconds(max_ttl, default.conduct.max_ttl),
                max_negative_ttl: seconds(max_negative_ttl, default.conduct.max_negative_ttl),
                stale_for: seconds(stale_for, default.conduct.stale_for),
                trust_ad: trust_ad.unwrap_or(default.conduct.trust_ad),
                prefetch: prefetch.unwrap_or(default.conduct.prefetch),
                refuse_private: rebinding_protection.unwrap_or(default.conduct.refuse_private),
            },
            require_landlock: require_landlock.unwrap_or(default.require_landlock),
            log: log.map_or(default.log, |verbosity| verbosity.0),
        }
    }
}

#[cfg(test)]
mod tests;
