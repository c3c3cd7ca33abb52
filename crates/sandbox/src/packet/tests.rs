use std::net::UdpSocket;
use std::time::Duration;

use super::*;
use crate::clock;
use crate::timer::BootTimer;

/// The loopback interface has this number in every network namespace.
const LOOPBACK: u32 = 1;

/// Packet sockets need a capability; without it these tests have nothing to try.
fn may_open_packet_sockets() -> bool {
    let may = Transmitter::open().is_ok();
    let required = std::env::var("SYSTEM_TESTS").is_ok_and(|value| value == "require");
    assert!(may || !required, "packet sockets need CAP_NET_RAW");
    if !may {
        println!("skipped: packet sockets need CAP_NET_RAW");
    }
    may
}

/// Accepts UDP to this port: protocol at 9, header length at 0, destination port two bytes into the UDP header.
fn udp_to(port: u16) -> [SockFilter; 6] {
    [
        SockFilter::new(0x30, 0, 0, 9),
        SockFilter::new(0x15, 0, 3, 17),
        SockFilter::new(0xb1, 0, 0, 0),
        SockFilter::new(0x48, 0, 0, 2),
        SockFilter::new(0x15, 1, 0, port.into()),
        SockFilter::new(0x06, 0, 0, 0),
    ]
}

fn accepting(port: u16) -> Vec<SockFilter> {
    udp_to(port).into_iter().chain([SockFilter::new(0x06, 0, 0, 0xffff)]).collect()
}

fn in_a_loop<R>(test: impl AsyncFnOnce() -> R) -> R {
    tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(test())
}

/// The next packet, or `None` when there is none for a while.
async fn next(socket: &PacketSocket, buffer: &mut [u8]) -> Option<Received> {
    let timer = BootTimer::new().unwrap();
    timer.set(Some(clock::now().after(Duration::from_millis(300)))).unwrap();
    let mut packet = std::pin::pin!(socket.recv(buffer));
    let mut late = std::pin::pin!(timer.expired());
    std::future::poll_fn(|context| match packet.as_mut().poll(context) {
        std::task::Poll::Ready(packet) => std::task::Poll::Ready(Some(packet.unwrap())),
        std::task::Poll::Pending => late.as_mut().poll(context).map(|_| None),
    })
    .await
}

#[test]
fn a_listener_hears_what_its_filter_accepts_and_nothing_else() {
    if !may_open_packet_sockets() {
        return;
    }
    in_a_loop(async || {
        let [wanted, other, sender] = [(); 3].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let port = wanted.local_addr().unwrap().port();
        let socket =
            PacketSocket::from_fd(open_listener(LOOPBACK, Ethertype::Ipv4, &accepting(port)).unwrap()).unwrap();
        sender.send_to(b"not this", other.local_addr().unwrap()).unwrap();
        sender.send_to(b"but this", wanted.local_addr().unwrap()).unwrap();
        let mut buffer = [0; 64];
        let packet = next(&socket, &mut buffer).await.expect("a packet");
        assert_eq!(packet, Received { len: 36, truncated: false, checksum_ready: false, vlan: None });
        assert_eq!(&buffer[28..36], b"but this");
        // Loopback packets pass twice, out and in.
        while let Some(packet) = next(&socket, &mut buffer).await {
            assert_eq!(&buffer[28..packet.len], b"but this");
        }
    });
}

#[test]
fn a_packet_that_does_not_fit_is_marked() {
    if !may_open_packet_sockets() {
        return;
    }
    in_a_loop(async || {
        let [wanted, sender] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let port = wanted.local_addr().unwrap().port();
        let socket =
            PacketSocket::from_fd(open_listener(LOOPBACK, Ethertype::Ipv4, &accepting(port)).unwrap()).unwrap();
        sender.send_to(&[b'x'; 100], wanted.local_addr().unwrap()).unwrap();
        let packet = next(&socket, &mut [0; 40]).await.expect("a packet");
        assert_eq!((packet.len, packet.truncated), (40, true));
    });
}

#[test]
fn the_filter_of_a_listener_cannot_be_taken_off() {
    if !may_open_packet_sockets() {
        return;
    }
    let listener = open_listener(LOOPBACK, Ethertype::Ipv4, &accepting(1)).unwrap();
    for (what, result) in [
        ("detached", socket2::SockRef::from(&listener).detach_filter()),
        ("replaced", sys::attach_filter(listener.as_fd(), &accepting(2))),
    ] {
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::PermissionDenied, "{what}");
    }
}

#[test]
fn a_transmitter_speaks_and_does_not_hear() {
    if !may_open_packet_sockets() {
        return;
    }
    in_a_loop(async || {
        let wanted = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = wanted.local_addr().unwrap().port();
        let listener =
            PacketSocket::from_fd(open_listener(LOOPBACK, Ethertype::Ipv4, &accepting(port)).unwrap()).unwrap();
        let transmitter = Transmitter::open().unwrap();
        let mut packet = vec![0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0x7c, 0xcd, 127, 0, 0, 1, 127, 0, 0, 1];
        packet.extend([0, 9]);
        packet.extend(port.to_be_bytes());
        packet.extend([0, 10, 0, 0, b'h', b'i']);
        transmitter.send_to(LOOPBACK, &[0; 6], Ethertype::Ipv4, &packet).unwrap();
        let mut buffer = [0; 64];
        let heard = next(&listener, &mut buffer).await.expect("a packet");
        assert_eq!(&buffer[..heard.len], &packet);
        let deaf = PacketSocket::from_fd(transmitter.0).unwrap();
        assert_eq!(next(&deaf, &mut buffer).await, None);
    });
}

#[test]
fn a_link_address_that_no_packet_address_holds_is_refused() {
    if !may_open_packet_sockets() {
        return;
    }
    let transmitter = Transmitter::open().unwrap();
    let error = transmitter.send_to(LOOPBACK, &[0; 20], Ethertype::Ipv4, &[0; 28]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}
