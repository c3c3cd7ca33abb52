//! Sends what the worker asked for: the half of DHCP that the worker cannot do itself.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use orlop_dhcp_contract::{Arp, HardwareAddr, IfIndex, Transmission, UnicastAddr};
use orlop_sandbox::datagram::{Guarded, open_guarded};
use orlop_sandbox::packet::{Ethertype, Transmitter};
use orlop_wire::InterfaceName;

use crate::encode::{self, Destination, Speaker, arp};

/// Sends DHCP messages and ARP packets, and hears nothing.
#[derive(Debug)]
pub struct Transmit(Transmitter);

impl Transmit {
    /// One sender for all links.
    ///
    /// # Errors
    /// Without CAP_NET_RAW.
    pub fn open() -> io::Result<Self> {
        Transmitter::open().map(Self)
    }

    /// Sends one message. `interface` is the name of the transmission's link now.
    ///
    /// # Errors
    /// What the kernel says. Nothing needs to be undone: for the protocol it is a lost packet.
    pub fn send(
        &self,
        interface: &InterfaceName,
        speaker: &Speaker,
        transmission: &Transmission,
    ) -> Result<(), TransmitError> {
        let link = transmission.link;
        let message = encode::message(speaker, transmission);
        match Destination::of(&transmission.ask) {
            Destination::Broadcast { source } => {
                let packet = encode::datagram(source, &message);
                self.0.send_to(link.get(), &ETHERNET_BROADCAST, Ethertype::Ipv4, &packet)
            }
            // From a socket of its own, at our address: left to itself the kernel takes any other of the same network.
            Destination::Unicast { source, server } => {
                open_guarded(interface.as_str(), SocketAddrV4::new(source.get(), CLIENT_PORT))
                    .and_then(|socket| socket.send_to(SocketAddrV4::new(server.get(), SERVER_PORT), &message))
            }
        }
        .map_err(|cause| TransmitError { link, cause })
    }

    /// Sends one ARP packet about `addr` to everybody on `link`, whose hardware address is `hardware`.
    ///
    /// # Errors
    /// As [`Transmit::send`].
    pub fn send_arp(
        &self,
        link: IfIndex,
        kind: Arp,
        hardware: HardwareAddr,
        addr: UnicastAddr,
    ) -> Result<(), TransmitError> {
        let packet = arp::packet(kind, hardware, addr);
        let sent = self.0.send_to(link.get(), &ETHERNET_BROADCAST, Ethertype::Arp, &packet);
        sent.map_err(|cause| TransmitError { link, cause })
    }
}

/// UDP port 68 of one link, held for as long as we speak DHCP there, so that the kernel does not answer replies with
/// "port unreachable". It hears nothing either.
#[derive(Debug)]
pub struct Port {
    _held: Guarded,
}

impl Port {
    /// Takes the port.
    ///
    /// # Errors
    /// Another DHCP client holds it, the interface is gone, or CAP_NET_BIND_SERVICE or CAP_NET_RAW is missing.
    pub fn open(interface: &InterfaceName) -> io::Result<Self> {
        let everywhere = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, CLIENT_PORT);
        open_guarded(interface.as_str(), everywhere).map(|held| Self { _held: held })
    }
}

/// A message was not sent.
#[derive(Debug, thiserror::Error)]
#[error("cannot send on interface {link}")]
pub struct TransmitError {
    /// On which link.
    pub link: IfIndex,
    /// What the kernel said.
    #[source]
    pub cause: io::Error,
}

const ETHERNET_BROADCAST: [u8; 6] = [0xff; 6];
const CLIENT_PORT: u16 = 68;
const SERVER_PORT: u16 = 67;

#[cfg(test)]
mod tests;
