//! An ARP packet (RFC 826), from the header on that follows the link's own.

use core::net::Ipv4Addr;

use orlop_dhcp_contract::{Discard, HardwareAddr};
use smoltcp::wire::{ArpOperation, ArpPacket, ArpRepr};

use crate::frame::{PacketInfo, is_foreign};

/// What a host on the link says or asks about an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// Its hardware address, as it says.
    pub hardware: HardwareAddr,
    /// Its own address, as it says; 0.0.0.0 while it has none, as in a probe.
    pub sender: Ipv4Addr,
    /// The address that it asks for, or that of the host it answers.
    pub target: Ipv4Addr,
    /// Whether it asks.
    pub is_request: bool,
}

/// Reads a packet.
///
/// # Errors
/// [`Discard::Oversize`] and [`Discard::WrongVlan`] as for any frame, [`Discard::BadArp`] when it is not a whole request or reply
/// for Ethernet and IPv4.
pub fn parse(packet: &[u8], info: PacketInfo) -> Result<Arp, Discard> {
    if !info.whole {
        return Err(Discard::Oversize);
    }
    if is_foreign(info) {
        return Err(Discard::WrongVlan);
    }
    let packet = ArpPacket::new_checked(packet).map_err(|_| Discard::BadArp)?;
    let ArpRepr::EthernetIpv4 {
        operation,
        source_hardware_addr,
        source_protocol_addr,
        target_hardware_addr: _,
        target_protocol_addr,
    } = ArpRepr::parse(&packet).map_err(|_| Discard::BadArp)?
    else {
        return Err(Discard::BadArp);
    };
    let is_request = match operation {
        ArpOperation::Request => true,
        ArpOperation::Reply => false,
        ArpOperation::Unknown(_) => return Err(Discard::BadArp),
    };
    Ok(Arp {
        hardware: HardwareAddr(source_hardware_addr.0),
        sender: source_protocol_addr,
        target: target_protocol_addr,
        is_request,
    })
}
