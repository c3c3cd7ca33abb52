//! Network interfaces and sockets' options: a granted descriptor must not become a handle on the interface behind it.

use libc::{SOL_PACKET, SOL_SOCKET};

use super::End::Killed;
use super::{Attack, MISSED, UNKNOWN, attack};
use crate::scene::{CHANNEL, Scene, carries};
use crate::syscall::{Attempt, Raw, call};

/// The attacks of this topic.
pub(super) const ATTACKS: &[Attack] = &[
    attack("list-interfaces", "learn the machine's addresses (SIOCGIFCONF)", UNKNOWN, |scene| {
        let mut room = [0_u8; 640];
        let mut conf = libc::ifconf {
            ifc_len: 640,
            ifc_ifcu: libc::__c_anonymous_ifc_ifcu { ifcu_buf: room.as_mut_ptr().cast() },
        };
        ioctl(scene.grants.udp, libc::SIOCGIFCONF, &mut conf)
    }),
    attack("interface-down", "take the interface down (SIOCSIFFLAGS)", UNKNOWN, |scene| {
        ioctl(scene.grants.udp, libc::SIOCSIFFLAGS, &mut request(*b"w8\0\0", libc::IFF_UP))
    }),
    attack("interface-address", "give an interface another address (SIOCSIFADDR)", UNKNOWN, |scene| {
        ioctl(
            scene.grants.udp,
            libc::SIOCSIFADDR,
            &mut AddressRequest {
                name: name(*b"w8\0\0"),
                address: [2, 0, 0, 0, 198, 51, 100, 9, 0, 0, 0, 0, 0, 0, 0, 0],
                rest: [0; 8],
            },
        )
    }),
    attack("hardware-address", "read the interface's hardware address (SIOCGIFHWADDR)", UNKNOWN, |scene| {
        ioctl(scene.grants.packet, libc::SIOCGIFHWADDR, &mut request(*b"w0\0\0", 0))
    }),
    attack("queue-size", "probe a descriptor's queue (FIONREAD)", UNKNOWN, |scene| {
        let mut waiting = 0_i32;
        call!(libc::SYS_ioctl, scene.grants.udp, libc::FIONREAD, &mut waiting)
    }),
    attack("bind-to-device", "move a socket to another interface", Killed, |scene| {
        option(scene.grants.udp, SOL_SOCKET, libc::SO_BINDTODEVICE, b"lo\0\0")
    }),
    attack("set-mark", "choose another routing table (SO_MARK)", Killed, |scene| {
        option(scene.grants.udp, SOL_SOCKET, libc::SO_MARK, &7_u32.to_ne_bytes())
    }),
    attack("set-broadcast", "allow itself to speak to everybody", Killed, |scene| {
        option(scene.grants.open_udp, SOL_SOCKET, libc::SO_BROADCAST, &1_u32.to_ne_bytes())
    }),
    attack("replace-filter", "hear more than DHCP: another receive filter", Killed, |scene| {
        let accept_all = [libc::sock_filter { code: 0x06, jt: 0, jf: 0, k: 0xffff }];
        let program = libc::sock_fprog { len: 1, filter: accept_all.as_ptr().cast_mut() };
        call!(
            libc::SYS_setsockopt,
            scene.grants.packet,
            SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            &program,
            size_of_val(&program)
        )
    }),
    attack("detach-filter", "hear everything: no receive filter at all", Killed, |scene| {
        option(scene.grants.packet, SOL_SOCKET, libc::SO_DETACH_FILTER, &0_u32.to_ne_bytes())
    }),
    attack("promiscuous", "hear what is not for this machine", Killed, |scene| {
        let index = scene.ifindex.to_ne_bytes();
        let mut membership = [0_u8; 16];
        for (slot, byte) in membership.iter_mut().zip(index) {
            *slot = byte;
        }
        if let Some(kind) = membership.get_mut(4) {
            *kind = u8::try_from(libc::PACKET_MR_PROMISC).unwrap_or(1);
        }
        option(scene.grants.packet, SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &membership)
    }),
    attack("transmit-ring", "send without a send call, through a ring in memory", Killed, |scene| {
        let ring = [4096_u32, 1, 2048, 2];
        call!(libc::SYS_setsockopt, scene.grants.packet, SOL_PACKET, libc::PACKET_TX_RING, &ring, size_of_val(&ring))
    }),
    attack("socket-option-read", "probe what kind of socket it was given", UNKNOWN, |scene| {
        let (mut value, mut len) = (0_u32, 4_u32);
        call!(libc::SYS_getsockopt, scene.grants.packet, SOL_SOCKET, libc::SO_TYPE, &mut value, &mut len)
    }),
    attack("peer-credentials", "learn who is at the other end of the channel", UNKNOWN, |_| {
        let (mut value, mut len) = ([0_u32; 3], 12_u32);
        call!(libc::SYS_getsockopt, CHANNEL, SOL_SOCKET, libc::SO_PEERCRED, &mut value, &mut len)
    }),
    attack("own-addresses", "learn the machine's address by getsockname", UNKNOWN, |scene| {
        let (mut room, mut len) = ([0_u8; 128], 128_u32);
        call!(libc::SYS_getsockname, scene.grants.udp, room.as_mut_slice(), &mut len)
    }),
    attack("reconnect", "aim a connected socket at somebody else", Killed, |scene| {
        let address = super::addresses::internet(super::addresses::LOCAL, 9);
        call!(libc::SYS_connect, scene.grants.udp, &address, size_of_val(&address))
    }),
    attack("disconnect", "free a connected socket from its peer", Killed, |scene| {
        let unspecified = [0_u8; 16];
        call!(libc::SYS_connect, scene.grants.udp, unspecified.as_slice(), 16)
    }),
    attack("rebind-packet-socket", "listen to every protocol instead of IPv4", Killed, |scene| {
        let address = super::addresses::link(0x0003, scene.ifindex, [0xff; 6]);
        call!(libc::SYS_bind, scene.grants.packet, &address, size_of_val(&address))
    }),
    attack("shut-channel", "make the broker believe that it has gone", Killed, |_| {
        call!(libc::SYS_shutdown, CHANNEL, libc::SHUT_RD)
    }),
    attack("hear-foreign-traffic", "read a frame that is not DHCP from the packet listener", UNKNOWN, |scene| {
        let mut frame = [0_u8; 2048];
        let length =
            call!(libc::SYS_recvfrom, scene.grants.packet, frame.as_mut_slice(), 2048, libc::MSG_DONTWAIT, 0, 0)?;
        overheard(scene, &frame, length)
    }),
    attack(
        "hear-foreign-traffic-by-recvmsg",
        "the same with the call that is allowed",
        super::End::Refused(libc::EAGAIN),
        |scene| {
            let mut frame = [0_u8; 2048];
            let length = super::landing::receive(scene.grants.packet, &mut frame, libc::MSG_DONTWAIT)?.0;
            overheard(scene, &frame, length)
        },
    ),
];

/// Whether what was received is the frame that passes by.
fn overheard(scene: &Scene, frame: &[u8], length: usize) -> Attempt {
    let heard = frame.get(..length).unwrap_or_default();
    if carries(heard, scene.bait()) { Ok(length) } else { Err(MISSED) }
}

/// `struct ifreq` with flags.
#[repr(C)]
struct FlagsRequest {
    name: [u8; 16],
    flags: i16,
    rest: [u8; 22],
}

/// `struct ifreq` with an address.
#[repr(C)]
struct AddressRequest {
    name: [u8; 16],
    address: [u8; 16],
    rest: [u8; 8],
}

fn name(start: [u8; 4]) -> [u8; 16] {
    let mut name = [0; 16];
    for (slot, byte) in name.iter_mut().zip(start) {
        *slot = byte;
    }
    name
}

fn request(interface: [u8; 4], flags: i32) -> FlagsRequest {
    FlagsRequest { name: name(interface), flags: i16::try_from(flags).unwrap_or(0), rest: [0; 22] }
}

/// The constants' type differs between the C libraries.
fn ioctl<T>(fd: i32, number: impl Raw, argument: &mut T) -> Attempt {
    call!(libc::SYS_ioctl, fd, number, argument)
}

fn option(fd: i32, level: i32, number: i32, value: &[u8]) -> Attempt {
    call!(libc::SYS_setsockopt, fd, level, number, value, value.len())
}
