use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use rustix::io::Errno;

use super::*;

fn address(socket: &UdpSocket) -> SocketAddrV4 {
    match socket.local_addr().unwrap() {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(_) => unreachable!("bound to an IPv4 address"),
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    address(&UdpSocket::bind("127.0.0.1:0").unwrap()).port()
}

/// That port, at every address of this host.
fn any(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port)
}

#[test]
fn a_guarded_socket_sends_from_its_port_and_never_hears() {
    let port = free_port();
    let guarded = open_guarded("lo", any(port)).unwrap();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    guarded.send_to(address(&peer), b"renew").unwrap();
    let mut buffer = [0; 16];
    let (len, from) = peer.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..len], from.port()), (&b"renew"[..], port));

    // Connected, so that an answer of "port unreachable" would show as an error.
    peer.connect(("127.0.0.1", port)).unwrap();
    for _ in 0..2 {
        peer.send(b"answer").unwrap();
    }
    assert_eq!(rustix::net::recv(&guarded.0, &mut buffer, RecvFlags::DONTWAIT).unwrap_err(), Errno::AGAIN);
    let silence = peer.set_read_timeout(Some(Duration::from_millis(50))).and_then(|()| peer.recv(&mut buffer));
    assert_eq!(silence.unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn a_guarded_socket_can_never_be_made_to_hear() {
    let guarded = open_guarded("lo", any(free_port())).unwrap();
    let error = SockRef::from(&guarded.0).detach_filter().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
}

#[test]
fn a_datagram_socket_talks_to_its_one_peer() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(address(&peer)).unwrap();
    socket.set_nonblocking(true).unwrap();
    let there = address(&socket);
    tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(async {
        let datagram = Datagram::from_fd(socket.into()).unwrap();
        datagram.send(b"question").await.unwrap();
        let mut buffer = [0; 16];
        let len = peer.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], b"question");
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"stranger", there).unwrap();
        peer.send_to(b"answer", there).unwrap();
        let len = datagram.recv(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..len], b"answer");
    });
}

#[test]
fn a_datagram_socket_that_listens_says_who_has_sent() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let there = address(&socket);
    tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(async {
        let datagram = Datagram::from_fd(socket.into()).unwrap();
        let mut buffer = [0; 16];
        for text in [&b"one"[..], b""] {
            let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
            peer.send_to(text, there).unwrap();
            let received = datagram.recv_from(&mut buffer).await.unwrap();
            assert_eq!(received, (text.len(), Some(address(&peer))));
        }
    });
}

#[test]
fn a_connected_socket_hears_its_peer_alone_and_knows_when() {
    let (peer, stranger) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let socket = open_connected(peer.local_addr().unwrap()).unwrap();
    let there = SocketAddr::try_from(rustix::net::getsockname(&socket).unwrap()).unwrap();
    let wall = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(async {
        let socket = Datagram::from_fd(socket).unwrap();
        socket.try_send(b"what time is it").unwrap();
        let mut buffer = [0; 4];
        assert_eq!(peer.recv(&mut [0; 32]).unwrap(), 15);
        // Longer than the wall clock's own grain.
        let before = wall() - 1_000_000;
        stranger.send_to(b"late", there).unwrap();
        peer.send_to(b"early", there).unwrap();
        let stamped = std::future::poll_fn(|context| socket.poll_recv_stamped(context, &mut buffer)).await.unwrap();
        let nanos = u128::try_from(stamped.nanos.unwrap()).unwrap();
        assert_eq!((&buffer, stamped.len), (b"earl", 5));
        assert!((before..=wall()).contains(&nanos), "{nanos} is not between {before} and now");
    });
}

/// The kernel tells a loop of that as of an error, and not as of something that can be read.
#[test]
fn who_waits_for_the_answer_of_a_peer_that_is_not_there_is_told_at_once() {
    // Nobody listens at port 1.
    let socket = open_timeless(SocketAddr::from(([127, 0, 0, 1], 1)), None).unwrap();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        send(socket.as_fd(), b"is anybody there").unwrap();
        let socket = Datagram::asked(socket).unwrap();
        let mut buffer = [0; 4];
        let answer = std::future::poll_fn(|context| socket.poll_answer(context, &mut buffer));
        let answer = tokio::time::timeout(std::time::Duration::from_secs(20), answer).await.expect("no word of it");
        assert_eq!(answer.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn an_answer_is_heard_through_a_socket_that_has_asked() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let socket = open_timeless(peer.local_addr().unwrap(), None).unwrap();
    let there = SocketAddr::try_from(rustix::net::getsockname(&socket).unwrap()).unwrap();
    tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(async {
        let socket = Datagram::asked(socket).unwrap();
        let mut buffer = [0; 4];
        for text in [&b"one"[..], b"three"] {
            peer.send_to(text, there).unwrap();
            let length = std::future::poll_fn(|context| socket.poll_answer(context, &mut buffer)).await.unwrap();
            assert_eq!(length, text.len());
        }
    });
}
