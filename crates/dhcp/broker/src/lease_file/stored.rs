//! A lease file as it is written: flat keys, addresses and routes as people write them.

use std::net::Ipv4Addr;

use orlop_dhcp_contract::{DomainName, HardwareAddr, Ipv4Broadcast, Lease, Mtu, PrefixLen, Route, Term, UnicastAddr};
use orlop_machine::Instant;
use orlop_wire::{Bounded, InterfaceName};
use serde::{Deserialize, Serialize};

use super::{BootId, Handover, LeaseFileError};

/// The version of the format, raised whenever an older program would misread it.
pub(super) const VERSION: u32 = 1;

/// The table of a lease file. Key for key what [`Handover`] holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Stored {
    version: u32,
    boot_id: String,
    interface: InterfaceName,
    hardware: String,
    /// With its prefix length.
    address: String,
    server: UnicastAddr,
    acquired_ns: u64,
    /// These three come together; a lease without them is infinite.
    renew_ns: Option<u64>,
    rebind_ns: Option<u64>,
    expires_ns: Option<u64>,
    broadcast: Option<Ipv4Addr>,
    mtu: Option<Mtu>,
    hostname: Option<String>,
    domain: Option<String>,
    #[serde(default)]
    routers: Vec<UnicastAddr>,
    /// `DESTINATION/PREFIX`, then ` via ROUTER` unless it is on the link.
    #[serde(default)]
    routes: Vec<String>,
    #[serde(default)]
    dns: Vec<UnicastAddr>,
    #[serde(default)]
    ntp: Vec<UnicastAddr>,
    #[serde(default)]
    search: Vec<String>,
    wire_server: Option<UnicastAddr>,
}

impl From<&Handover> for Stored {
    fn from(handover: &Handover) -> Self {
        let Handover { boot, interface, hardware, lease } = handover;
        let Lease {
            addr,
            prefix,
            server,
            term,
            broadcast,
            routers,
            routes,
            mtu,
            dns,
            ntp,
            hostname,
            domain,
            search,
            wire_server,
        } = lease;
        let (renew_ns, rebind_ns, expires_ns) = match *term {
            Term::Infinite { acquired: _ } => (None, None, None),
            Term::Finite { acquired: _, renew_at, rebind_at, expires_at } => {
                (Some(nanos(renew_at)), Some(nanos(rebind_at)), Some(nanos(expires_at)))
            }
        };
        let text = |name: &DomainName| name.as_str().to_owned();
        Self {
            version: VERSION,
            boot_id: boot.as_str().to_owned(),
            interface: interface.clone(),
            hardware: hardware.to_string(),
            address: format!("{addr}/{prefix}"),
            server: *server,
            acquired_ns: nanos(term.acquired()),
            renew_ns,
            rebind_ns,
            expires_ns,
            broadcast: broadcast.map(|Ipv4Broadcast(addr)| addr),
            mtu: *mtu,
            hostname: hostname.as_ref().map(text),
            domain: domain.as_ref().map(text),
            routers: routers.to_vec(),
            routes: routes.iter().map(write_route).collect(),
            dns: dns.to_vec(),
            ntp: ntp.to_vec(),
            search: search.iter().map(text).collect(),
            wire_server: *wire_server,
        }
    }
}

/// TOML's numbers end at 2^63 - 1, 292 years after boot.
fn nanos(at: Instant) -> u64 {
    at.as_nanos().min(i64::MAX.unsigned_abs())
}

impl TryFrom<Stored> for Handover {
    type Error = LeaseFileError;

    fn try_from(stored: Stored) -> Result<Self, LeaseFileError> {
        let Stored {
            version,
            boot_id,
            interface,
            hardware,
            address,
            server,
            acquired_ns,
            renew_ns,
            rebind_ns,
            expires_ns,
            broadcast,
            mtu,
            hostname,
            domain,
            routers,
            routes,
            dns,
            ntp,
            search,
            wire_server,
        } = stored;
        if version != VERSION {
            return Err(LeaseFileError::Version(version));
        }
        let (addr, prefix) = read_network(&address).ok_or(LeaseFileError::Value("address"))?;
        let addr = UnicastAddr::new(addr).filter(|addr| prefix.has_host(addr.get()));
        let addr = addr.ok_or(LeaseFileError::Value("address"))?;
        let acquired = Instant::from_nanos(acquired_ns);
        let term = match (renew_ns, rebind_ns, expires_ns) {
            (None, None, None) => Term::Infinite { acquired },
            (Some(renew), Some(rebind), Some(expires)) => {
                let [renew_at, rebind_at, expires_at] = [renew, rebind, expires].map(Instant::from_nanos);
                Term::Finite { acquired, renew_at, rebind_at, expires_at }
            }
            _ => return Err(LeaseFileError::Value("renew-ns, rebind-ns and expires-ns")),
        };
        if !term.is_ordered() {
            return Err(LeaseFileError::Value("renew-ns, rebind-ns and expires-ns"));
        }
        let routes = routes
            .iter()
            .map(|text| read_route(text).ok_or(LeaseFileError::Value("routes")))
            .collect::<Result<Vec<_>, _>>()?;
        let search = search.iter().map(|text| read_name("search", text)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            boot: BootId::new(&boot_id).ok_or(LeaseFileError::Value("boot-id"))?,
            interface,
            hardware: read_hardware(&hardware).ok_or(LeaseFileError::Value("hardware"))?,
            lease: Lease {
                addr,
                prefix,
                server,
                term,
                broadcast: broadcast.map(Ipv4Broadcast),
                routers: at_most("routers", routers)?,
                routes: at_most("routes", routes)?,
                mtu,
                dns: at_most("dns", dns)?,
                ntp: at_most("ntp", ntp)?,
                hostname: hostname.map(|text| read_name("hostname", &text)).transpose()?,
                domain: domain.map(|text| read_name("domain", &text)).transpose()?,
                search: at_most("search", search)?,
                wire_server,
            },
        })
    }
}

fn at_most<T, const N: usize>(key: &'static str, list: Vec<T>) -> Result<Bounded<T, N>, LeaseFileError> {
    if list.len() > N {
        return Err(LeaseFileError::TooMany(key));
    }
    Ok(list.into_iter().collect())
}

fn read_name(key: &'static str, text: &str) -> Result<DomainName, LeaseFileError> {
    DomainName::new(text).map_err(|why| LeaseFileError::Name { key, why })
}

/// An address and its prefix length, `192.0.2.9/24`.
fn read_network(text: &str) -> Option<(Ipv4Addr, PrefixLen)> {
    let (addr, bits) = text.split_once('/')?;
    Some((addr.parse().ok()?, PrefixLen::new(bits.parse().ok()?)?))
}

fn write_route(route: &Route) -> String {
    let network = format!("{}/{}", route.destination(), route.prefix());
    route.gateway().map_or(network.clone(), |gateway| format!("{network} via {gateway}"))
}

fn read_route(text: &str) -> Option<Route> {
    let (network, gateway) = match text.split_once(" via ") {
        Some((network, gateway)) => (network, Some(UnicastAddr::new(gateway.parse().ok()?)?)),
        None => (text, None),
    };
    let (destination, prefix) = read_network(network)?;
    Route::try_from((destination, prefix, gateway)).ok()
}

fn read_hardware(text: &str) -> Option<HardwareAddr> {
    let mut bytes = [0; 6];
    let mut pairs = text.split(':');
    for byte in &mut bytes {
        let pair = pairs.next().filter(|pair| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit()))?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(HardwareAddr(bytes))
}
