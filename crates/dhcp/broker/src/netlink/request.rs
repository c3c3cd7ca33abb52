//! Changes and questions as rtnetlink messages.

use core::net::IpAddr;

use netlink_packet_core::{DefaultNla, Emitable, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressMessage, AddressProtocol, AddressScope, CacheInfo};
use netlink_packet_route::link::{LinkFlags, LinkHeader};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteMetric, RouteProtocol, RouteScope, RouteType,
};
use orlop_dhcp_contract::{IfIndex, KernelRoute, PrefixLen, UnicastAddr};

use super::footprint::Change;
use super::frame::{Request, emitted};

impl Change {
    pub(crate) fn request(&self, link: IfIndex) -> Request {
        match *self {
            Self::PutAddress { addr, prefix, anew, broadcast, lifetime, metric } => {
                let mut message = address(link, addr, prefix);
                let seconds = lifetime.unwrap_or(FOR_EVER);
                let mut times = CacheInfo::default();
                times.ifa_valid = seconds;
                times.ifa_preferred = seconds;
                message.attributes.push(AddressAttribute::CacheInfo(times));
                message.attributes.push(AddressAttribute::RoutePriority(metric));
                // Kernels before 5.18 skip it.
                message.attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(ADDRESS_FROM_DHCP)));
                message.attributes.extend(broadcast.map(AddressAttribute::Broadcast));
                let over = if anew { NLM_F_EXCL } else { NLM_F_REPLACE };
                Request::change(RTM_NEWADDR, NLM_F_CREATE | over, &message)
            }
            Self::DropAddress { addr, prefix } => Request::change(RTM_DELADDR, 0, &address(link, addr, prefix)),
            Self::PutRoute { route: wanted, source, metric, mtu } => {
                let mut message = route(link, wanted, metric);
                message.attributes.push(RouteAttribute::PrefSource(source.get().into()));
                if let Some(mtu) = mtu {
                    message.attributes.push(RouteAttribute::Metrics(vec![RouteMetric::Mtu(mtu.into())]));
                }
                Request::change(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, &message)
            }
            Self::DropRoute { route: stale, source, metric } => {
                let mut message = route(link, stale, metric);
                message.attributes.push(RouteAttribute::PrefSource(source.get().into()));
                Request::change(RTM_DELROUTE, 0, &message)
            }
        }
    }
}

fn address(link: IfIndex, addr: UnicastAddr, prefix: PrefixLen) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.prefix_len = prefix.bits();
    message.header.scope = AddressScope::Universe;
    message.header.index = link.get();
    let addr = IpAddr::V4(addr.get());
    message.attributes = vec![AddressAttribute::Local(addr), AddressAttribute::Address(addr)];
    message
}

fn route(link: IfIndex, route: KernelRoute, metric: u32) -> RouteMessage {
    let KernelRoute { destination, prefix, gateway } = route;
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.destination_prefix_length = prefix.bits();
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Dhcp;
    message.header.scope = if gateway.is_some() { RouteScope::Universe } else { RouteScope::Link };
    message.header.kind = RouteType::Unicast;
    message.attributes = vec![RouteAttribute::Oif(link.get()), RouteAttribute::Priority(metric)];
    if prefix != PrefixLen::DEFAULT {
        message.attributes.push(RouteAttribute::Destination(destination.into()));
    }
    message.attributes.extend(gateway.map(|gateway| RouteAttribute::Gateway(RouteAddress::Inet(gateway.get()))));
    message
}

/// Sets the link up.
pub(crate) fn set_up(link: IfIndex) -> Request {
    let mut header = link_header(link);
    header.flags = LinkFlags::Up;
    header.change_mask = LinkFlags::Up;
    Request::change(RTM_SETLINK, 0, &header)
}

/// Has the second address of a network take the place of the first when that goes, instead of going with it: the
/// per-link setting `promote_secondaries`, which is off by default.
pub(crate) fn promote_secondaries(link: IfIndex) -> Request {
    let setting = DefaultNla::new(IPV4_DEVCONF_PROMOTE_SECONDARIES, 1_u32.to_ne_bytes().to_vec());
    let settings = DefaultNla::new(IFLA_INET_CONF, emitted(&setting));
    let inet = DefaultNla::new(AF_INET, emitted(&settings));
    Request::change(RTM_SETLINK, 0, &With(link_header(link), DefaultNla::new(IFLA_AF_SPEC, emitted(&inet))))
}

/// Sets the MTU of the link, in bytes.
pub(crate) fn set_mtu(link: IfIndex, mtu: u16) -> Request {
    let mtu = DefaultNla::new(IFLA_MTU, u32::from(mtu).to_ne_bytes().to_vec());
    Request::change(RTM_SETLINK, 0, &With(link_header(link), mtu))
}

fn link_header(link: IfIndex) -> LinkHeader {
    LinkHeader { index: link.get(), ..LinkHeader::default() }
}

/// A header and one attribute.
struct With(LinkHeader, DefaultNla);

impl Emitable for With {
    fn buffer_len(&self) -> usize {
        self.0.buffer_len().saturating_add(self.1.buffer_len())
    }

    fn emit(&self, buffer: &mut [u8]) {
        if let Some((head, rest)) = buffer.split_at_mut_checked(self.0.buffer_len()) {
            self.0.emit(head);
            self.1.emit(rest);
        }
    }
}

/// All IPv4 addresses.
pub(crate) fn dump_addresses() -> Request {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    Request::dump(RTM_GETADDR, &message)
}

/// All IPv4 routes.
pub(crate) fn dump_routes() -> Request {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    Request::dump(RTM_GETROUTE, &message)
}

/// The route to the network of an address, just as the kernel adds it with the address, and removes it with it.
pub(crate) fn network(link: IfIndex, addr: UnicastAddr, prefix: PrefixLen, metric: u32) -> Request {
    let network = KernelRoute { destination: prefix.network(addr.get()), prefix, gateway: None };
    let mut message = route(link, network, metric);
    message.header.protocol = RouteProtocol::Kernel;
    message.attributes.push(RouteAttribute::PrefSource(addr.get().into()));
    Request::change(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, &message)
}

/// All links, without their statistics.
pub(crate) fn dump_links() -> Request {
    let mask = DefaultNla::new(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS.to_ne_bytes().to_vec());
    Request::dump(RTM_GETLINK, &With(LinkHeader::default(), mask))
}

/// What an address says about where it comes from (`IFA_PROTO`). The kernel keeps 0 to 3 for itself and leaves the rest
/// to us; we use the number of `RTPROT_DHCP`, as our routes do.
pub(crate) const ADDRESS_FROM_DHCP: u8 = 16;

/// `INFINITY_LIFE_TIME` (linux/if_addr.h users; RFC 4861 section 4.6.2).
pub(crate) const FOR_EVER: u32 = u32::MAX;

// linux/rtnetlink.h
pub(crate) const RTM_NEWLINK: u16 = 16;
pub(crate) const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
const RTM_SETLINK: u16 = 19;
pub(crate) const RTM_NEWADDR: u16 = 20;
pub(crate) const RTM_DELADDR: u16 = 21;
const RTM_GETADDR: u16 = 22;
pub(crate) const RTM_NEWROUTE: u16 = 24;
pub(crate) const RTM_DELROUTE: u16 = 25;
const RTM_GETROUTE: u16 = 26;
const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;

// linux/if_link.h, linux/ip.h, linux/socket.h
const IFLA_MTU: u16 = 4;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_INET_CONF: u16 = 1;
const IPV4_DEVCONF_PROMOTE_SECONDARIES: u16 = 20;
const AF_INET: u16 = 2;
const IFLA_EXT_MASK: u16 = 29;
