//! The table `[routes]`: names in a domain, and who is asked for them.

use core::fmt;

use orlop_resolver_contract::{MAX_ROUTES, Route, ServerAddr};
use orlop_wire::{Bounded, DomainName};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::file::Written;
use crate::servers::OWN;

/// Servers of all routes together, at most: half of those that are asked, so that there is room for those that are asked for all
/// other names.
pub const MAX_ROUTE_SERVERS: usize = orlop_resolver_contract::MAX_UPSTREAMS / 2;

/// What an operator routes: each domain once, each with its servers, in the order of the domains.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routes(pub Vec<(DomainName, Vec<ServerAddr>)>);

/// A domain to which a route can lead.
struct Routed(DomainName);

/// Servers that are asked: one at least, and none of them this resolver.
struct Servers(Vec<ServerAddr>);

impl<'de> Deserialize<'de> for Routes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Table;
        impl<'de> Visitor<'de> for Table {
            type Value = Routes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of domains, each with the addresses of its servers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Routes, A::Error> {
                let mut routes = Routes::default();
                while let Some(Routed(domain)) = map.next_key()? {
                    let Servers(servers) = map.next_value()?;
                    routes.0.push((domain, servers));
                }
                routes.sound().map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_map(Table)
    }
}

impl Routes {
    /// What no line alone can say.
    fn sound(mut self) -> Result<Self, String> {
        self.0.sort_by_key(|(domain, _)| domain.as_str().to_ascii_lowercase());
        let same = |a: &DomainName, b: &DomainName| a.as_str().eq_ignore_ascii_case(b.as_str());
        if let Some(((domain, _), _)) = self.0.iter().zip(self.0.iter().skip(1)).find(|((a, _), (b, _))| same(a, b)) {
            return Err(format!("{domain} is routed twice"));
        }
        if self.0.len() > MAX_ROUTES {
            return Err(format!("{} domains are routed: at most {MAX_ROUTES} can be", self.0.len()));
        }
        let servers = self.servers().collect::<std::collections::BTreeSet<_>>().len();
        if servers > MAX_ROUTE_SERVERS {
            return Err(format!(
                "the routes have {servers} servers together: at most {MAX_ROUTE_SERVERS} can be asked"
            ));
        }
        Ok(self)
    }

    /// Whether exactly this domain is routed.
    pub fn has(&self, domain: &DomainName) -> bool {
        self.0.iter().any(|(routed, _)| routed.as_str().eq_ignore_ascii_case(domain.as_str()))
    }

    /// All their servers; one may come several times.
    pub fn servers(&self) -> impl Iterator<Item = ServerAddr> {
        self.0.iter().flat_map(|(_, servers)| servers).copied()
    }
}

impl<'de> Deserialize<'de> for Routed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let domain = DomainName::new(&text)
            .map_err(|cause| D::Error::custom(format!("{text} is no domain to route: {cause}")))?;
        if Route::is_in_vain(&domain) {
            return Err(D::Error::custom(format!(
                "nobody is ever asked for names in {domain}: a route to it is in vain"
            )));
        }
        Ok(Self(domain))
    }
}

impl<'de> Deserialize<'de> for Servers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let servers = Bounded::<Written, MAX_ROUTE_SERVERS>::deserialize(deserializer)?;
        let servers: Vec<ServerAddr> = servers.iter().map(|written| written.0).collect();
        if servers.is_empty() {
            return Err(D::Error::custom("a route needs the address of one server at least"));
        }
        if let Some(own) = servers.iter().find(|server| OWN.contains(&server.socket_addr())) {
            return Err(D::Error::custom(format!("{own} is this resolver itself")));
        }
        Ok(Self(servers))
    }
}
