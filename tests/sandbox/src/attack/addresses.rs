//! Whom an attack speaks to, as the kernel wants to be told.

/// An address of the test wire that nobody granted.
pub(super) const NEIGHBOUR: [u8; 4] = [192, 0, 2, 3];

/// The machine's own addresses.
pub(super) const LOCAL: [u8; 4] = [127, 0, 0, 1];
pub(super) const LOCAL_6: [u8; 16] = std::net::Ipv6Addr::LOCALHOST.octets();

/// `struct sockaddr_in`.
pub(super) fn internet(address: [u8; 4], port: u16) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: 2,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address) },
        sin_zero: [0; 8],
    }
}

/// `struct sockaddr_in6`.
pub(super) fn internet_6(address: [u8; 16], port: u16) -> libc::sockaddr_in6 {
    libc::sockaddr_in6 {
        sin6_family: 10,
        sin6_port: port.to_be(),
        sin6_flowinfo: 0,
        sin6_addr: libc::in6_addr { s6_addr: address },
        sin6_scope_id: 0,
    }
}

/// `struct sockaddr_ll`.
pub(super) fn link(protocol: u16, ifindex: i32, destination: [u8; 6]) -> libc::sockaddr_ll {
    let [a, b, c, d, e, f] = destination;
    libc::sockaddr_ll {
        sll_family: 17,
        sll_protocol: protocol.to_be(),
        sll_ifindex: ifindex,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 6,
        sll_addr: [a, b, c, d, e, f, 0, 0],
    }
}
