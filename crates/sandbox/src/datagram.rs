//! UDP sockets: those that workers are granted, and one that is written but never read.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvFlags, SendFlags, SocketFlags, SocketType, ipproto, recvmsg, sockopt,
};
use socket2::{SockFilter, SockRef};
use tokio::io::Interest;

use crate::sys::{self, Watched};

/// A UDP socket that a broker granted. A connected one hears one peer, and its worker may speak to that peer if the profile
/// lets it; one that listens at a port hears everybody, and its worker asks its broker to answer, because the address of an
/// answer cannot be pinned.
#[derive(Debug)]
pub struct Datagram(Watched);

impl Datagram {
    /// Takes a granted socket. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the loop cannot watch it.
    pub fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        Ok(Self(Watched::new(fd, Interest::READABLE | Interest::WRITABLE)?))
    }

    /// Takes a connected socket through which a question was sent, to hear its answer with [`Datagram::poll_answer`]. Must be called
    /// inside a tokio runtime.
    ///
    /// # Errors
    /// When the loop cannot watch it.
    pub fn asked(fd: OwnedFd) -> io::Result<Self> {
        Ok(Self(Watched::new(fd, Interest::READABLE | Interest::ERROR)?))
    }

    /// Waits for the next datagram and returns its length; one that does not fit is cut off.
    ///
    /// # Errors
    /// What the kernel reports, such as that the peer is unreachable; the socket stays usable.
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.recv_from(buffer).await?.0)
    }

    /// As [`Datagram::recv`], and says who has sent it, for a socket that listens. `None` where the kernel names nobody by an
    /// IPv4 address.
    ///
    /// # Errors
    /// As [`Datagram::recv`].
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, Option<SocketAddrV4>)> {
        self.0.read(|socket| receive(socket, buffer)).await
    }

    /// As [`Datagram::recv`], for a loop that waits for several sockets at once: how long the datagram is, also where it does
    /// not fit, and when the kernel got it, on the wall clock. `None` where the socket was not opened by [`open_connected`].
    ///
    /// # Errors
    /// As [`Datagram::recv`].
    pub fn poll_recv_stamped(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Stamped>> {
        self.0.poll_read(context, |socket| {
            let (len, time) = sys::recv_stamped(socket, buffer)?;
            let time = time.map(|(seconds, nanos)| i128::from(seconds) * 1_000_000_000 + i128::from(nanos));
            Ok(Stamped { len, nanos: time.and_then(|time| i64::try_from(time).ok()) })
        })
    }

    /// What comes through a socket that was [`Datagram::asked`], or that the kernel says that the peer is not there, for a loop that
    /// waits for several sockets at once: how long the datagram is, also where it does not fit.
    ///
    /// # Errors
    /// As [`Datagram::recv`].
    pub fn poll_answer(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read_or_error(context, |socket| waiting(socket, buffer))
    }

    /// Sends one datagram to the peer, or says that there is no room for it now.
    ///
    /// # Errors
    /// What the kernel reports; the socket stays usable.
    pub fn try_send(&self, datagram: &[u8]) -> io::Result<()> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        Ok(rustix::net::send(&self.0, datagram, flags).map(|_whole| ())?)
    }

    /// Sends one datagram to the peer.
    ///
    /// # Errors
    /// What the kernel reports; the socket stays usable.
    pub async fn send(&self, datagram: &[u8]) -> io::Result<()> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        self.0.write(|socket| Ok(rustix::net::send(socket, datagram, flags).map(|_whole| ())?)).await
    }
}

/// What lies in a connected socket now, and how long it is, also where it does not fit.
///
/// # Errors
/// `WouldBlock` where there is nothing; what the kernel reports, such as that the peer is unreachable.
pub fn waiting(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let mut none = RecvAncillaryBuffer::default();
    let flags = RecvFlags::DONTWAIT | RecvFlags::TRUNC;
    Ok(recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut none, flags)?.bytes)
}

/// Sends one datagram to the peer of a connected socket that no loop watches yet.
///
/// # Errors
/// What the kernel reports.
pub fn send(socket: BorrowedFd<'_>, datagram: &[u8]) -> io::Result<()> {
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    Ok(rustix::net::send(socket, datagram, flags).map(|_whole| ())?)
}

/// What has come through a socket that knows when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamped {
    /// Bytes of the datagram; more than there are in the buffer, if it did not fit.
    pub len: usize,
    /// When the kernel got it: nanoseconds since 1970 on the wall clock, as it stood then.
    pub nanos: Option<i64>,
}

/// Opens a UDP socket from a port of the kernel's choice that is connected to `peer`: it hears nobody else, and knows when.
///
/// # Errors
/// When no route leads to `peer`, or there is no descriptor left.
pub fn open_connected(peer: SocketAddr) -> io::Result<OwnedFd> {
    let socket = open(peer)?;
    sys::request_times(socket.as_fd())?;
    rustix::net::connect(&socket, &peer)?;
    Ok(socket)
}

/// As [`open_connected`], where nobody asks when something came. Through `device` and no other, where one is named, whatever the
/// routes say: a kernel from Linux 5.7 on lets a process do so that has no capability.
///
/// # Errors
/// As [`open_connected`]; there is no such device.
pub fn open_timeless(peer: SocketAddr, device: Option<&str>) -> io::Result<OwnedFd> {
    let socket = open(peer)?;
    if let Some(device) = device {
        SockRef::from(&socket).bind_device(Some(device.as_bytes()))?;
    }
    rustix::net::connect(&socket, &peer)?;
    Ok(socket)
}

fn open(peer: SocketAddr) -> io::Result<OwnedFd> {
    let family = if peer.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(rustix::net::socket_with(family, SocketType::DGRAM, flags, Some(ipproto::UDP))?)
}

/// With the call that every worker is allowed for its channel, so that a profile needs no rule for its sockets.
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, Option<SocketAddrV4>)> {
    let mut none = RecvAncillaryBuffer::default();
    let received = recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut none, RecvFlags::DONTWAIT)?;
    let from = received.address.and_then(|from| SocketAddrV4::try_from(from).ok());
    Ok((received.bytes, from))
}

/// A UDP socket that holds a port of one interface and sends from it, and never hears anything.
///
/// Without a holder of the port the kernel answers what arrives there with "port unreachable".
#[derive(Debug)]
pub struct Guarded(OwnedFd);

/// Opens a [`Guarded`] socket on `interface`, at `local`: an address of this host, or any of them with 0.0.0.0.
///
/// The filter that drops everything is attached and locked before the port is bound.
///
/// # Errors
/// Without CAP_NET_BIND_SERVICE and CAP_NET_RAW, when the interface or the address is gone, or when another process
/// holds the port.
pub fn open_guarded(interface: &str, local: SocketAddrV4) -> io::Result<Guarded> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, flags, Some(ipproto::UDP))?;
    let fd = socket.as_fd();
    sys::attach_filter(fd, &DROP_ALL)?;
    sys::lock_filter(fd)?;
    SockRef::from(&fd).bind_device(Some(interface.as_bytes()))?;
    // Several interfaces hold the same port, each on its own device, and one interface holds it at several addresses.
    sockopt::set_socket_reuseaddr(fd, true)?;
    rustix::net::bind(fd, &local)?;
    Ok(Guarded(socket))
}

/// `BPF_RET | BPF_K` of zero bytes: accept nothing.
const DROP_ALL: [SockFilter; 1] = [SockFilter::new(0x06, 0, 0, 0)];

impl Guarded {
    /// Sends one datagram from the port.
    ///
    /// # Errors
    /// When there is no route to `to` through the interface, or its queue is full.
    pub fn send_to(&self, to: SocketAddrV4, datagram: &[u8]) -> io::Result<()> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        rustix::net::sendto(&self.0, datagram, flags, &to)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
