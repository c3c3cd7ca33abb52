//! Names that this machine knows itself: `/etc/hosts`, and what its operator adds.

use core::net::IpAddr;

use orlop_wire::{Batch, DomainName, MaxSize};
use serde::{Deserialize, Serialize};

/// Pairs of an address and a name, at most. Lists that block names have a hundred times as many, and belong elsewhere.
pub const MAX_HOSTS: usize = 4096;

/// Bytes of a part of the list in its encoding, at most.
const PART: usize = 8192;

/// One name of one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Host {
    /// Any address: one that no host can have keeps a name from being found.
    pub address: Address,
    /// The name; it is absolute. Of several with the same address the first one is what the address is called.
    pub name: DomainName,
}

/// A piece of the list, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct HostsPart {
    /// The list begins anew with this part: what there was is replaced once the last part has come.
    pub is_first: bool,
    /// The list is complete.
    pub is_last: bool,
    /// All parts together have at most [`MAX_HOSTS`].
    pub hosts: Batch<Host, PART>,
}

impl HostsPart {
    /// The first [`MAX_HOSTS`] of these, in as many parts as they need: one at least.
    #[must_use]
    pub fn all(hosts: impl IntoIterator<Item = Host>) -> Vec<Self> {
        let mut batches = Batch::pack(hosts.into_iter().take(MAX_HOSTS), PART);
        if batches.is_empty() {
            batches.push(Batch::default());
        }
        let last = batches.len().saturating_sub(1);
        let parts = batches.into_iter().enumerate();
        parts.map(|(at, hosts)| Self { is_first: at == 0, is_last: at == last, hosts }).collect()
    }
}

/// Any IP address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
pub enum Address {
    /// IPv4.
    V4([u8; 4]),
    /// IPv6.
    V6([u8; 16]),
}

impl Address {
    /// As the standard library has it.
    #[must_use]
    pub const fn get(self) -> IpAddr {
        match self {
            Self::V4(octets) => IpAddr::V4(core::net::Ipv4Addr::from_octets(octets)),
            Self::V6(octets) => IpAddr::V6(core::net::Ipv6Addr::from_octets(octets)),
        }
    }
}

impl From<IpAddr> for Address {
    fn from(addr: IpAddr) -> Self {
        match addr {
            IpAddr::V4(v4) => Self::V4(v4.octets()),
            IpAddr::V6(v6) => Self::V6(v6.octets()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(at: u8) -> Host {
        Host { address: IpAddr::from([192, 0, 2, at]).into(), name: DomainName::new(&"a".repeat(60)).unwrap() }
    }

    #[test]
    fn an_address_is_what_it_was() {
        for text in ["0.0.0.0", "192.0.2.1", "::", "fe80::1"] {
            let addr: IpAddr = text.parse().unwrap();
            assert_eq!(Address::from(addr).get(), addr);
        }
    }

    #[test]
    fn a_list_has_a_first_and_a_last_part_and_nothing_is_lost() {
        let ends = |parts: &[HostsPart]| parts.iter().map(|part| (part.is_first, part.is_last)).collect::<Vec<_>>();
        assert_eq!(ends(&HostsPart::all([])), [(true, true)]);
        assert_eq!(ends(&HostsPart::all([host(1)])), [(true, true)]);
        let many: Vec<Host> = (0..u8::MAX).map(host).collect();
        let parts = HostsPart::all(many.clone());
        assert_eq!(ends(&parts), [(true, false), (false, false), (false, true)]);
        assert_eq!(parts.into_iter().flat_map(|part| part.hosts.into_vec()).collect::<Vec<_>>(), many);
    }

    #[test]
    fn too_many_hosts_are_left_out() {
        let parts = HostsPart::all(std::iter::repeat_n(host(1), MAX_HOSTS + 1));
        assert_eq!(parts.iter().map(|part| part.hosts.len()).sum::<usize>(), MAX_HOSTS);
    }
}
