//! What the kernel has on a link that came from DHCP.

use core::net::{IpAddr, Ipv4Addr};

use netlink_packet_core::Parseable;
use netlink_packet_route::address::{AddressAttribute, AddressMessage, AddressProtocol};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteMetric, RouteProtocol,
};
use orlop_dhcp_contract::{IfIndex, KernelRoute, PrefixLen, UnicastAddr};

use super::footprint::Footprint;
use super::frame::Frame;
use super::request::{ADDRESS_FROM_DHCP, FOR_EVER, RTM_NEWADDR, RTM_NEWROUTE};

/// The IPv4 addresses of a link and its routes of protocol `dhcp`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    addresses: Vec<Address>,
    routes: Vec<Route>,
    /// Routes to networks of the link that the kernel has added with an address: which one, and its source.
    networks: Vec<(Ipv4Addr, PrefixLen, Option<Ipv4Addr>)>,
}

/// What of a footprint is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// The address, and with it everything.
    pub address: bool,
    /// The route to its network.
    pub network: bool,
    /// So many of its other routes.
    pub routes: usize,
    /// Another link has the address now.
    pub elsewhere: bool,
}

impl Missing {
    /// Whether all is there.
    #[must_use]
    pub const fn is_nothing(self) -> bool {
        !self.address && !self.network && self.routes == 0
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Address {
    addr: UnicastAddr,
    prefix: PrefixLen,
    broadcast: Option<Ipv4Addr>,
    metric: u32,
    /// A DHCP client put it there, as it says itself. Kernels before 5.18 cannot keep that.
    marked: bool,
    /// The kernel takes it away some time.
    ends: bool,
}

/// Whose an address on a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// It is not there.
    Nobody,
    /// It is there by a lease: of this process, or of whatever DHCP client was here before.
    Us,
    /// Somebody put it there for good: the operator, or the kernel for `ip=dhcp`.
    Another,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Route {
    route: KernelRoute,
    source: Option<Ipv4Addr>,
    metric: u32,
    mtu: Option<u16>,
}

impl Observed {
    /// Whether there is no address on the link at all.
    pub(super) fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// Whether the address is on the link, whoever put it there.
    #[must_use]
    pub fn has(&self, addr: UnicastAddr, prefix: PrefixLen) -> bool {
        self.addresses.iter().any(|own| (own.addr, own.prefix) == (addr, prefix))
    }

    /// Whose the address of `wanted` is, if `before` is what we put there last.
    ///
    /// An address with an end is leased: only DHCP clients give it one. The one that is leased to us now must live as long as
    /// our lease, whichever client gave it its end; without that the kernel would take it from under us.
    #[must_use]
    pub fn owner(&self, wanted: &Footprint, before: Option<&Footprint>) -> Owner {
        let there = self.addresses.iter().find(|own| (own.addr, own.prefix) == (wanted.addr, wanted.prefix));
        let Some(there) = there else { return Owner::Nobody };
        // Of a lease for ever, a kernel that cannot keep marks tells us nothing.
        let endless = before.is_some_and(|own| own.ours && own.has_address_of(wanted) && own.expires_at.is_none());
        if there.marked || there.ends || endless { Owner::Us } else { Owner::Another }
    }

    /// What of `before`, which we put on the link, is ours now: somebody may have made the address his own since, and for good.
    #[must_use]
    pub fn still_ours(&self, before: &Footprint) -> Footprint {
        let ours = before.ours && self.owner(before, Some(before)) != Owner::Another;
        Footprint { ours, ..before.clone() }
    }

    /// One footprint for each address that a DHCP client left on the link, for [`super::Netlink::apply`] to replace or
    /// [`super::Netlink::withdraw`] to remove. An address counts as such when it says so or, since kernels before 5.18
    /// cannot keep that, when it has an end and a route of protocol `dhcp` prefers it.
    #[must_use]
    pub fn footprints(&self) -> Vec<Footprint> {
        self.addresses.iter().map(|own| self.footprint(own)).filter(|footprint| footprint.ours).collect()
    }

    /// What a lease of this address has left on the link, with the address itself only if that came from it.
    #[must_use]
    pub fn footprint_of(&self, addr: UnicastAddr, prefix: PrefixLen) -> Option<Footprint> {
        let own = self.addresses.iter().find(|own| (own.addr, own.prefix) == (addr, prefix))?;
        Some(self.footprint(own))
    }

    fn footprint(&self, address: &Address) -> Footprint {
        let mut routes: Vec<_> = self.routes_of(address.addr).map(|route| route.route).collect();
        // Those without a gateway first, as they were added.
        routes.sort_by_key(|route| route.gateway.is_some());
        Footprint {
            addr: address.addr,
            prefix: address.prefix,
            ours: address.marked || (address.ends && !routes.is_empty()),
            broadcast: address.broadcast,
            expires_at: None,
            metric: self.routes_of(address.addr).next().map_or(address.metric, |route| route.metric),
            routes,
            mtu: self.routes_of(address.addr).find_map(|route| route.mtu),
        }
    }

    /// What of `own` is not there. Of an address that is somebody else's, its network is not ours to look after.
    pub(super) fn missing(&self, own: &Footprint) -> Missing {
        let address = !self.has(own.addr, own.prefix);
        let network = (own.prefix.network(own.addr.get()), own.prefix, Some(own.addr.get()));
        let has_network = own.prefix == PrefixLen::HOST || !own.ours || self.networks.contains(&network);
        let has = |wanted: &&KernelRoute| {
            self.routes_of(own.addr).any(|route| (route.route, route.metric) == (**wanted, own.metric))
        };
        let routes = own.routes.len().saturating_sub(own.routes.iter().filter(has).count());
        Missing { address, network: !has_network, routes, elsewhere: false }
    }

    fn routes_of(&self, addr: UnicastAddr) -> impl Iterator<Item = &Route> {
        self.routes.iter().filter(move |route| route.source == Some(addr.get()))
    }

    /// Takes one message of a dump; what cannot be read is not ours.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the kernel has dozens of attributes, of which few matter here")]
    pub(super) fn address(&mut self, link: IfIndex, frame: &Frame<'_>) {
        let Some(message) = (frame.kind == RTM_NEWADDR).then(|| AddressMessage::parse(frame.payload).ok()).flatten()
        else {
            return;
        };
        if message.header.index != link.get() {
            return;
        }
        let (mut addr, mut broadcast, mut metric, mut marked) = (None, None, 0, false);
        let mut ends = false;
        for attribute in &message.attributes {
            match attribute {
                AddressAttribute::Local(IpAddr::V4(local)) => addr = UnicastAddr::new(*local),
                AddressAttribute::Broadcast(value) => broadcast = Some(*value),
                AddressAttribute::RoutePriority(value) => metric = *value,
                AddressAttribute::CacheInfo(times) => ends = times.ifa_valid != FOR_EVER,
                AddressAttribute::Protocol(AddressProtocol::Other(ADDRESS_FROM_DHCP)) => marked = true,
                _ => {}
            }
        }
        if let (Some(addr), Some(prefix)) = (addr, PrefixLen::new(message.header.prefix_len)) {
            let address = Address { addr, prefix, broadcast, metric, marked, ends };
            if !self.has(addr, prefix) {
                self.addresses.push(address);
            }
        }
    }

    /// Takes one message of a dump; what cannot be read is not ours.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the kernel has dozens of attributes, of which few matter here")]
    pub(super) fn route(&mut self, link: IfIndex, frame: &Frame<'_>) {
        let Some(message) = (frame.kind == RTM_NEWROUTE).then(|| RouteMessage::parse(frame.payload).ok()).flatten()
        else {
            return;
        };
        let from_address = message.header.protocol == RouteProtocol::Kernel;
        if !(from_address || message.header.protocol == RouteProtocol::Dhcp)
            || message.header.table != RouteHeader::RT_TABLE_MAIN
        {
            return;
        }
        let (mut destination, mut gateway, mut source) = (Ipv4Addr::UNSPECIFIED, None, None);
        let (mut metric, mut mtu, mut on_link) = (0, None, false);
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Oif(index) => on_link = *index == link.get(),
                RouteAttribute::Destination(RouteAddress::Inet(addr)) => destination = *addr,
                RouteAttribute::Gateway(RouteAddress::Inet(addr)) => gateway = UnicastAddr::new(*addr),
                RouteAttribute::PrefSource(RouteAddress::Inet(addr)) => source = Some(*addr),
                RouteAttribute::Priority(value) => metric = *value,
                RouteAttribute::Metrics(metrics) => {
                    mtu = metrics.iter().find_map(|metric| match metric {
                        RouteMetric::Mtu(mtu) => u16::try_from(*mtu).ok(),
                        _ => None,
                    });
                }
                _ => {}
            }
        }
        let Some(prefix) = PrefixLen::new(message.header.destination_prefix_length).filter(|_| on_link) else { return };
        if from_address {
            self.networks.push((destination, prefix, source));
            return;
        }
        let route = Route { route: KernelRoute { destination, prefix, gateway }, source, metric, mtu };
        if !self.routes.contains(&route) {
            self.routes.push(route);
        }
    }
}

/// Whether this message of a dump says that a link other than `link` has the address.
pub(super) fn is_on_another(link: IfIndex, addr: UnicastAddr, frame: &Frame<'_>) -> bool {
    let message = (frame.kind == RTM_NEWADDR).then(|| AddressMessage::parse(frame.payload).ok()).flatten();
    let local = AddressAttribute::Local(IpAddr::V4(addr.get()));
    message.is_some_and(|message| message.header.index != link.get() && message.attributes.contains(&local))
}

#[cfg(test)]
mod tests;
