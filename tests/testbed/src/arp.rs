//! ARP frames for Ethernet and IPv4, written and read (RFC 826).

use std::net::Ipv4Addr;

use anyhow::Result;

use crate::host::Host;
use crate::packet::{Hears, PacketSocket, Port};

/// An ARP packet in its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// Whom the frame is for.
    pub destination: [u8; 6],
    /// Whether it asks; else it answers.
    pub request: bool,
    /// The sender's hardware address, in the frame and in the packet.
    pub sender_mac: [u8; 6],
    /// The sender's address.
    pub sender: Ipv4Addr,
    /// The target's address.
    pub target: Ipv4Addr,
}

/// Everybody on the link.
pub const EVERYBODY: [u8; 6] = [0xff; 6];

impl Arp {
    /// A host asks who has `target`, and has no address itself (RFC 5227 section 1.1).
    #[must_use]
    pub const fn probe(sender_mac: [u8; 6], target: Ipv4Addr) -> Self {
        Self { destination: EVERYBODY, request: true, sender_mac, sender: Ipv4Addr::UNSPECIFIED, target }
    }

    /// A host says that it has `addr`.
    #[must_use]
    pub const fn announcement(sender_mac: [u8; 6], addr: Ipv4Addr) -> Self {
        Self { destination: EVERYBODY, request: true, sender_mac, sender: addr, target: addr }
    }

    /// As it is on the wire, without padding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let Self { destination, request, sender_mac, sender, target } = self;
        let mut frame = Vec::from(*destination);
        frame.extend(sender_mac);
        frame.extend(ETHERTYPE);
        frame.extend(TYPES);
        frame.extend([0, if *request { 1 } else { 2 }]);
        frame.extend(sender_mac);
        frame.extend(sender.octets());
        frame.extend([0; 6]);
        frame.extend(target.octets());
        frame
    }

    /// Reads a frame; `None` when it is no ARP request or reply.
    #[must_use]
    pub fn decode(frame: &[u8]) -> Option<Self> {
        let destination = *frame.first_chunk()?;
        let packet = frame.get(12..)?.strip_prefix(&ETHERTYPE)?.strip_prefix(&TYPES)?;
        let operation: &[u8; 2] = packet.first_chunk()?;
        let address = |at: usize| packet.get(at..)?.first_chunk::<4>().copied().map(Ipv4Addr::from);
        Some(Self {
            destination,
            request: match operation {
                [0, 1] => true,
                [0, 2] => false,
                _ => return None,
            },
            sender_mac: *packet.get(2..)?.first_chunk()?,
            sender: address(8)?,
            target: address(18)?,
        })
    }

    /// Whether it asks for its target on behalf of nobody.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.request && self.sender.is_unspecified()
    }

    /// Whether it says that its sender has the address.
    #[must_use]
    pub fn is_announcement(&self) -> bool {
        self.request && self.sender == self.target
    }

    /// Sends it out of an interface of `host`.
    ///
    /// # Errors
    /// When the interface or the socket cannot be had, or the kernel does not send it.
    pub fn send(self, host: &Host, interface: &str) -> Result<()> {
        let interface = interface.to_owned();
        host.inside(move || PacketSocket::open(Hears::Nothing)?.send(&Port::named(&interface)?, &self.encode()))
    }
}

const ETHERTYPE: [u8; 2] = [0x08, 0x06];
/// Ethernet, IPv4, and how long their addresses are.
const TYPES: [u8; 6] = [0, 1, 0x08, 0, 6, 4];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let (mac, addr) = ([2, 0, 0, 0, 0, 9], Ipv4Addr::new(192, 0, 2, 9));
        for arp in [Arp::probe(mac, addr), Arp::announcement(mac, addr)] {
            let frame = arp.encode();
            assert_eq!((frame.len(), Arp::decode(&frame)), (42, Some(arp)));
            assert_eq!((arp.is_probe(), arp.is_announcement()), (arp.sender != addr, arp.sender == addr));
            assert_eq!(Arp::decode(&frame[..41]), None, "cut");
            for at in 12..22 {
                let mut other = frame.clone();
                other[at] ^= 0x40;
                assert_eq!(Arp::decode(&other), None, "byte {at}");
            }
        }
    }
}
