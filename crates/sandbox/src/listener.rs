//! Sockets at which programs of this machine ask a worker, and are answered by it.
//!
//! Each is bound to a device, the machine's own: an unconnected UDP socket sends to whatever address it is given, and its worker
//! chooses the address. (Without the device ::1 can leave the machine, and 127/8 under `route_localnet`; tried.) The rules of a
//! [worker that listens](crate::base::LISTENING_WORKER) let only two numbers send to an address, and nothing but the first two
//! descriptors that a worker is granted ever gets them: those of its UDP listeners, or of TCP where there are fewer.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvFlags, SendFlags, SocketFlags, SocketType, ipproto, recvmsg, sockopt,
};
use socket2::SockRef;
use tokio::io::Interest;

use crate::connection::Connection;
use crate::profile::LISTENER_SLOTS;
use crate::sys::Watched;

/// The machine's own device.
const LOOPBACK: &str = "lo";

/// A UDP listener that a broker granted.
#[derive(Debug)]
pub struct Answering(Watched);

/// A TCP listener that a broker granted.
#[derive(Debug)]
pub struct Accepting(Watched);

impl Answering {
    /// Takes a granted listener, which must be among the first two descriptors that were granted: it could not answer otherwise.
    /// Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// It is not among them, or the loop cannot watch it.
    pub fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        if !is_kept(&fd) {
            return Err(io::Error::other("a listener has another number than those that are kept for it"));
        }
        Ok(Self(Watched::new(fd, Interest::READABLE)?))
    }

    /// Waits for the next question, and says how long it is, also where it does not fit, and who asks.
    ///
    /// # Errors
    /// What the kernel reports; the socket stays usable.
    pub fn poll_recv(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.0.poll_read(context, |socket| {
            let mut none = RecvAncillaryBuffer::default();
            let flags = RecvFlags::DONTWAIT | RecvFlags::TRUNC;
            let received = recvmsg(socket, &mut [io::IoSliceMut::new(buffer)], &mut none, flags)?;
            let from = received.address.and_then(|from| SocketAddr::try_from(from).ok());
            Ok((received.bytes, from.ok_or(io::ErrorKind::InvalidData)?))
        })
    }

    /// Answers, if there is room for it now.
    ///
    /// # Errors
    /// What the kernel reports; the socket stays usable.
    pub fn try_send_to(&self, to: SocketAddr, answer: &[u8]) -> io::Result<()> {
        Ok(rustix::net::sendto(&self.0, answer, PLAIN, &to).map(|_whole| ())?)
    }
}

/// What can be answered through is not closed before the process ends: its rules do not allow it.
fn is_kept(fd: &OwnedFd) -> bool {
    LISTENER_SLOTS.iter().any(|slot| slot.fd == fd.as_raw_fd())
}

impl Accepting {
    /// Takes a granted listener. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the loop cannot watch it.
    pub fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        Ok(Self(Watched::new(fd, Interest::READABLE)?))
    }

    /// Waits for the next program that connects, and says who it is.
    ///
    /// # Errors
    /// What the kernel reports, such as that there is no descriptor left; the socket stays usable.
    pub fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(Connection, SocketAddr)>> {
        self.0.poll_read(context, |socket| {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let (fd, from) = rustix::net::acceptfrom_with(socket, flags)?;
            let from = from.and_then(|from| SocketAddr::try_from(from).ok()).ok_or(io::ErrorKind::InvalidData)?;
            Ok((Connection::from_fd(fd)?, from))
        })
    }
}

/// How everything is sent: without waiting, and without a signal where nobody listens any more.
const PLAIN: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

/// Opens a UDP listener at `local`, of the machine's own device.
///
/// # Errors
/// Without CAP_NET_BIND_SERVICE below port 1024; somebody else listens there, or there is no such address.
pub fn open_answering(local: SocketAddr) -> io::Result<OwnedFd> {
    let socket = open(local, SocketType::DGRAM, ipproto::UDP)?;
    rustix::net::bind(&socket, &local)?;
    Ok(socket)
}

/// Opens a TCP listener at `local`, of the machine's own device.
///
/// # Errors
/// As [`open_answering`].
pub fn open_accepting(local: SocketAddr) -> io::Result<OwnedFd> {
    let socket = open(local, SocketType::STREAM, ipproto::TCP)?;
    // The connections of a process before this one may still be on their way out.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &local)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket)
}

/// Connections that wait to be accepted.
const BACKLOG: i32 = 64;

fn open(local: SocketAddr, kind: SocketType, protocol: rustix::net::Protocol) -> io::Result<OwnedFd> {
    let family = if local.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, kind, flags, Some(protocol))?;
    let fd: BorrowedFd<'_> = socket.as_fd();
    SockRef::from(&fd).bind_device(Some(LOOPBACK.as_bytes()))?;
    if local.is_ipv6() {
        sockopt::set_ipv6_v6only(fd, true)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Write as _;
    use std::net::{TcpStream, UdpSocket};

    use super::*;

    fn in_a_loop<R>(test: impl Future<Output = R>) -> R {
        tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(test)
    }

    fn anywhere(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), 0)
    }

    #[test]
    fn a_listener_is_of_the_machines_own_device_and_there_once() {
        for address in ["127.0.0.1", "::1"] {
            for open in [open_answering, open_accepting] {
                let listener = open(anywhere(address)).unwrap();
                assert_eq!(SockRef::from(&listener).device().unwrap().as_deref(), Some(LOOPBACK.as_bytes()));
                let local = rustix::net::getsockname(&listener).unwrap();
                let again = open(SocketAddr::try_from(local).unwrap()).unwrap_err();
                assert_eq!(again.kind(), io::ErrorKind::AddrInUse, "{address}");
            }
        }
    }

    #[test]
    fn nothing_of_another_number_answers() {
        in_a_loop(async {
            let occupied = [open_answering(anywhere("127.0.0.1")).unwrap(), open_answering(anywhere("::1")).unwrap()];
            let listener = open_answering(anywhere("127.0.0.1")).unwrap();
            assert!(Answering::from_fd(listener).is_err(), "{occupied:?} are before it");
        });
    }

    #[test]
    fn who_is_heard_is_named_and_can_be_answered() {
        let client = UdpSocket::bind("[::1]:0").unwrap();
        let listener = open_answering(anywhere("::1")).unwrap();
        client.connect(SocketAddr::try_from(rustix::net::getsockname(&listener).unwrap()).unwrap()).unwrap();
        in_a_loop(async {
            // As `from_fd` makes it where the number is the right one, which no test can have.
            let listener = Answering(Watched::new(listener, Interest::READABLE).unwrap());
            client.send(b"question").unwrap();
            let mut buffer = [0; 4];
            let (length, from) = poll_fn(|context| listener.poll_recv(context, &mut buffer)).await.unwrap();
            assert_eq!((length, from, &buffer), (8, client.local_addr().unwrap(), b"ques"));
            listener.try_send_to(from, b"answer").unwrap();
            let mut answer = [0; 16];
            assert_eq!(client.recv(&mut answer).unwrap(), 6);
        });
    }

    #[test]
    fn a_program_that_connects_is_named_and_heard() {
        let listener = open_accepting(anywhere("127.0.0.1")).unwrap();
        let address = SocketAddr::try_from(rustix::net::getsockname(&listener).unwrap()).unwrap();
        in_a_loop(async {
            let listener = Accepting::from_fd(listener).unwrap();
            let mut client = TcpStream::connect(address).unwrap();
            client.write_all(b"question").unwrap();
            let (connection, from) = poll_fn(|context| listener.poll_accept(context)).await.unwrap();
            assert_eq!(from, client.local_addr().unwrap());
            let mut buffer = [0; 16];
            let length = poll_fn(|context| connection.poll_recv(context, &mut buffer)).await.unwrap();
            assert_eq!(&buffer[..length], b"question");
        });
    }
}
