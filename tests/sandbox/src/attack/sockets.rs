//! New sockets: a worker gets its sockets from the broker and can make none.

use libc::{AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM};

use super::End::Killed;
use super::addresses::{NEIGHBOUR, internet, link};
use super::{Attack, Judge, MISSED, attack};
use crate::syscall::{Attempt, call};

/// The attacks of this topic.
pub(super) const ATTACKS: &[Attack] = &[
    attack("socket-tcp", "make a TCP socket", Killed, |_| socket(AF_INET, SOCK_STREAM, 0)),
    attack("socket-udp", "make a UDP socket", Killed, |_| socket(AF_INET, SOCK_DGRAM, 0)),
    attack("socket-tcp6", "make a TCP socket over IPv6", Killed, |_| socket(AF_INET6, SOCK_STREAM, 0)),
    attack("socket-udp6", "make a UDP socket over IPv6", Killed, |_| socket(AF_INET6, SOCK_DGRAM, 0)),
    attack("socket-raw-ip", "forge IP packets", Killed, |_| socket(AF_INET, SOCK_RAW, libc::IPPROTO_ICMP)),
    attack("socket-packet-raw", "forge frames", Killed, |_| socket(AF_PACKET, SOCK_RAW, 0)),
    attack("socket-packet-datagram", "a second packet socket, unfiltered", Killed, |_| {
        socket(AF_PACKET, SOCK_DGRAM, 0x0003_u16.to_be().into())
    }),
    attack("socket-netlink-route", "ask for the network configuration", Killed, |_| {
        socket(AF_NETLINK, SOCK_RAW, libc::NETLINK_ROUTE)
    }),
    attack("socket-netlink-generic", "reach generic netlink families", Killed, |_| {
        socket(AF_NETLINK, SOCK_RAW, libc::NETLINK_GENERIC)
    }),
    attack("socket-netlink-netfilter", "reach the packet filter's parser", Killed, |_| {
        socket(AF_NETLINK, SOCK_RAW, libc::NETLINK_NETFILTER)
    }),
    attack("socket-netlink-audit", "reach the audit system", Killed, |_| {
        socket(AF_NETLINK, SOCK_RAW, libc::NETLINK_AUDIT)
    }),
    attack("socket-unix", "make a local socket", Killed, |_| socket(AF_UNIX, SOCK_STREAM, 0)),
    attack("socket-vsock", "talk to the hypervisor", Killed, |_| socket(libc::AF_VSOCK, SOCK_STREAM, 0)),
    attack("socket-alg", "reach the kernel's cipher code", Killed, |_| socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0))
        .note("needs a kernel with AF_ALG"),
    attack("socket-pair", "make a pair of local sockets", Killed, |_| {
        let mut pair = [0_i32; 2];
        call!(libc::SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, &mut pair)
    }),
    attack("tcp-connect", "open a connection to a service of the machine", Killed, |scene| {
        connect(AF_INET, SOCK_STREAM, &internet(super::addresses::LOCAL, scene.tcp_port))
    }),
    attack("tcp-bind", "offer a service", Killed, |_| {
        let address = internet(super::addresses::LOCAL, 0);
        let fd = socket(AF_INET, SOCK_STREAM, 0)?;
        call!(libc::SYS_bind, fd, &address, size_of_val(&address))?;
        call!(libc::SYS_listen, fd, 1)
    }),
    attack("udp-speak", "send a datagram from a new socket", Killed, |scene| {
        let fd = socket(AF_INET, SOCK_DGRAM, 0)?;
        let address = internet(NEIGHBOUR, 9);
        call!(libc::SYS_sendto, fd, scene.mark().as_slice(), scene.mark().len(), 0, &address, size_of_val(&address))
    })
    .judged_by(Judge::Wire),
    attack("frame-speak", "send a frame from a new packet socket", Killed, |scene| {
        let fd = socket(AF_PACKET, SOCK_DGRAM, 0)?;
        let address = link(0x0800, scene.ifindex, [0xff; 6]);
        call!(libc::SYS_sendto, fd, scene.mark().as_slice(), scene.mark().len(), 0, &address, size_of_val(&address))
    })
    .judged_by(Judge::Wire),
    attack("netlink-dump", "read the machine's addresses and routes", Killed, |_| {
        let fd = socket(AF_NETLINK, SOCK_RAW, libc::NETLINK_ROUTE)?;
        // nlmsghdr { len 20, RTM_GETLINK, REQUEST|DUMP, seq 1, pid 0 } and an empty rtgenmsg.
        let dump: [u8; 20] = [20, 0, 0, 0, 18, 0, 1, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        call!(libc::SYS_sendto, fd, dump.as_slice(), dump.len(), 0, 0, 0)?;
        let mut answer = [0_u8; 4096];
        call!(libc::SYS_recvfrom, fd, answer.as_mut_slice(), answer.len(), libc::MSG_DONTWAIT, 0, 0)
    }),
    attack("netlink-configure", "change the network configuration itself", Killed, |_| {
        let fd = socket(AF_NETLINK, SOCK_RAW, libc::NETLINK_ROUTE)?;
        // RTM_NEWADDR 198.51.100.7/32 on interface 1, with REQUEST|ACK|CREATE|REPLACE, one attribute IFA_LOCAL.
        let change: [u8; 32] =
            [32, 0, 0, 0, 20, 0, 5, 5, 1, 0, 0, 0, 0, 0, 0, 0, 2, 32, 0, 0, 1, 0, 0, 0, 8, 0, 2, 0, 198, 51, 100, 7];
        call!(libc::SYS_sendto, fd, change.as_slice(), change.len(), 0, 0, 0)?;
        let mut answer = [0_u8; 4096];
        call!(libc::SYS_recvfrom, fd, answer.as_mut_slice(), answer.len(), libc::MSG_DONTWAIT, 0, 0)?;
        let [.., a, b, c, d] = answer.first_chunk::<20>().copied().unwrap_or([0xff; 20]);
        if i32::from_ne_bytes([a, b, c, d]) == 0 { Ok(0) } else { Err(MISSED) }
    }),
    attack("abstract-socket", "connect to a local service that has no path", Killed, |_| {
        connect(AF_UNIX, SOCK_STREAM, &local(b"\0orlop-arena"))
    }),
    attack("pathname-socket", "connect to a local service such as a container engine's", Killed, |_| {
        connect(AF_UNIX, SOCK_STREAM, &local(b"/var/arena/open/api.sock"))
    }),
];

/// `struct sockaddr_un`, cut to the name's length: an abstract name ends where the address ends.
#[repr(C)]
struct Local {
    family: u16,
    path: [u8; 64],
    len: usize,
}

fn local(name: &[u8]) -> Local {
    let mut path = [0; 64];
    for (slot, byte) in path.iter_mut().zip(name) {
        *slot = *byte;
    }
    Local { family: 1, path, len: 2 + name.len() }
}

/// An address of any family, with its own length.
trait Address {
    fn len(&self) -> usize;
}

impl Address for Local {
    fn len(&self) -> usize {
        self.len
    }
}

impl Address for libc::sockaddr_in {
    fn len(&self) -> usize {
        size_of::<Self>()
    }
}

fn socket(family: i32, kind: i32, protocol: i32) -> Attempt {
    call!(libc::SYS_socket, family, kind, protocol)
}

fn connect<A: Address>(family: i32, kind: i32, address: &A) -> Attempt {
    let fd = socket(family, kind, 0)?;
    call!(libc::SYS_connect, fd, address, address.len())
}
