use core::net::Ipv4Addr;

use orlop_machine::Instant;
use orlop_wire::{Bounded, MaxSize};
use serde::{Deserialize, Serialize};

use crate::{DomainName, PrefixLen, UnicastAddr};

/// What a server granted, in values that can be applied as they stand.
///
/// Everything optional is absent rather than empty or zero when the server did not send it, or sent nonsense.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Our address (`yiaddr`).
    pub addr: UnicastAddr,
    /// Length of the subnet mask (option 1), else of the class of the address.
    pub prefix: PrefixLen,
    /// Who granted it: option 54, else the IP source.
    pub server: UnicastAddr,
    /// How long it may be used.
    pub term: Term,
    /// Broadcast address (option 28), when it is not the computed one.
    pub broadcast: Option<Ipv4Broadcast>,
    /// Routers (option 3), most preferred first. Empty when there are `routes`.
    pub routers: Bounded<UnicastAddr, { Lease::MAX_ROUTERS }>,
    /// Routes (option 121, else 249, else 33). RFC 3442 has 121 silence option 3; where it does not, its router is one of these.
    pub routes: Bounded<Route, { Lease::MAX_ROUTES }>,
    /// Interface MTU (option 26).
    pub mtu: Option<Mtu>,
    /// Name servers (option 6), most preferred first.
    pub dns: Bounded<UnicastAddr, { Lease::MAX_SERVERS }>,
    /// Time servers (option 42), most preferred first.
    pub ntp: Bounded<UnicastAddr, { Lease::MAX_SERVERS }>,
    /// The name the server has for us (option 12).
    pub hostname: Option<DomainName>,
    /// Domain of this network (option 15).
    pub domain: Option<DomainName>,
    /// Where to look for short names (option 119).
    pub search: Bounded<DomainName, { Lease::MAX_SEARCH }>,
    /// Azure's wire server (option 245), which is told that the machine is ready.
    pub wire_server: Option<UnicastAddr>,
}

impl Lease {
    /// Routers kept: one is used, the others are spare; nobody sends more.
    pub const MAX_ROUTERS: usize = 4;
    /// Routes kept: what fits in two 255-byte option 121 instances of /24 routes, and then some.
    pub const MAX_ROUTES: usize = 64;
    /// DNS or NTP servers kept. resolv.conf uses three.
    pub const MAX_SERVERS: usize = 8;
    /// Search domains kept. glibc takes six before 2.26, any number since.
    pub const MAX_SEARCH: usize = 16;

    /// A lease of an address and of nothing else.
    #[must_use]
    pub const fn bare(addr: UnicastAddr, prefix: PrefixLen, server: UnicastAddr, term: Term) -> Self {
        Self {
            addr,
            prefix,
            server,
            term,
            broadcast: None,
            routers: Bounded::new(),
            routes: Bounded::new(),
            mtu: None,
            dns: Bounded::new(),
            ntp: Bounded::new(),
            hostname: None,
            domain: None,
            search: Bounded::new(),
            wire_server: None,
        }
    }

    /// Whether another lease asks for the same kernel state and files, whatever its times say.
    #[must_use]
    pub fn same_configuration(&self, other: &Self) -> bool {
        let Self {
            addr,
            prefix,
            server: _,
            term: _,
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
        } = self;
        *addr == other.addr
            && *prefix == other.prefix
            && *broadcast == other.broadcast
            && *routers == other.routers
            && *routes == other.routes
            && *mtu == other.mtu
            && *dns == other.dns
            && *ntp == other.ntp
            && *hostname == other.hostname
            && *domain == other.domain
            && *search == other.search
            && *wire_server == other.wire_server
    }
}

/// The times of a lease, on `CLOCK_BOOTTIME`. Always `acquired <= renew_at <= rebind_at <= expires_at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Term {
    /// For ever (option 51 is 0xffffffff).
    Infinite {
        /// When the request was sent that the server answered.
        acquired: Instant,
    },
    /// Until `expires_at`, counted from the sending of the request (RFC 2131 section 4.4.1).
    Finite {
        /// When the request was sent that the server answered.
        acquired: Instant,
        /// T1: ask the leasing server to extend it (RFC 2131 section 4.4.5).
        renew_at: Instant,
        /// T2: ask any server.
        rebind_at: Instant,
        /// The address must not be used from here on.
        expires_at: Instant,
    },
}

impl Term {
    /// When the request was sent that the server answered.
    #[must_use]
    pub const fn acquired(self) -> Instant {
        match self {
            Self::Infinite { acquired } | Self::Finite { acquired, .. } => acquired,
        }
    }

    /// When the address must no longer be used; `None` for never.
    #[must_use]
    pub const fn expires_at(self) -> Option<Instant> {
        match self {
            Self::Infinite { .. } => None,
            Self::Finite { expires_at, .. } => Some(expires_at),
        }
    }

    /// Whether the four times stand in their order.
    #[must_use]
    pub fn is_ordered(self) -> bool {
        match self {
            Self::Infinite { .. } => true,
            Self::Finite { acquired, renew_at, rebind_at, expires_at } => {
                acquired <= renew_at && renew_at <= rebind_at && rebind_at <= expires_at
            }
        }
    }
}

/// One classless static route (RFC 3442).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(Ipv4Addr, PrefixLen, Option<UnicastAddr>)", into = "(Ipv4Addr, PrefixLen, Option<UnicastAddr>)")]
pub struct Route {
    destination: Ipv4Addr,
    prefix: PrefixLen,
    gateway: Option<UnicastAddr>,
}

impl Route {
    /// A route to `destination`/`prefix`; host bits are cleared. `gateway` is `None` for a network on the link
    /// (0.0.0.0 in the option). `None` for a destination that no route may have: loopback, multicast, the
    /// broadcast of every link.
    #[must_use]
    pub fn new(destination: Ipv4Addr, prefix: PrefixLen, gateway: Option<UnicastAddr>) -> Option<Self> {
        let destination = prefix.network(destination);
        let [first, ..] = destination.octets();
        // 0/1 and 128/1 are legal destinations, 0/8 and its parts are not, except for the default route.
        let nowhere = destination.is_loopback() || destination.is_multicast() || destination.is_broadcast();
        let allowed = !nowhere && (first != 0 || prefix.bits() < 8);
        allowed.then_some(Self { destination, prefix, gateway })
    }

    /// The network this route leads to.
    #[must_use]
    pub const fn destination(&self) -> Ipv4Addr {
        self.destination
    }

    /// The length of its prefix.
    #[must_use]
    pub const fn prefix(&self) -> PrefixLen {
        self.prefix
    }

    /// The router, or `None` when the network is on the link.
    #[must_use]
    pub const fn gateway(&self) -> Option<UnicastAddr> {
        self.gateway
    }
}

impl TryFrom<(Ipv4Addr, PrefixLen, Option<UnicastAddr>)> for Route {
    type Error = BadRoute;

    fn try_from((destination, prefix, gateway): (Ipv4Addr, PrefixLen, Option<UnicastAddr>)) -> Result<Self, BadRoute> {
        Self::new(destination, prefix, gateway).filter(|route| route.destination == destination).ok_or(BadRoute)
    }
}

impl From<Route> for (Ipv4Addr, PrefixLen, Option<UnicastAddr>) {
    fn from(route: Route) -> Self {
        (route.destination, route.prefix, route.gateway)
    }
}

impl MaxSize for Route {
    const POSTCARD_MAX_SIZE: usize = 10;
}

/// The destination is one that no route may have, or has host bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no route may lead there")]
pub struct BadRoute;

/// A directed broadcast address. Any value: the kernel only uses it for packets sent to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ipv4Broadcast(pub Ipv4Addr);

impl MaxSize for Ipv4Broadcast {
    const POSTCARD_MAX_SIZE: usize = 4;
}

/// The MTU of an interface in bytes: at least 576, which every IPv4 host must take (RFC 791), so no lease can
/// choke the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, MaxSize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Mtu(u16);

impl Mtu {
    /// The least MTU that is accepted.
    pub const MIN: u16 = 576;

    /// `bytes`, or `None` below [`Mtu::MIN`].
    #[must_use]
    pub const fn new(bytes: u16) -> Option<Self> {
        if bytes >= Self::MIN { Some(Self(bytes)) } else { None }
    }

    /// Bytes.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for Mtu {
    type Error = SmallMtu;

    fn try_from(bytes: u16) -> Result<Self, SmallMtu> {
        Self::new(bytes).ok_or(SmallMtu)
    }
}

impl From<Mtu> for u16 {
    fn from(mtu: Mtu) -> Self {
        mtu.0
    }
}

/// The MTU is below 576.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("MTU below 576")]
pub struct SmallMtu;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_leads_somewhere_a_packet_may_go() {
        for (what, destination, bits, ok) in [
            ("default", [0, 0, 0, 0], 0, true),
            ("lower half", [0, 0, 0, 0], 1, true),
            ("upper half", [128, 0, 0, 0], 1, true),
            ("private", [10, 0, 0, 0], 8, true),
            ("host", [169, 254, 169, 254], 32, true),
            ("this network", [0, 0, 0, 0], 8, false),
            ("loopback", [127, 0, 0, 0], 8, false),
            ("multicast", [224, 0, 0, 0], 4, false),
            ("class E", [240, 0, 0, 0], 4, true),
            ("multicast and class E", [224, 0, 0, 0], 3, false),
            ("broadcast", [255, 255, 255, 255], 32, false),
        ] {
            assert_eq!(Route::new(destination.into(), PrefixLen::new(bits).unwrap(), None).is_some(), ok, "{what}");
        }
    }

    #[test]
    fn host_bits_are_cleared_from_the_wire_and_refused_from_the_channel() {
        let (dirty, eight) = (Ipv4Addr::new(10, 1, 2, 3), PrefixLen::new(8).unwrap());
        assert_eq!(Route::new(dirty, eight, None).unwrap().destination(), Ipv4Addr::new(10, 0, 0, 0));
        assert_eq!(Route::try_from((dirty, eight, None)), Err(BadRoute));
    }

    #[test]
    fn the_times_of_a_term_stand_in_order() {
        let at = Instant::from_nanos;
        let term = |a, b, c, d| Term::Finite { acquired: at(a), renew_at: at(b), rebind_at: at(c), expires_at: at(d) };
        for (what, term, ok) in [
            ("ordered", term(1, 2, 3, 4), true),
            ("all at once", term(1, 1, 1, 1), true),
            ("T1 after T2", term(1, 3, 2, 4), false),
            ("T1 before it was granted", term(2, 1, 3, 4), false),
            ("expired at birth", term(5, 5, 5, 4), false),
            ("infinite", Term::Infinite { acquired: at(1) }, true),
        ] {
            assert_eq!(term.is_ordered(), ok, "{what}");
        }
        assert_eq!((term(1, 2, 3, 4).acquired(), term(1, 2, 3, 4).expires_at()), (at(1), Some(at(4))));
        let infinite = Term::Infinite { acquired: at(5) };
        assert_eq!((infinite.acquired(), infinite.expires_at()), (at(5), None));
    }

    fn unicast(last: u8) -> UnicastAddr {
        UnicastAddr::new([192, 0, 2, last].into()).unwrap()
    }

    #[test]
    fn two_leases_configure_the_same_unless_what_is_applied_differs() {
        let term = |secs| Term::Infinite { acquired: Instant::from_nanos(secs) };
        let lease = || Lease::bare(unicast(9), PrefixLen::new(24).unwrap(), unicast(1), term(1));
        let name = |text| DomainName::new(text).unwrap();
        let route = || Route::new([10, 0, 0, 0].into(), PrefixLen::new(8).unwrap(), None).unwrap();
        type Change<'c> = &'c dyn Fn(&mut Lease);
        let changes: [(&str, Change<'_>, bool); 15] = [
            ("nothing", &|_| (), true),
            ("another server", &|lease| lease.server = unicast(2), true),
            ("extended", &|lease| lease.term = term(2), true),
            ("another address", &|lease| lease.addr = unicast(8), false),
            ("another mask", &|lease| lease.prefix = PrefixLen::HOST, false),
            ("a broadcast address", &|lease| lease.broadcast = Some(Ipv4Broadcast([192, 0, 2, 0].into())), false),
            ("a router", &|lease| lease.routers = [unicast(1)].into_iter().collect(), false),
            ("a route", &|lease| lease.routes = [route()].into_iter().collect(), false),
            ("an MTU", &|lease| lease.mtu = Mtu::new(1400), false),
            ("a name server", &|lease| lease.dns = [unicast(1)].into_iter().collect(), false),
            ("a time server", &|lease| lease.ntp = [unicast(1)].into_iter().collect(), false),
            ("a host name", &|lease| lease.hostname = Some(name("a")), false),
            ("a domain", &|lease| lease.domain = Some(name("example")), false),
            ("a search domain", &|lease| lease.search = [name("example")].into_iter().collect(), false),
            ("a wire server", &|lease| lease.wire_server = Some(unicast(1)), false),
        ];
        for (what, change, want) in changes {
            let mut other = lease();
            change(&mut other);
            assert_eq!(lease().same_configuration(&other), want, "{what}");
            assert_eq!(other.same_configuration(&lease()), want, "{what}, from the other side");
        }
    }

    #[test]
    fn a_route_travels_with_all_it_has_and_arrives_checked() {
        let eight = PrefixLen::new(8).unwrap();
        let route = Route::new([10, 0, 0, 0].into(), eight, Some(unicast(1))).unwrap();
        assert_eq!((route.prefix(), route.gateway()), (eight, Some(unicast(1))));
        let frame = [10, 0, 0, 0, 8, 1, 192, 0, 2, 1];
        assert_eq!(orlop_wire::encode(&route, &mut [0; orlop_wire::max_size::<Route>()]), Ok(&frame[..]));
        assert_eq!(orlop_wire::decode::<Route>(&frame), Ok(route));
        assert!(orlop_wire::decode::<Route>(&[10, 0, 0, 1, 8, 0]).is_err(), "host bits");
        assert!(orlop_wire::decode::<Route>(&[127, 0, 0, 0, 8, 0]).is_err(), "loopback");
    }

    #[test]
    fn no_lease_makes_the_link_narrower_than_every_host_can_take() {
        for (bytes, ok) in [(0, false), (575, false), (576, true), (1500, true), (u16::MAX, true)] {
            assert_eq!(Mtu::new(bytes).map(Mtu::get), ok.then_some(bytes), "{bytes}");
            assert_eq!(Mtu::try_from(bytes).map(u16::from), if ok { Ok(bytes) } else { Err(SmallMtu) }, "{bytes}");
        }
    }
}
