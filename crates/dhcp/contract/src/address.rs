use core::fmt;
use core::net::Ipv4Addr;
use core::num::NonZeroU32;

use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

/// An IPv4 address that one host can have: not in 0/8, 127/8 or 224/4, and not 255.255.255.255.
///
/// 169.254/16 and 240/4 are allowed: clouds hand out routers and servers in the one, and addresses in the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Ipv4Addr", into = "Ipv4Addr")]
pub struct UnicastAddr(Ipv4Addr);

impl UnicastAddr {
    /// `addr`, or `None` when no host can have it.
    #[must_use]
    pub const fn new(addr: Ipv4Addr) -> Option<Self> {
        let [first, ..] = addr.octets();
        if first == 0 || addr.is_loopback() || addr.is_multicast() || addr.is_broadcast() {
            None
        } else {
            Some(Self(addr))
        }
    }

    /// The plain address.
    #[must_use]
    pub const fn get(self) -> Ipv4Addr {
        self.0
    }
}

impl From<UnicastAddr> for Ipv4Addr {
    fn from(addr: UnicastAddr) -> Self {
        addr.0
    }
}

impl TryFrom<Ipv4Addr> for UnicastAddr {
    type Error = NotUnicast;

    fn try_from(addr: Ipv4Addr) -> Result<Self, NotUnicast> {
        Self::new(addr).ok_or(NotUnicast)
    }
}

impl MaxSize for UnicastAddr {
    const POSTCARD_MAX_SIZE: usize = 4;
}

impl fmt::Debug for UnicastAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for UnicastAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The address is one that no single host can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the address of one host (in 0/8, 127/8 or 224/4, or 255.255.255.255)")]
pub struct NotUnicast;

/// How many leading bits of an address name its network: 0 to 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
#[serde(try_from = "u8", into = "u8")]
pub struct PrefixLen(u8);

impl PrefixLen {
    /// A single host.
    pub const HOST: Self = Self(32);
    /// Everything: the default route.
    pub const DEFAULT: Self = Self(0);

    /// `bits`, or `None` above 32.
    #[must_use]
    pub const fn new(bits: u8) -> Option<Self> {
        if bits <= 32 { Some(Self(bits)) } else { None }
    }

    /// The length of a subnet mask; `None` when the mask has a hole.
    #[must_use]
    pub fn from_mask(mask: Ipv4Addr) -> Option<Self> {
        let bits = mask.to_bits();
        let ones = bits.leading_ones();
        (bits.count_ones() == ones).then(|| u8::try_from(ones).ok().and_then(Self::new)).flatten()
    }

    /// The number of bits, 0 to 32.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The mask with this many leading ones.
    #[must_use]
    pub fn mask(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(u32::MAX.checked_shl(32_u32.saturating_sub(u32::from(self.0))).unwrap_or(0))
    }

    /// The network that `addr` is in, with the host bits cleared.
    #[must_use]
    pub fn network(self, addr: Ipv4Addr) -> Ipv4Addr {
        Ipv4Addr::from_bits(addr.to_bits() & self.mask().to_bits())
    }

    /// The all-ones address of the network that `addr` is in.
    #[must_use]
    pub fn broadcast(self, addr: Ipv4Addr) -> Ipv4Addr {
        Ipv4Addr::from_bits(addr.to_bits() | !self.mask().to_bits())
    }

    /// Whether `addr` can be a host in its own network: not the network or the broadcast address, which exist
    /// only in prefixes shorter than 31 (RFC 3021).
    #[must_use]
    pub fn has_host(self, addr: Ipv4Addr) -> bool {
        self.0 >= 31 || (addr != self.network(addr) && addr != self.broadcast(addr))
    }
}

impl TryFrom<u8> for PrefixLen {
    type Error = TooLong;

    fn try_from(bits: u8) -> Result<Self, TooLong> {
        Self::new(bits).ok_or(TooLong)
    }
}

impl From<PrefixLen> for u8 {
    fn from(len: PrefixLen) -> Self {
        len.0
    }
}

impl fmt::Display for PrefixLen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The prefix length is above 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("prefix length above 32")]
pub struct TooLong;

/// An Ethernet address (`chaddr` with `htype` 1 and `hlen` 6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
#[serde(transparent)]
pub struct HardwareAddr(pub [u8; 6]);

impl fmt::Display for HardwareAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for HardwareAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The kernel's number for a network interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
#[serde(transparent)]
pub struct IfIndex(NonZeroU32);

impl IfIndex {
    /// The interface with this index; `None` for 0, which the kernel uses for "any".
    #[must_use]
    pub fn new(index: u32) -> Option<Self> {
        NonZeroU32::new(index).map(Self)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for IfIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_host_address_is_not_special() {
        for (what, addr, ok) in [
            ("private", [10, 0, 0, 1], true),
            ("link-local, as clouds use", [169, 254, 169, 254], true),
            ("last of class C", [223, 255, 255, 255], true),
            ("unspecified", [0, 0, 0, 0], false),
            ("this network", [0, 1, 2, 3], false),
            ("loopback", [127, 0, 0, 1], false),
            ("multicast", [224, 0, 0, 1], false),
            ("class E, as clouds use", [240, 0, 0, 1], true),
            ("last of class E", [255, 255, 255, 254], true),
            ("last of multicast", [239, 255, 255, 255], false),
            ("broadcast", [255, 255, 255, 255], false),
        ] {
            assert_eq!(UnicastAddr::new(addr.into()).is_some(), ok, "{what}");
        }
    }

    #[test]
    fn a_mask_with_a_hole_has_no_length() {
        for (what, mask, want) in [
            ("none", [0, 0, 0, 0], Some(0)),
            ("class C", [255, 255, 255, 0], Some(24)),
            ("host", [255, 255, 255, 255], Some(32)),
            ("a hole", [255, 0, 255, 0], None),
            ("upside down", [0, 0, 0, 255], None),
        ] {
            assert_eq!(PrefixLen::from_mask(mask.into()).map(PrefixLen::bits), want, "{what}");
        }
    }

    #[test]
    fn network_and_broadcast_are_no_hosts_unless_the_network_has_two_or_one() {
        for (what, addr, bits, ok) in [
            ("middle", [192, 0, 2, 9], 24, true),
            ("network", [192, 0, 2, 0], 24, false),
            ("broadcast", [192, 0, 2, 255], 24, false),
            ("point to point", [192, 0, 2, 0], 31, true),
            ("single host", [192, 0, 2, 255], 32, true),
        ] {
            assert_eq!(PrefixLen::new(bits).unwrap().has_host(addr.into()), ok, "{what}");
        }
    }

    #[test]
    fn a_network_has_its_first_and_its_last_address() {
        for (what, addr, bits, network, broadcast) in [
            ("class C", [192, 0, 2, 9], 24, [192, 0, 2, 0], [192, 0, 2, 255]),
            ("in the middle of a byte", [10, 1, 99, 7], 19, [10, 1, 96, 0], [10, 1, 127, 255]),
            ("single host", [192, 0, 2, 9], 32, [192, 0, 2, 9], [192, 0, 2, 9]),
            ("everything", [192, 0, 2, 9], 0, [0, 0, 0, 0], [255, 255, 255, 255]),
        ] {
            let prefix = PrefixLen::new(bits).unwrap();
            assert_eq!(prefix.network(addr.into()), Ipv4Addr::from(network), "{what}");
            assert_eq!(prefix.broadcast(addr.into()), Ipv4Addr::from(broadcast), "{what}");
        }
        assert_eq!(PrefixLen::new(33), None);
        assert_eq!((PrefixLen::HOST.bits(), PrefixLen::DEFAULT.bits()), (32, 0));
    }

    #[test]
    fn values_are_shown_as_people_write_them() {
        let addr = UnicastAddr::new([192, 0, 2, 9].into()).unwrap();
        let hardware = HardwareAddr([0x02, 0x00, 0x5e, 0x10, 0xab, 0x01]);
        for (shown, want) in [
            (addr.to_string(), "192.0.2.9"),
            (format!("{addr:?}"), "192.0.2.9"),
            (PrefixLen::new(24).unwrap().to_string(), "24"),
            (hardware.to_string(), "02:00:5e:10:ab:01"),
            (format!("{hardware:?}"), "02:00:5e:10:ab:01"),
            (IfIndex::new(7).unwrap().to_string(), "7"),
        ] {
            assert_eq!(shown, want);
        }
    }

    #[test]
    fn what_arrives_is_checked_as_what_is_made_and_leaves_as_it_came() {
        let frames: [(&str, &[u8], bool); 4] = [
            ("a host", &[192, 0, 2, 9], true),
            ("loopback", &[127, 0, 0, 1], false),
            ("multicast", &[224, 0, 0, 1], false),
            ("half an address", &[192, 0], false),
        ];
        for (what, frame, fits) in frames {
            let addr = orlop_wire::decode::<UnicastAddr>(frame);
            assert_eq!(addr.is_ok(), fits, "{what}");
            if let Ok(addr) = addr {
                assert_eq!(orlop_wire::encode(&addr, &mut [0; 4]), Ok(frame), "{what}");
                assert_eq!(Ipv4Addr::from(addr).octets(), frame, "{what}");
            }
        }
        assert_eq!(UnicastAddr::try_from(Ipv4Addr::LOCALHOST), Err(NotUnicast));
        assert_eq!(orlop_wire::decode::<PrefixLen>(&[24]).map(u8::from), Ok(24));
        assert!(orlop_wire::decode::<PrefixLen>(&[33]).is_err());
        assert_eq!(PrefixLen::try_from(33), Err(TooLong));
    }

    #[test]
    fn no_interface_has_the_index_that_means_any() {
        assert_eq!(IfIndex::new(0), None);
        assert_eq!(IfIndex::new(7).map(IfIndex::get), Some(7));
    }

    proptest! {
        #[test]
        fn every_mask_round_trips_or_is_refused(bits: u32) {
            let mask = Ipv4Addr::from_bits(bits);
            if let Some(len) = PrefixLen::from_mask(mask) {
                prop_assert_eq!(len.mask(), mask);
            }
        }

        #[test]
        fn every_length_has_its_mask(bits in 0_u8..=32) {
            let len = PrefixLen::new(bits).unwrap();
            prop_assert_eq!(PrefixLen::from_mask(len.mask()), Some(len));
        }
    }
}
