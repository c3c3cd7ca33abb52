//! TCP sockets that brokers connect and workers use.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, ipproto};
use socket2::SockRef;
use tokio::io::Interest;

use crate::datagram;
use crate::sys::Watched;

/// A TCP socket that a broker granted: connected to one peer, or about to be.
///
/// It is heard and spoken to with the calls that a worker is allowed for its channel. Its profile is one that pins the flags
/// of `sendto` as well as the address, such as [`SPEAKING_WORKER`](crate::base::SPEAKING_WORKER): `MSG_FASTOPEN` connects anew.
#[derive(Debug)]
pub struct Connection(Watched);

impl Connection {
    /// Takes a granted socket. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the loop cannot watch it.
    pub fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        Ok(Self(Watched::new(fd, Interest::READABLE | Interest::WRITABLE)?))
    }

    /// Waits until something has come and returns its length; 0 when the peer has ended the conversation.
    ///
    /// # Errors
    /// What the kernel reports, such as that the peer has refused the connection, or does not answer.
    pub fn poll_recv(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(context, |socket| Ok(datagram::receive(socket, buffer)?.0))
    }

    /// Waits until there is room, which there is not before the peer has accepted the connection, and returns how much was sent.
    ///
    /// # Errors
    /// As [`Connection::poll_recv`].
    pub fn poll_send(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        self.0.poll_write(context, |socket| Ok(rustix::net::send(socket, bytes, flags)?))
    }
}

/// Opens a TCP socket from a port of the kernel's choice and begins to connect it to `peer`. Nobody waits for the end of that:
/// whoever uses the socket is told how it went.
///
/// # Errors
/// When no route leads to `peer`, or there is no descriptor left.
pub fn open_connecting(peer: SocketAddr) -> io::Result<OwnedFd> {
    connecting(open(peer)?, peer)
}

/// As [`open_connecting`], through the device of this name and no other, where one is named.
///
/// # Errors
/// As [`open_connecting`]; there is no such device.
pub fn open_connecting_on(peer: SocketAddr, device: Option<&str>) -> io::Result<OwnedFd> {
    let socket = open(peer)?;
    if let Some(device) = device {
        SockRef::from(&socket).bind_device(Some(device.as_bytes()))?;
    }
    connecting(socket, peer)
}

/// As [`open_connecting`], through `interface` and no other, whatever becomes of the routes; with `low_port` from one of [`LOW_PORTS`], by
/// which others know that root asks and which takes `CAP_NET_BIND_SERVICE`.
///
/// # Errors
/// As [`open_connecting`]; there is no such interface, or all those ports are taken.
pub fn open_connecting_through(interface: NonZeroU32, peer: SocketAddr, low_port: bool) -> io::Result<OwnedFd> {
    let socket = open(peer)?;
    // An option of sockets of both families.
    SockRef::from(&socket).bind_device_by_index_v4(Some(interface))?;
    if low_port {
        let any = if peer.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
        let bind = |port| rustix::net::bind(&socket, &SocketAddr::new(any, port));
        let taken = LOW_PORTS.into_iter().map(bind).find(|bound| *bound != Err(Errno::ADDRINUSE));
        taken.unwrap_or(Err(Errno::ADDRINUSE))?;
    }
    connecting(socket, peer)
}

/// The ports that [`open_connecting_through`] takes for low ones: few of those below 1024, because a broker names each to Landlock.
pub const LOW_PORTS: [u16; 16] =
    [1023, 1022, 1021, 1020, 1019, 1018, 1017, 1016, 1015, 1014, 1013, 1012, 1011, 1010, 1009, 1008];

fn open(peer: SocketAddr) -> io::Result<OwnedFd> {
    let family = if peer.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?)
}

fn connecting(socket: OwnedFd, peer: SocketAddr) -> io::Result<OwnedFd> {
    match rustix::net::connect(&socket, &peer) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener};

    use super::*;

    fn in_a_loop<R>(test: impl Future<Output = R>) -> R {
        tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(test)
    }

    #[test]
    fn a_connection_talks_to_its_peer_until_that_has_enough() {
        let peer = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = open_connecting(peer.local_addr().unwrap()).unwrap();
        in_a_loop(async {
            let connection = Connection::from_fd(socket).unwrap();
            let sent = poll_fn(|context| connection.poll_send(context, b"question")).await.unwrap();
            assert_eq!(sent, 8);
            let mut accepted = peer.accept().unwrap().0;
            let mut buffer = [0; 16];
            accepted.read_exact(&mut buffer[..8]).unwrap();
            assert_eq!(&buffer[..8], b"question");
            accepted.write_all(b"answer").unwrap();
            accepted.shutdown(Shutdown::Write).unwrap();
            let mut heard: Vec<u8> = Vec::new();
            loop {
                let length = poll_fn(|context| connection.poll_recv(context, &mut buffer)).await.unwrap();
                heard.extend(&buffer[..length]);
                if length == 0 {
                    break;
                }
            }
            assert_eq!(heard, b"answer");
        });
    }

    #[test]
    fn a_connection_through_an_interface_stays_there() {
        let peer = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = peer.local_addr().unwrap();
        let loopback = NonZeroU32::new(1).unwrap();
        let socket = open_connecting_through(loopback, address, false).unwrap();
        let _accepted = peer.accept().unwrap();
        assert_eq!(SockRef::from(&socket).device_index_v4().unwrap(), Some(loopback));
        assert!(open_connecting_through(NonZeroU32::MAX, address, false).is_err());
    }

    #[test]
    fn a_low_port_is_one_that_only_root_has() {
        let peer = TcpListener::bind("127.0.0.1:0").unwrap();
        let opened = open_connecting_through(NonZeroU32::MIN, peer.local_addr().unwrap(), true);
        match opened {
            Ok(_socket) => assert!(LOW_PORTS.contains(&peer.accept().unwrap().1.port())),
            Err(refused) => assert_eq!(Errno::from_io_error(&refused), Some(Errno::ACCESS), "as an ordinary user"),
        }
    }

    #[test]
    fn who_refuses_is_told_to_whoever_uses_the_socket() {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let socket = open_connecting(nobody).unwrap();
        in_a_loop(async {
            let connection = Connection::from_fd(socket).unwrap();
            let sent = poll_fn(|context| connection.poll_send(context, b"question")).await;
            assert_eq!(Errno::from_io_error(&sent.unwrap_err()), Some(Errno::CONNREFUSED));
        });
    }

    #[test]
    fn a_peer_that_hangs_up_is_an_error() {
        let peer = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = open_connecting(peer.local_addr().unwrap()).unwrap();
        in_a_loop(async {
            let connection = Connection::from_fd(socket).unwrap();
            let accepted = peer.accept().unwrap().0;
            socket2::SockRef::from(&accepted).set_linger(Some(std::time::Duration::ZERO)).unwrap();
            drop(accepted);
            let heard = poll_fn(|context| connection.poll_recv(context, &mut [0; 16])).await;
            assert_eq!(Errno::from_io_error(&heard.unwrap_err()), Some(Errno::CONNRESET));
        });
    }

    #[test]
    fn a_peer_that_does_not_read_is_waited_for() {
        let peer = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = open_connecting(peer.local_addr().unwrap()).unwrap();
        in_a_loop(async {
            let connection = Connection::from_fd(socket).unwrap();
            let mut accepted = None;
            let mut sent = 0;
            // Until there is no room, without anybody reading.
            let full = poll_fn(|context| {
                loop {
                    match connection.poll_send(context, &[1; 65_536]) {
                        Poll::Ready(more) => sent += more.unwrap(),
                        Poll::Pending if accepted.is_none() => accepted = Some(peer.accept().unwrap().0),
                        Poll::Pending if sent > 0 => return Poll::Ready(sent),
                        Poll::Pending => return Poll::Pending,
                    }
                }
            });
            let full = full.await;
            std::io::copy(&mut accepted.unwrap().take(full.try_into().unwrap()), &mut std::io::sink()).unwrap();
            assert!(poll_fn(|context| connection.poll_send(context, b"more")).await.unwrap() > 0);
        });
    }
}
