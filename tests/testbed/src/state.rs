//! What the kernel says about addresses, routes and links, read from rtnetlink.
//!
//! This is a reader of its own, not the library the daemon uses: the judge should not share a mistake with the judged,
//! and Debian's `ip` does not show an address's protocol.

mod netlink;

use std::net::Ipv4Addr;

use crate::host::Host;
use anyhow::{Context as _, Result};
pub(crate) use netlink::{RECEIVE_BUFFER, decode, open};
use netlink::{RTM_GETADDR, RTM_GETLINK, RTM_GETROUTE, dump};

/// `RTPROT_DHCP` (linux/rtnetlink.h), also used as the protocol of addresses.
pub const PROTOCOL_DHCP: u8 = 16;
/// `RT_TABLE_MAIN`.
pub const TABLE_MAIN: u32 = 254;
/// `RT_SCOPE_LINK`.
pub const SCOPE_LINK: u8 = 253;

/// `RT_TABLE_LOCAL`: the addresses themselves, made by the kernel.
const TABLE_LOCAL: u32 = 255;

/// An IPv4 address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Index of its interface.
    pub ifindex: u32,
    /// The address.
    pub address: Ipv4Addr,
    /// Bits of its network.
    pub prefix: u8,
    /// Its broadcast address.
    pub broadcast: Option<Ipv4Addr>,
    /// Seconds it stays valid; `None`: for ever.
    pub valid: Option<u32>,
    /// Seconds it stays preferred; `None`: for ever.
    pub preferred: Option<u32>,
    /// `IFA_PROTO`; 0 when the creator did not say.
    pub protocol: u8,
}

/// An IPv4 route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Destination and its bits; 0.0.0.0/0 is the default route.
    pub destination: (Ipv4Addr, u8),
    /// Next hop.
    pub gateway: Option<Ipv4Addr>,
    /// Index of the interface.
    pub ifindex: u32,
    /// Metric; 0 when none was given.
    pub metric: u32,
    /// Table.
    pub table: u32,
    /// Who made it, [`PROTOCOL_DHCP`] for instance.
    pub protocol: u8,
    /// Scope, [`SCOPE_LINK`] for instance.
    pub scope: u8,
    /// Preferred source address.
    pub source: Option<Ipv4Addr>,
    /// Whether the gateway was declared to be on the link.
    pub onlink: bool,
    /// MTU of the route.
    pub mtu: Option<u32>,
}

/// A link, as far as tests care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its index.
    pub ifindex: u32,
    /// Its name.
    pub name: String,
    /// Whether it is administratively up.
    pub up: bool,
    /// Whether it hears its peer.
    pub carrier: bool,
    /// Whether the kernel sends on it: it begins a moment after the carrier came, up to a second, and until then what is
    /// sent is lost without an error.
    pub operational: bool,
    /// Its MTU.
    pub mtu: u32,
}

/// One thing rtnetlink tells about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// An address.
    Address(Address),
    /// A route.
    Route(Route),
    /// A link.
    Link(Link),
}

/// An item came (or was changed), or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whether it went.
    pub deleted: bool,
    /// The address, route or link: as it is now, or as it was when it went.
    pub item: Item,
}

impl Host {
    /// The links, `lo` included.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub fn links(&self) -> Result<Vec<Link>> {
        let changes = self.inside(|| dump(RTM_GETLINK))?;
        Ok(changes
            .into_iter()
            .filter_map(|change| if let Item::Link(link) = change.item { Some(link) } else { None })
            .collect())
    }

    /// One link.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn link(&self, interface: &str) -> Result<Link> {
        let found = self.links()?.into_iter().find(|link| link.name == interface);
        found.with_context(|| format!("{} has no interface {interface}", self.name()))
    }

    /// The IPv4 addresses of an interface.
    ///
    /// # Errors
    /// When there is no such interface.
    pub fn addresses(&self, interface: &str) -> Result<Vec<Address>> {
        let ifindex = self.link(interface)?.ifindex;
        let mut all = self.all_addresses()?;
        all.retain(|address| address.ifindex == ifindex);
        Ok(all)
    }

    /// The IPv4 addresses of all interfaces.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub fn all_addresses(&self) -> Result<Vec<Address>> {
        let changes = self.inside(|| dump(RTM_GETADDR))?;
        Ok(changes
            .into_iter()
            .filter_map(|change| if let Item::Address(address) = change.item { Some(address) } else { None })
            .collect())
    }

    /// The IPv4 routes of all tables but `local`, in the kernel's order.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub fn routes(&self) -> Result<Vec<Route>> {
        let changes = self.inside(|| dump(RTM_GETROUTE))?;
        let routes = changes
            .into_iter()
            .filter_map(|change| if let Item::Route(route) = change.item { Some(route) } else { None });
        Ok(routes.filter(|route| route.table != TABLE_LOCAL).collect())
    }

    /// The default routes.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub fn default_routes(&self) -> Result<Vec<Route>> {
        let mut routes = self.routes()?;
        routes.retain(|route| route.destination == (Ipv4Addr::UNSPECIFIED, 0));
        Ok(routes)
    }
}
