//! TCP sockets that brokers connect and workers use.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, ipproto};
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
    let family = if peer.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
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
