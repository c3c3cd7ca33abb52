//! Whether this machine has a network, and under which addresses: servers are asked anew when they change.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;

use netlink_packet_core::{
    DecodeError, Emitable as _, NLM_F_DUMP, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, NetlinkSerializable, Parseable as _,
};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{AsyncSocket, SocketAddr, TokioSocket};
use rustix::io::Errno;

/// The addresses of this machine, as they come and go: one rtnetlink socket, read in order.
pub struct Network {
    socket: TokioSocket,
    buffer: Vec<u8>,
    addresses: Addresses,
}

/// `RTMGRP_IPV4_IFADDR` and `RTMGRP_IPV6_IFADDR` of `linux/rtnetlink.h`.
const ADDRESS_GROUPS: u32 = 0x10 | 0x100;
/// Room for what the kernel puts into one datagram of a list.
const RECEIVE_BUFFER: usize = 32 * 1024;

impl Network {
    /// Opens the socket and asks for the list. To be done before the sandbox narrows, inside a tokio runtime.
    ///
    /// # Errors
    /// When the kernel has no rtnetlink socket to give.
    pub fn open() -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        socket.socket_mut().bind(&SocketAddr::new(0, ADDRESS_GROUPS))?;
        socket.socket_mut().connect(&SocketAddr::new(0, 0))?;
        let network = Self { socket, buffer: Vec::with_capacity(RECEIVE_BUFFER), addresses: Addresses::default() };
        network.ask()?;
        Ok(network)
    }

    /// Waits until the addresses are known, or others than before, and says whether a server can be reached from any.
    /// Nothing is lost when the returned future is dropped.
    ///
    /// # Errors
    /// The kernel refuses. There is no sense in calling again.
    pub async fn changed(&mut self) -> io::Result<bool> {
        loop {
            let Self { socket, buffer, addresses } = self;
            buffer.clear();
            match poll_fn(|context| socket.poll_recv_from(context, buffer)).await {
                Ok(_kernel) => {
                    if addresses.hear(buffer) {
                        return Ok(addresses.any());
                    }
                }
                // Changes were lost: the list is read again.
                Err(error) if Errno::from_io_error(&error) == Some(Errno::NOBUFS) => {
                    *addresses = Addresses { known: addresses.known.clone(), ..Addresses::default() };
                    self.ask()?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn ask(&self) -> io::Result<()> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        let list = About { kind: RTM_GETADDR, address: AddressMessage::default() };
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(list));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.socket_ref().send(&bytes, 0).map(|_whole| ())
    }
}

/// What is asked or said about an address. The library has a type for all messages of rtnetlink, whose readers and writers would
/// be a third of this program.
#[derive(Debug)]
struct About {
    kind: u16,
    address: AddressMessage,
}

// linux/rtnetlink.h
const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_GETADDR: u16 = 22;

impl NetlinkDeserializable for About {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self { kind: header.message_type, address: AddressMessage::parse(payload)? })
    }
}

impl NetlinkSerializable for About {
    fn message_type(&self) -> u16 {
        self.kind
    }

    fn buffer_len(&self) -> usize {
        self.address.buffer_len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        self.address.emit(buffer);
    }
}

/// Addresses from which a server can be reached, each with its interface.
#[derive(Debug, Default)]
struct Addresses {
    /// What was told last.
    known: Option<BTreeSet<(u32, IpAddr)>>,
    /// What is there now, as far as the kernel has said it.
    now: BTreeSet<(u32, IpAddr)>,
    /// Whether the list has been read to its end.
    listed: bool,
}

impl Addresses {
    /// Takes one datagram of the kernel's. Whether there is news.
    fn hear(&mut self, mut bytes: &[u8]) -> bool {
        while let Ok(message) = NetlinkMessage::<About>::deserialize(bytes) {
            if let NetlinkPayload::InnerMessage(About { kind, address }) = &message.payload {
                match (*kind, usable(address)) {
                    (RTM_NEWADDR, Some(address)) => drop(self.now.insert(address)),
                    (RTM_DELADDR, Some(address)) => drop(self.now.remove(&address)),
                    _ => {}
                }
            } else if matches!(message.payload, NetlinkPayload::Done(_)) {
                self.listed = true;
            }
            // Messages begin at multiples of four bytes (RFC 3549).
            let length = usize::try_from(message.header.length).unwrap_or(usize::MAX).next_multiple_of(4);
            bytes = bytes.get(length..).unwrap_or_default();
        }
        let news = self.listed && self.known.as_ref() != Some(&self.now);
        if news {
            self.known = Some(self.now.clone());
        }
        news
    }

    fn any(&self) -> bool {
        !self.now.is_empty()
    }
}

/// The address, if it leads further than the link, and is not still being tried out (RFC 4862).
fn usable(message: &AddressMessage) -> Option<(u32, IpAddr)> {
    let tentative = message.header.flags.bits() & TENTATIVE != 0
        || message.attributes.iter().any(
            |attribute| matches!(attribute, AddressAttribute::Flags(flags) if flags.contains(AddressFlags::Tentative)),
        );
    let address = message.attributes.iter().find_map(|attribute| {
        if let AddressAttribute::Local(address) | AddressAttribute::Address(address) = attribute {
            Some(*address)
        } else {
            None
        }
    })?;
    (message.header.scope == AddressScope::Universe && !tentative && !address.is_loopback())
        .then_some((message.header.index, address))
}

/// `IFA_F_TENTATIVE` of `linux/if_addr.h`.
const TENTATIVE: u8 = 0x40;

#[cfg(test)]
mod tests {
    use super::*;

    fn message(new: bool, index: u32, address: &str, scope: AddressScope) -> Vec<u8> {
        let mut inner = AddressMessage::default();
        (inner.header.index, inner.header.scope) = (index, scope);
        inner.header.family = netlink_packet_route::AddressFamily::Inet;
        inner.attributes.push(AddressAttribute::Local(address.parse().unwrap()));
        let about = About { kind: if new { RTM_NEWADDR } else { RTM_DELADDR }, address: inner };
        bytes(NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::InnerMessage(about)))
    }

    fn bytes(mut message: NetlinkMessage<About>) -> Vec<u8> {
        message.finalize();
        let mut bytes = vec![0; message.buffer_len().next_multiple_of(4)];
        message.serialize(&mut bytes);
        bytes
    }

    fn done() -> Vec<u8> {
        bytes(NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::Done(Default::default())))
    }

    #[test]
    fn news_is_another_set_of_addresses_once_the_list_is_read() {
        let mut addresses = Addresses::default();
        let lo = message(true, 1, "127.0.0.1", AddressScope::Host);
        let one = message(true, 2, "192.0.2.1", AddressScope::Universe);
        let gone = message(false, 2, "192.0.2.1", AddressScope::Universe);
        for (what, datagram, news, any) in [
            ("two of the list", [lo.clone(), one.clone()].concat(), false, true),
            ("its end", done(), true, true),
            ("the same address again, with another lifetime", one.clone(), false, true),
            ("the loopback", lo, false, true),
            ("on the link alone", message(true, 2, "169.254.1.1", AddressScope::Link), false, true),
            ("half a message", one[..20].to_vec(), false, true),
            ("it goes", gone, true, false),
            ("another comes", message(true, 3, "192.0.2.9", AddressScope::Universe), true, true),
        ] {
            assert_eq!((addresses.hear(&datagram), addresses.any()), (news, any), "{what}");
        }
    }

    #[test]
    fn a_machine_without_a_network_is_news_too() {
        let mut addresses = Addresses::default();
        assert!(addresses.hear(&done()));
        assert!(!addresses.any());
    }
}
