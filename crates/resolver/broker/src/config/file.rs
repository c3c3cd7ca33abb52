//! A configuration as it is written: what is absent is absent.

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use orlop_broker::verbosity::Verbosity;
use orlop_config::Folder;
use orlop_resolver_contract::{CacheSize, MAX_UPSTREAMS, ServerAddr};
use orlop_wire::Bounded;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::routes::Routes;

/// The whole file. `packaging/images/resolver/resolver.toml` explains each key and shows its default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct File {
    /// Whom to ask.
    pub upstreams: Option<Bounded<Written, MAX_UPSTREAMS>>,
    /// Whether servers that the networks name are asked when nobody is named here.
    pub network_upstreams: Option<bool>,
    /// Whether names in the search domains of a network are asked of its own servers alone.
    pub network_routes: Option<bool>,
    /// Another resolv.conf whose servers are asked when neither names any.
    pub upstream_resolv_conf: Option<Folder>,
    /// Whether resolv.conf names this resolver while it runs.
    pub own_resolv_conf: Option<bool>,
    /// The folder of resolv.conf.
    pub resolv_conf: Option<Folder>,
    /// Names that this machine knows itself.
    pub hosts: Option<Folder>,
    /// Bytes that the cache may have.
    pub cache_size: Option<CacheSize>,
    /// Seconds for which an answer is fresh, at most.
    pub max_ttl: Option<u32>,
    /// Seconds for which it is known that there is nothing, at most.
    pub max_negative_ttl: Option<u32>,
    /// Seconds for which an answer is given after its end, while no server answers.
    pub stale_for: Option<u32>,
    /// Whether what servers say of DNSSEC is passed on.
    pub trust_ad: Option<bool>,
    /// Whether servers for all names may not give addresses of private networks.
    pub rebinding_protection: Option<bool>,
    /// Whether answers are renewed before their end.
    pub prefetch: Option<bool>,
    /// End with an error where the kernel has no Landlock.
    pub require_landlock: Option<bool>,
    /// How much is logged.
    pub log: Option<Verbosity>,
    /// Who is asked for the names in a domain.
    pub routes: Routes,
}

/// A server as it is written: an address, with its port where that is not 53.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written(pub ServerAddr);

/// The server that is written like this.
pub(crate) fn server(text: &str) -> Option<ServerAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let usual = |ip: IpAddr| SocketAddr::new(ip, ServerAddr::PORT);
    let addr = bare.parse().map(usual).ok().or_else(|| text.parse().ok())?;
    ServerAddr::new(addr.ip(), addr.port())
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the address of a server, such as \"192.0.2.1\" or \"[2001:db8::1]:5353\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Written, E> {
                server(text).map(Written).ok_or_else(|| E::custom(format!("{text} is no address of a server")))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
