//! From the IP header, where a SOCK_DGRAM packet socket begins, to the DHCP message inside.

use core::net::Ipv4Addr;

use orlop_dhcp_contract::Discard;
use smoltcp::phy::{Checksum, ChecksumCapabilities};
use smoltcp::wire::{IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr};

/// Longest IP packet that is looked at: the largest Ethernet payload there is (jumbo frames). Relayed and split
/// options make long replies, but no server can send more than the link carries, and fragments are not ours.
pub const MAX_PACKET: usize = 9216;

/// The port of a DHCP client (RFC 2131 section 4.1).
const CLIENT_PORT: u16 = 68;

/// The low twelve bits of a VLAN tag; the rest is priority.
const VLAN_ID: u16 = 0x0fff;

/// What the kernel said beside a packet (`PACKET_AUXDATA` and the flags of `recvmsg`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketInfo {
    /// Whether the UDP checksum is on the wire yet. A local sender leaves it to hardware that is not there
    /// (`TP_STATUS_CSUMNOTREADY`): veth, virtio.
    pub checksum_ready: bool,
    /// The VLAN tag (TCI) that was stripped, if any. An identifier of 0 only carries a priority.
    pub vlan: Option<u16>,
    /// Whether the packet fitted the receive buffer.
    pub whole: bool,
}

impl PacketInfo {
    /// A packet about which there is nothing to say.
    pub const PLAIN: Self = Self { checksum_ready: true, vlan: None, whole: true };
}

/// A UDP payload for port 68.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Source address of the IP header. The server, a relay, or a lie.
    pub source: Ipv4Addr,
    /// What should be a DHCP message.
    pub payload: &'a [u8],
}

/// Whether a packet belongs to a VLAN of which this interface is only the parent.
pub(crate) fn is_foreign(info: PacketInfo) -> bool {
    info.vlan.is_some_and(|tag| tag & VLAN_ID != 0)
}

/// Finds the DHCP message in an IP packet. The source port is not checked: RFC 2131 does not fix it, and some
/// relays answer from another.
///
/// # Errors
/// Why the packet is dropped, cheapest reason first.
pub fn parse(packet: &[u8], info: PacketInfo) -> Result<Datagram<'_>, Discard> {
    if !info.whole || packet.len() > MAX_PACKET {
        return Err(Discard::Oversize);
    }
    if is_foreign(info) {
        return Err(Discard::WrongVlan);
    }
    let checksums = checksums(info);
    // Trailing bytes beyond the total length are Ethernet padding; `payload` leaves them out.
    let ip = Ipv4Packet::new_checked(packet).map_err(|_| Discard::BadIpHeader)?;
    let header = Ipv4Repr::parse(&ip, &checksums).map_err(|_| Discard::BadIpHeader)?;
    if header.next_header != IpProtocol::Udp {
        return Err(Discard::BadUdp);
    }
    let udp = UdpPacket::new_checked(ip.payload()).map_err(|_| Discard::BadUdp)?;
    if udp.dst_port() != CLIENT_PORT {
        return Err(Discard::WrongPort);
    }
    let (source, destination) = (IpAddress::Ipv4(header.src_addr), IpAddress::Ipv4(header.dst_addr));
    UdpRepr::parse(&udp, &source, &destination, &checksums).map_err(|_| Discard::BadUdp)?;
    Ok(Datagram { source: header.src_addr, payload: udp.payload() })
}

/// The IP header checksum is always there. The UDP one is a promise when the kernel says that it is not ready.
fn checksums(info: PacketInfo) -> ChecksumCapabilities {
    let mut checksums = ChecksumCapabilities::default();
    checksums.ipv4 = Checksum::Both;
    checksums.udp = if info.checksum_ready { Checksum::Both } else { Checksum::None };
    checksums
}
