//! Addresses of hosts.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

/// An address that one host can have, and that can be written down without naming an interface: not unspecified, not
/// broadcast, not multicast, not link-local IPv6, and not IPv4 dressed up as IPv6, which would be a second spelling.
///
/// Loopback is one: a server may be on this very host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
#[serde(try_from = "Octets", into = "Octets")]
pub struct HostAddr(Octets);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
enum Octets {
    V4([u8; 4]),
    V6([u8; 16]),
}

impl HostAddr {
    /// `addr`, or `None` when no single host can have it.
    #[must_use]
    pub const fn new(addr: IpAddr) -> Option<Self> {
        match addr {
            // 0/8 is "this network" (RFC 1122 section 3.2.1.3).
            IpAddr::V4(v4) if v4.octets()[0] == 0 || v4.is_broadcast() || v4.is_multicast() => None,
            IpAddr::V4(v4) => Some(Self(Octets::V4(v4.octets()))),
            IpAddr::V6(v6) if v6.is_unspecified() || v6.is_multicast() || v6.is_unicast_link_local() => None,
            IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => None,
            IpAddr::V6(v6) => Some(Self(Octets::V6(v6.octets()))),
        }
    }

    /// The plain address.
    #[must_use]
    pub const fn get(self) -> IpAddr {
        match self.0 {
            Octets::V4(octets) => IpAddr::V4(Ipv4Addr::from_octets(octets)),
            Octets::V6(octets) => IpAddr::V6(Ipv6Addr::from_octets(octets)),
        }
    }
}

impl TryFrom<Octets> for HostAddr {
    type Error = NotAHost;

    fn try_from(octets: Octets) -> Result<Self, NotAHost> {
        Self::new(Self(octets).get()).ok_or(NotAHost)
    }
}

impl From<HostAddr> for Octets {
    fn from(addr: HostAddr) -> Self {
        addr.0
    }
}

impl fmt::Debug for HostAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl fmt::Display for HostAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// The address is one that no single host can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the address of one host")]
pub struct NotAHost;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{decode, encode, max_size};

    #[test]
    fn only_what_one_host_can_have_is_an_address_of_a_host() {
        for (what, addr, ok) in [
            ("a host", "192.0.2.1", true),
            ("this host", "127.0.0.1", true),
            ("a host of the cloud's own", "169.254.169.123", true),
            ("a host of IPv6", "2001:db8::1", true),
            ("this host, IPv6", "::1", true),
            ("a private host, IPv6", "fd00::1", true),
            ("nobody", "0.0.0.0", false),
            ("this network", "0.0.0.1", false),
            ("everybody", "255.255.255.255", false),
            ("a group", "224.0.1.1", false),
            ("nobody, IPv6", "::", false),
            ("a group, IPv6", "ff02::101", false),
            ("a neighbour on an interface unnamed", "fe80::1", false),
            ("IPv4 in disguise", "::ffff:192.0.2.1", false),
        ] {
            let addr: IpAddr = addr.parse().unwrap();
            let host = HostAddr::new(addr);
            assert_eq!(host.map(HostAddr::get), ok.then_some(addr), "{what}");
            if let Some(host) = host {
                assert_eq!((host.to_string(), format!("{host:?}")), (addr.to_string(), addr.to_string()), "{what}");
            }
            let octets = match addr {
                IpAddr::V4(v4) => Octets::V4(v4.octets()),
                IpAddr::V6(v6) => Octets::V6(v6.octets()),
            };
            let mut frame = [0; max_size::<HostAddr>()];
            let frame = encode(&octets, &mut frame).unwrap();
            assert_eq!(decode::<HostAddr>(frame).ok(), host, "{what}, over a channel");
        }
    }
}
