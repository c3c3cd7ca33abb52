//! One link as the kernel describes it.
//!
//! Read by hand, six attributes out of sixty: a kernel that changes one of the others, as happens every few releases,
//! must not make an interface invisible.

use netlink_packet_core::NlasIterator;
use orlop_dhcp_contract::{HardwareAddr, IfIndex};

use orlop_wire::InterfaceName;

/// A link that DHCP can run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The kernel's number for it.
    pub index: IfIndex,
    /// Its name now.
    pub name: InterfaceName,
    /// Its address now.
    pub hardware: HardwareAddr,
    /// In bytes.
    pub mtu: u32,
    /// Whether it is set up.
    pub up: bool,
    /// Whether it is up and something is at the other end.
    pub carrier: bool,
}

/// A link of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) index: IfIndex,
    /// Its Ethernet address, if it has one.
    pub(super) hardware: Option<HardwareAddr>,
    /// `None` when DHCP has no business there: no Ethernet address, loopback, or part of a bridge or bond.
    pub(super) usable: Option<Link>,
}

/// Reads an `RTM_NEWLINK` or `RTM_DELLINK`; `None` when it is not about a link.
pub(super) fn parse(payload: &[u8]) -> Option<Seen> {
    // struct ifinfomsg: family, padding, type, index, flags, change mask. Bridges report their ports once more as family
    // AF_BRIDGE, and a "deleted" there is only a port that left.
    let (head, attributes) = payload.split_at_checked(16)?;
    let number = |at| head.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
    let family = *head.first()?;
    let kind = u16::from_ne_bytes(*head.get(2..)?.first_chunk()?);
    let index = IfIndex::new(number(4)?)?;
    let flags = number(8)?;
    if family != AF_UNSPEC {
        return None;
    }

    let (mut name, mut hardware, mut mtu, mut enslaved, mut dormant) = (None, None, 0, false, false);
    for attribute in NlasIterator::new(attributes).map_while(Result::ok) {
        let value = attribute.value();
        match attribute.kind() {
            IFLA_IFNAME => {
                let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
                name = core::str::from_utf8(text).ok().and_then(InterfaceName::new);
            }
            IFLA_ADDRESS => hardware = <[u8; 6]>::try_from(value).ok().map(HardwareAddr),
            IFLA_MTU => mtu = value.first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes)),
            IFLA_MASTER => enslaved = value.iter().any(|byte| *byte != 0),
            IFLA_OPERSTATE => dormant = value.first() == Some(&IF_OPER_DORMANT),
            _ => {}
        }
    }

    let ethernet = kind == ARPHRD_ETHER && flags & IFF_LOOPBACK == 0 && !enslaved;
    let up = flags & IFF_UP != 0;
    let carrier = up && flags & IFF_LOWER_UP != 0 && !dormant;
    let usable = match (name, hardware) {
        (Some(name), Some(hardware)) if ethernet => Some(Link { index, name, hardware, mtu, up, carrier }),
        _ => None,
    };
    Some(Seen { index, hardware, usable })
}

const AF_UNSPEC: u8 = 0;

// linux/if_arp.h, linux/if.h
const ARPHRD_ETHER: u16 = 1;
const IFF_UP: u32 = 1;
const IFF_LOOPBACK: u32 = 1 << 3;
/// The driver reports a carrier. `IFF_RUNNING` says the same a little later.
const IFF_LOWER_UP: u32 = 1 << 16;
/// Waiting for something like 802.1X (RFC 2863 section 3.1.12).
const IF_OPER_DORMANT: u8 = 5;

// linux/if_link.h
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_MASTER: u16 = 10;
const IFLA_OPERSTATE: u16 = 16;

#[cfg(test)]
mod tests {
    use netlink_packet_core::{DefaultNla, Emitable};

    use super::*;

    struct Message {
        family: u8,
        kind: u16,
        flags: u32,
        attributes: Vec<(u16, Vec<u8>)>,
    }

    fn ethernet() -> Message {
        let attributes = vec![
            (IFLA_IFNAME, b"eth0\0".to_vec()),
            (IFLA_MTU, 1500_u32.to_ne_bytes().to_vec()),
            (IFLA_OPERSTATE, vec![6]),
            (IFLA_ADDRESS, vec![2, 0, 0, 0, 0, 7]),
        ];
        Message { family: 0, kind: 1, flags: IFF_UP | IFF_LOWER_UP, attributes }
    }

    fn bytes(message: &Message) -> Vec<u8> {
        let mut bytes = vec![message.family, 0];
        bytes.extend(message.kind.to_ne_bytes());
        bytes.extend(7_u32.to_ne_bytes());
        bytes.extend(message.flags.to_ne_bytes());
        bytes.extend([0; 4]);
        for (kind, value) in &message.attributes {
            let nla = DefaultNla::new(*kind, value.clone());
            let start = bytes.len();
            bytes.resize(start + nla.buffer_len(), 0);
            nla.emit(&mut bytes[start..]);
        }
        bytes
    }

    fn usable(message: &Message) -> Option<Link> {
        parse(&bytes(message)).and_then(|seen| seen.usable)
    }

    #[test]
    fn an_ethernet_link_is_read() {
        let link = usable(&ethernet()).unwrap();
        assert_eq!((link.index.get(), link.name.as_str(), link.mtu), (7, "eth0", 1500));
        assert_eq!(link.hardware, HardwareAddr([2, 0, 0, 0, 0, 7]));
        assert!(link.up && link.carrier);
    }

    #[test]
    fn only_ethernet_links_on_their_own_are_usable() {
        let with = |kind: u16, value: &[u8]| {
            let mut message = ethernet();
            message.attributes.retain(|(own, _)| *own != kind);
            message.attributes.push((kind, value.to_vec()));
            message
        };
        for (what, message, want) in [
            ("as it is", ethernet(), true),
            ("loopback", Message { kind: 772, flags: IFF_UP | IFF_LOOPBACK, ..ethernet() }, false),
            ("tunnel", Message { kind: 776, ..ethernet() }, false),
            ("port of a bridge", with(IFLA_MASTER, &9_u32.to_ne_bytes()), false),
            ("left the bridge", with(IFLA_MASTER, &0_u32.to_ne_bytes()), true),
            ("long address", with(IFLA_ADDRESS, &[0; 20]), false),
            ("no address", with(IFLA_ADDRESS, &[]), false),
            ("name with an escape", with(IFLA_IFNAME, b"eth\x1b\0"), false),
            ("the bridge's view of a port", Message { family: 7, ..ethernet() }, false),
            ("an attribute of tomorrow", with(9999, &[1, 2, 3]), true),
        ] {
            assert_eq!(usable(&message).is_some(), want, "{what}");
        }
    }

    #[test]
    fn a_carrier_needs_the_link_up_and_authorised() {
        let dormant = vec![(IFLA_OPERSTATE, vec![IF_OPER_DORMANT])];
        for (what, flags, extra, want) in [
            ("up, cable in", IFF_UP | IFF_LOWER_UP, vec![], true),
            ("up, cable out", IFF_UP, vec![], false),
            ("down, cable in", IFF_LOWER_UP, vec![], false),
            ("before 802.1X", IFF_UP | IFF_LOWER_UP, dormant, false),
        ] {
            let mut message = Message { flags, ..ethernet() };
            message.attributes.extend(extra);
            assert_eq!(usable(&message).unwrap().carrier, want, "{what}");
        }
    }

    #[test]
    fn truncated_messages_are_no_links() {
        let whole = bytes(&ethernet());
        for length in 0..16 {
            assert_eq!(parse(&whole[..length]), None, "{length} bytes");
        }
        // The last attribute is the address, and two bytes of padding follow it.
        for length in 16..whole.len() - 2 {
            let seen = parse(&whole[..length]).unwrap();
            assert!(seen.usable.is_none(), "{length} bytes");
        }
    }
}
