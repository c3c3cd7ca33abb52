//! Speaking through descriptors that were granted for hearing. Success is judged by a capture at the far end of the wire
//! (and on the loopback), never by what the call returned.

use super::End::Killed;
use super::addresses::{LOCAL, LOCAL_6, NEIGHBOUR, internet, internet_6, link};
use super::{Attack, End, Judge, UNKNOWN, attack};
use crate::scene::Scene;
use crate::syscall::{Attempt, call, empty_message};

/// A call whose descriptor or address is outside the rule's pins.
const OUTSIDE_PIN: End = UNKNOWN;

/// The flags with which a worker sends that may.
const PLAIN: i32 = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

/// Some with which nobody here sends, and the kernel sends all the same.
const OTHER_FLAGS: i32 = PLAIN | libc::MSG_CONFIRM;

/// The attacks of this topic.
pub(super) const ATTACKS: &[Attack] = &[
    wire("packet-write", "write(2) on the packet listener", OUTSIDE_PIN, |s| write(s.grants.packet, s)),
    wire("packet-writev", "writev(2) on the packet listener", UNKNOWN, |s| writev(s.grants.packet, s)),
    wire("packet-pwritev2", "pwritev2(2) at the current position on the packet listener", Killed, |s| {
        pwritev2(s.grants.packet, s)
    }),
    wire("packet-pwrite", "pwrite(2) on the packet listener", Killed, |s| {
        call!(libc::SYS_pwrite64, s.grants.packet, frame(s).as_slice(), FRAME_LEN, 0)
    })
    .note("a socket has no position: refused to anybody"),
    wire("packet-sendto", "sendto(2) to everybody on the packet listener", OUTSIDE_PIN, |s| {
        send_to(s.grants.packet, s, 0, &link(0x0800, s.ifindex, [0xff; 6]))
    }),
    wire("packet-sendto-arp", "sendto(2) of ARP to everybody on the packet listener", OUTSIDE_PIN, |s| {
        send_to(s.grants.packet, s, 0, &link(0x0806, s.ifindex, [0xff; 6]))
    }),
    wire("packet-send", "sendto(2) without address on the packet listener", OUTSIDE_PIN, |s| {
        call!(libc::SYS_sendto, s.grants.packet, frame(s).as_slice(), FRAME_LEN, 0, 0, 0)
    }),
    wire("packet-sendmsg", "sendmsg(2) to everybody on the packet listener", Killed, |s| {
        let mut address = link(0x0800, s.ifindex, [0xff; 6]);
        sendmsg(s.grants.packet, &frame(s), Some(&mut address))
    }),
    wire("packet-sendmsg-bare", "sendmsg(2) without address on the packet listener", Killed, |s| {
        sendmsg::<libc::sockaddr_ll>(s.grants.packet, &frame(s), None)
    }),
    wire("packet-sendmmsg", "sendmmsg(2) to everybody on the packet listener", Killed, |s| {
        let mut address = link(0x0800, s.ifindex, [0xff; 6]);
        sendmmsg(s.grants.packet, &frame(s), &mut address)
    }),
    wire("packet-sendfile", "sendfile(2) from a granted file into the packet listener", Killed, |s| {
        sendfile(s.grants.packet, s)
    }),
    wire("packet-splice", "splice(2) from a granted pipe into the packet listener", Killed, |s| {
        splice(s.grants.packet, s)
    }),
    wire("udp-write", "write(2) on a granted UDP socket", OUTSIDE_PIN, |s| write(s.grants.udp, s)),
    wire("udp-writev", "writev(2) on a granted UDP socket", UNKNOWN, |s| writev(s.grants.udp, s)),
    wire("udp-pwritev2", "pwritev2(2) at the current position on a granted UDP socket", Killed, |s| {
        pwritev2(s.grants.udp, s)
    }),
    wire("udp-pwrite", "pwrite(2) on a granted UDP socket", Killed, |s| {
        call!(libc::SYS_pwrite64, s.grants.udp, frame(s).as_slice(), FRAME_LEN, 0)
    })
    .note("a socket has no position: refused to anybody"),
    wire("udp-send", "sendto(2) without address on a connected UDP socket", OUTSIDE_PIN, |s| {
        call!(libc::SYS_sendto, s.grants.udp, frame(s).as_slice(), FRAME_LEN, 0, 0, 0)
    }),
    wire(
        "udp-send-plain",
        "sendto(2) without address on a connected UDP socket, as a worker that may speak does",
        OUTSIDE_PIN,
        |s| call!(libc::SYS_sendto, s.grants.udp, frame(s).as_slice(), FRAME_LEN, PLAIN, 0, 0),
    ),
    wire("udp-sendto", "sendto(2) to a chosen address on an unconnected UDP socket", OUTSIDE_PIN, |s| {
        send_to(s.grants.open_udp, s, PLAIN, &internet(NEIGHBOUR, 9))
    }),
    wire("udp-sendto-other", "sendto(2) away from the peer a UDP socket is connected to", OUTSIDE_PIN, |s| {
        send_to(s.grants.udp, s, PLAIN, &internet(NEIGHBOUR, 9))
    }),
    wire("udp-sendmsg", "sendmsg(2) to a chosen address on an unconnected UDP socket", Killed, |s| {
        sendmsg(s.grants.open_udp, &frame(s), Some(&mut internet(NEIGHBOUR, 9)))
    }),
    wire("udp-sendmsg-bare", "sendmsg(2) without address on a connected UDP socket", Killed, |s| {
        sendmsg::<libc::sockaddr_in>(s.grants.udp, &frame(s), None)
    }),
    wire("udp-sendmmsg", "sendmmsg(2) to a chosen address on an unconnected UDP socket", Killed, |s| {
        sendmmsg(s.grants.open_udp, &frame(s), &mut internet(NEIGHBOUR, 9))
    }),
    wire("udp-sendfile", "sendfile(2) from a granted file into a UDP socket", Killed, |s| sendfile(s.grants.udp, s)),
    wire("udp-splice", "splice(2) from a granted pipe into a UDP socket", Killed, |s| splice(s.grants.udp, s)),
    wire("udp-sendto-loopback", "reach a service on the loopback from an unconnected UDP socket", OUTSIDE_PIN, |s| {
        send_to(s.grants.open_udp, s, PLAIN, &internet(LOCAL, 9))
    }),
    attack("listener-sendto", "leave the machine from a listener of its own device", OUTSIDE_PIN, |s| {
        send_to(s.grants.answering, s, PLAIN, &internet(NEIGHBOUR, 9))
    })
    .judged_by(Judge::Beyond)
    .note("nothing leads off the machine from its own device, for anybody"),
    wire("listener-answer", "speak to a program of this machine from a listener", OUTSIDE_PIN, |s| {
        send_to(s.grants.answering, s, PLAIN, &internet(LOCAL, 9))
    }),
    wire("listener-sendmsg", "sendmsg(2) to a program of this machine from a listener", Killed, |s| {
        sendmsg(s.grants.answering, &frame(s), Some(&mut internet(LOCAL, 9)))
    }),
    wire("listener-flags", "sendto(2) with other flags from a listener", OUTSIDE_PIN, |s| {
        send_to(s.grants.answering, s, OTHER_FLAGS, &internet(LOCAL, 9))
    }),
    wire("listener-flags-6", "the same over IPv6", OUTSIDE_PIN, |s| {
        send_to(s.grants.answering_6, s, OTHER_FLAGS, &internet_6(LOCAL_6, 9))
    }),
    attack("pipe-vmsplice", "vmsplice(2) own memory into a granted pipe", Killed, |s| {
        let mark = s.mark();
        let part = libc::iovec { iov_base: mark.as_ptr().cast_mut().cast(), iov_len: mark.len() };
        call!(libc::SYS_vmsplice, s.grants.pipe_in, &part, 1, 0)
    }),
    attack("pipe-tee", "tee(2) between granted pipes", Killed, |s| {
        call!(libc::SYS_tee, s.grants.pipe_out, s.grants.pipe_in, 64, libc::SPLICE_F_NONBLOCK)
    }),
    attack("file-write", "write(2) into a granted file", OUTSIDE_PIN, |s| {
        call!(libc::SYS_write, s.grants.file, s.mark().as_slice(), s.mark().len())
    }),
];

/// A frame for a raw socket (to everybody, from nobody, IPv4), which is a payload like any other elsewhere. Ends in the mark.
#[must_use]
pub fn frame(scene: &Scene) -> [u8; FRAME_LEN] {
    let mut frame = [0_u8; FRAME_LEN];
    let head = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0x66, 8, 0];
    for (slot, byte) in frame.iter_mut().zip(head.into_iter().chain([0; 22]).chain(scene.mark())) {
        *slot = byte;
    }
    frame
}

const FRAME_LEN: usize = 48;

const fn wire(name: &'static str, means: &'static str, end: End, run: fn(&Scene) -> Attempt) -> Attack {
    attack(name, means, end, run).judged_by(Judge::Wire)
}

fn send_to<A>(fd: i32, scene: &Scene, flags: i32, address: &A) -> Attempt {
    call!(libc::SYS_sendto, fd, frame(scene).as_slice(), FRAME_LEN, flags, address, size_of_val(address))
}

fn write(fd: i32, scene: &Scene) -> Attempt {
    call!(libc::SYS_write, fd, frame(scene).as_slice(), FRAME_LEN)
}

fn part(bytes: &[u8]) -> libc::iovec {
    libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() }
}

fn writev(fd: i32, scene: &Scene) -> Attempt {
    let frame = frame(scene);
    call!(libc::SYS_writev, fd, &part(&frame), 1)
}

fn pwritev2(fd: i32, scene: &Scene) -> Attempt {
    let frame = frame(scene);
    call!(libc::SYS_pwritev2, fd, &part(&frame), 1, -1_i64, -1_i64, 0)
}

fn message<A>(part: &mut libc::iovec, address: Option<&mut A>) -> libc::mmsghdr {
    let mut message = empty_message();
    message.msg_hdr.msg_iov = part;
    message.msg_hdr.msg_iovlen = 1;
    if let Some(address) = address {
        message.msg_hdr.msg_namelen = u32::try_from(size_of::<A>()).unwrap_or(0);
        message.msg_hdr.msg_name = std::ptr::from_mut(address).cast();
    }
    message
}

fn sendmsg<A>(fd: i32, bytes: &[u8], address: Option<&mut A>) -> Attempt {
    let mut part = part(bytes);
    call!(libc::SYS_sendmsg, fd, &message(&mut part, address).msg_hdr, 0)
}

fn sendmmsg<A>(fd: i32, bytes: &[u8], address: &mut A) -> Attempt {
    let mut part = part(bytes);
    call!(libc::SYS_sendmmsg, fd, &mut message(&mut part, Some(address)), 1, 0)
}

fn sendfile(fd: i32, scene: &Scene) -> Attempt {
    let mut from = 0_i64;
    call!(libc::SYS_sendfile, fd, scene.grants.file, &mut from, 256)
}

fn splice(fd: i32, scene: &Scene) -> Attempt {
    call!(libc::SYS_splice, scene.grants.pipe_out, 0, fd, 0, 4096, 0)
}
