//! Packet sockets that can hear but not speak, and one that can speak but not hear.
//!
//! Linux cannot filter what a packet socket sends. So the worker gets a listener that its system call filter
//! leaves no way to send on, and the broker has a transmitter that hears nothing.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll};

use rustix::net::{AddressFamily, SocketFlags, SocketType};
pub use socket2::SockFilter;
use tokio::io::Interest;

use crate::sys::{self, AuxiliaryData, Watched};

/// What kind of packet a socket hears or sends: the type in an Ethernet header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ethertype {
    /// RFC 894.
    Ipv4,
    /// RFC 826.
    Arp,
}

/// Opens a listener for packets of one kind on interface `ifindex` that pass `filter`, a classic BPF program whose
/// offsets count from the header behind the link's own.
///
/// The filter is attached and locked before the socket is bound, and an unbound socket of protocol 0 hears
/// nothing: so no packet that the filter does not accept is ever queued, and nobody can take the filter off.
///
/// # Errors
/// Without CAP_NET_RAW, when the interface is gone, or when the filter is not a valid program.
pub fn open_listener(ifindex: u32, kind: Ethertype, filter: &[SockFilter]) -> io::Result<OwnedFd> {
    let socket = open()?;
    let fd = socket.as_fd();
    sys::request_auxiliary_data(fd)?;
    sys::attach_filter(fd, filter)?;
    sys::lock_filter(fd)?;
    sys::bind_packet(fd, ifindex, kind.number())?;
    Ok(socket)
}

impl Ethertype {
    const fn number(self) -> u16 {
        match self {
            Self::Ipv4 => 0x0800,
            Self::Arp => 0x0806,
        }
    }
}

/// `SOCK_DGRAM`: the kernel takes the link header off and writes it, so this works on any kind of link.
fn open() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(rustix::net::socket_with(AddressFamily::PACKET, SocketType::DGRAM, flags, None)?)
}

/// A worker's side of a listener.
#[derive(Debug)]
pub struct PacketSocket(Watched);

/// One packet that has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Bytes of it that are in the buffer.
    pub len: usize,
    /// Whether it was longer than the buffer.
    pub truncated: bool,
    /// Whether its checksums are filled in. They are not yet on a packet that never left this machine.
    pub checksum_ready: bool,
    /// The VLAN it is tagged with (802.1Q), from 0 to 4095.
    pub vlan: Option<u16>,
}

impl PacketSocket {
    /// Takes a granted listener. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the loop cannot watch it.
    pub fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        Ok(Self(Watched::new(fd, Interest::READABLE)?))
    }

    /// Waits for the next packet.
    ///
    /// # Errors
    /// `NetworkDown` when the interface went down, and whatever else the kernel reports; the socket stays usable.
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<Received> {
        self.0.read(|socket| receive(socket, buffer)).await
    }

    /// As [`PacketSocket::recv`], for a loop that waits for several sockets at once.
    ///
    /// # Errors
    /// As [`PacketSocket::recv`].
    pub fn poll_recv(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Received>> {
        self.0.poll_read(context, |socket| receive(socket, buffer))
    }
}

fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Received> {
    let room = buffer.len();
    let (len, auxiliary) = sys::recv_packet(socket, buffer)?;
    let status = auxiliary.map_or(0, |AuxiliaryData { status, .. }| status);
    Ok(Received {
        len: len.min(room),
        truncated: len > room,
        checksum_ready: status & libc::TP_STATUS_CSUMNOTREADY == 0,
        vlan: auxiliary
            .filter(|_| status & libc::TP_STATUS_VLAN_VALID != 0)
            .map(|AuxiliaryData { vlan_tci, .. }| vlan_tci & VLAN_ID),
    })
}

/// The VLAN identifier within a tag (802.1Q): the low 12 bits, below priority and drop eligibility.
const VLAN_ID: u16 = 0x0fff;

/// A broker's side: sends packets on any interface and hears none.
#[derive(Debug)]
pub struct Transmitter(OwnedFd);

impl Transmitter {
    /// A socket of protocol 0, which is never bound.
    ///
    /// # Errors
    /// Without CAP_NET_RAW.
    pub fn open() -> io::Result<Self> {
        open().map(Self)
    }

    /// Sends one packet from interface `ifindex` to the link-layer address `to`.
    ///
    /// # Errors
    /// When the interface is gone or down (`ENXIO`, `ENETDOWN`), or its queue is full (`ENOBUFS`, `WouldBlock`).
    pub fn send_to(&self, ifindex: u32, to: &[u8], kind: Ethertype, packet: &[u8]) -> io::Result<()> {
        sys::send_packet(self.0.as_fd(), ifindex, to, kind.number(), packet)
    }
}

#[cfg(test)]
mod tests;
