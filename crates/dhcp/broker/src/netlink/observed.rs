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
use super::request::{ADDRESS_FROM_DHCP, RTM_NEWADDR, RTM_NEWROUTE};

/// The IPv4 addresses of a link and its routes of protocol `dhcp`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    addresses: Vec<Address>,
    routes: Vec<Route>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Address {
    addr: UnicastAddr,
    prefix: PrefixLen,
    broadcast: Option<Ipv4Addr>,
    metric: u32,
    marked: bool,
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

    /// One footprint for each address that a DHCP client left on the link, for [`super::Netlink::apply`] to replace or
    /// [`super::Netlink::withdraw`] to remove. An address counts as such when it says so or, since kernels before 5.18
    /// cannot keep that, when a route of protocol `dhcp` prefers it.
    #[must_use]
    pub fn footprints(&self) -> Vec<Footprint> {
        let ours = |address: &&Address| address.marked || self.routes_of(address.addr).next().is_some();
        self.addresses
            .iter()
            .filter(ours)
            .map(|address| Footprint {
                addr: address.addr,
                prefix: address.prefix,
                broadcast: address.broadcast,
                expires_at: None,
                metric: self.routes_of(address.addr).next().map_or(address.metric, |route| route.metric),
                // Those without a gateway first, as they were added.
                routes: {
                    let mut routes: Vec<_> = self.routes_of(address.addr).map(|route| route.route).collect();
                    routes.sort_by_key(|route| route.gateway.is_some());
                    routes
                },
                mtu: self.routes_of(address.addr).find_map(|route| route.mtu),
            })
            .collect()
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
        for attribute in &message.attributes {
            match attribute {
                AddressAttribute::Local(IpAddr::V4(local)) => addr = UnicastAddr::new(*local),
                AddressAttribute::Broadcast(value) => broadcast = Some(*value),
                AddressAttribute::RoutePriority(value) => metric = *value,
                AddressAttribute::Protocol(AddressProtocol::Other(ADDRESS_FROM_DHCP)) => marked = true,
                _ => {}
            }
        }
        if let (Some(addr), Some(prefix)) = (addr, PrefixLen::new(message.header.prefix_len)) {
            let address = Address { addr, prefix, broadcast, metric, marked };
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
        if message.header.protocol != RouteProtocol::Dhcp || message.header.table != RouteHeader::RT_TABLE_MAIN {
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
        let route = Route { route: KernelRoute { destination, prefix, gateway }, source, metric, mtu };
        if !self.routes.contains(&route) {
            self.routes.push(route);
        }
    }
}
