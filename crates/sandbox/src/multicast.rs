//! What the kernel tells everybody who listens, over netlink: of network interfaces and routes, of modules, disks, and devices that
//! change.
//!
//! A broker opens these sockets before it narrows itself; to hear takes no system call beyond those of every broker. Whatever
//! comes there is a reason to look, and no more: another process with `CAP_NET_ADMIN` could say it, too.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, Protocol, RecvAncillaryBuffer, RecvFlags, SocketFlags, SocketType, bind, recvmsg, socket_with,
};
use socket2::SockFilter;
use tokio::io::Interest;

use crate::sys::{self, Watched};

/// One of those sockets.
#[derive(Debug)]
pub struct Multicast(Watched);

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// A datagram of so many bytes; what did not fit into the buffer is cut off.
    Datagram(usize),
    /// There was more than the socket holds, and some of it is lost.
    Lost,
}

impl Multicast {
    /// Hears of interfaces that come, change and go: a `RTM_NEWLINK` or `RTM_DELLINK` in each datagram. Must be called inside a
    /// tokio runtime, as all of these.
    ///
    /// # Errors
    /// The kernel has no such socket to give.
    pub fn links() -> io::Result<Self> {
        // NETLINK_ROUTE is protocol 0.
        Self::open(None, RTMGRP_LINK, &[])
    }

    /// Hears of modules that are loaded and unloaded, and of no other device: `add@/module/NAME`, `remove@/module/NAME`. A module
    /// that is said to be loaded has not been started yet.
    ///
    /// # Errors
    /// The kernel has no such socket to give.
    pub fn modules() -> io::Result<Self> {
        Self::open(Some(netlink::KOBJECT_UEVENT), KERNEL_EVENTS, &of_modules())
    }

    /// Hears of devices that change without coming or going: `change@/devices/PATH`, and then what has changed as `KEY=VALUE`,
    /// each ended by a zero byte. A machine that was restored from a snapshot is among them.
    ///
    /// # Errors
    /// The kernel has no such socket to give.
    pub fn changes() -> io::Result<Self> {
        Self::open(Some(netlink::KOBJECT_UEVENT), KERNEL_EVENTS, &of_changes())
    }

    /// Hears of whatever may change where a packet goes: interfaces, addresses and routes, IPv4 and IPv6.
    ///
    /// # Errors
    /// The kernel has no such socket to give.
    pub fn routes() -> io::Result<Self> {
        Self::open(None, RTMGRP_LINK | RTMGRP_ADDRESSES | RTMGRP_ROUTES, &[])
    }

    /// Hears of addresses and routes of IPv4.
    ///
    /// # Errors
    /// The kernel has no such socket to give.
    pub fn ipv4() -> io::Result<Self> {
        Self::open(None, RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE, &[])
    }

    /// Hears of every device that comes, changes or goes, disks among them: `add@/devices/…/block/NAME`, and `change@…` when a
    /// disc is put into its drive. The device's node may be made after that.
    ///
    /// # Errors
    /// The kernel has no such socket to give.
    pub fn devices() -> io::Result<Self> {
        Self::open(Some(netlink::KOBJECT_UEVENT), KERNEL_EVENTS, &[])
    }

    fn open(protocol: Option<Protocol>, groups: u32, filter: &[SockFilter]) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, protocol)?;
        if !filter.is_empty() {
            sys::attach_filter(socket.as_fd(), filter)?;
        }
        bind(&socket, &SocketAddrNetlink::new(0, groups))?;
        Self::of(socket)
    }

    fn of(socket: OwnedFd) -> io::Result<Self> {
        Ok(Self(Watched::new(socket, Interest::READABLE)?))
    }

    /// Waits for the next datagram. Cancelling loses nothing.
    ///
    /// # Errors
    /// None on a kernel that works.
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<Heard> {
        self.0.read(|socket| receive(socket, buffer)).await
    }
}

/// The value of the first attribute of this kind among `attributes`, which begin at multiples of four bytes, each behind its
/// length and its kind (RFC 3549 section 2.3.1; linux/netlink.h).
#[must_use]
pub fn attribute(mut attributes: &[u8], kind: u16) -> Option<&[u8]> {
    loop {
        let (length, rest) = attributes.split_first_chunk::<2>()?;
        let (found, _) = rest.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_ne_bytes(*length));
        if u16::from_ne_bytes(*found) == kind {
            return attributes.get(ATTRIBUTE..length);
        }
        attributes = attributes.get(length.max(ATTRIBUTE).next_multiple_of(ATTRIBUTE)..)?;
    }
}

/// Bytes of an attribute's length and kind.
const ATTRIBUTE: usize = 4;

fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Heard> {
    let mut none = RecvAncillaryBuffer::default();
    match recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut none, RecvFlags::DONTWAIT) {
        Ok(received) => Ok(Heard::Datagram(received.bytes)),
        Err(Errno::NOBUFS) => Ok(Heard::Lost),
        Err(errno) => Err(errno.into()),
    }
}

/// linux/rtnetlink.h: the group of link changes, as a bit.
const RTMGRP_LINK: u32 = 1;

// linux/rtnetlink.h
const RTMGRP_IPV4_IFADDR: u32 = 0x10;
const RTMGRP_IPV4_ROUTE: u32 = 0x40;
/// The one above, and `RTMGRP_IPV6_IFADDR`.
const RTMGRP_ADDRESSES: u32 = RTMGRP_IPV4_IFADDR | 0x100;
/// The one above, and `RTMGRP_IPV6_ROUTE`.
const RTMGRP_ROUTES: u32 = RTMGRP_IPV4_ROUTE | 0x400;

/// lib/kobject_uevent.c: the kernel's own events, which udev sends on to another group.
const KERNEL_EVENTS: u32 = 1;

const LOAD_WORD: u16 = 0x20;
const JUMP_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

/// Lets a datagram through that begins with `add@/module/` or `remove@/module/`.
fn of_modules() -> Vec<SockFilter> {
    filter([
        (LOAD_WORD, 0, 0, 0),
        (JUMP_EQUAL, 1, 0, word(b"add@")),
        (JUMP_EQUAL, 4, 9, word(b"remo")),
        (LOAD_WORD, 0, 0, 4),
        (JUMP_EQUAL, 0, 7, word(b"/mod")),
        (LOAD_WORD, 0, 0, 8),
        (JUMP_EQUAL, 4, 5, word(b"ule/")),
        (LOAD_WORD, 0, 0, 4),
        (JUMP_EQUAL, 0, 3, word(b"ve@/")),
        (LOAD_WORD, 0, 0, 8),
        (JUMP_EQUAL, 0, 1, word(b"modu")),
        (RETURN, 0, 0, u32::MAX),
        (RETURN, 0, 0, 0),
    ])
}

/// Lets a datagram through that begins with `change@/dev`: all devices are below `/devices`.
fn of_changes() -> Vec<SockFilter> {
    filter([
        (LOAD_WORD, 0, 0, 0),
        (JUMP_EQUAL, 0, 5, word(b"chan")),
        (LOAD_WORD, 0, 0, 4),
        (JUMP_EQUAL, 0, 3, word(b"ge@/")),
        (LOAD_WORD, 0, 0, 7),
        (JUMP_EQUAL, 0, 1, word(b"/dev")),
        (RETURN, 0, 0, u32::MAX),
        (RETURN, 0, 0, 0),
    ])
}

/// Four characters as the filter loads them.
const fn word(text: &[u8; 4]) -> u32 {
    u32::from_be_bytes(*text)
}

fn filter<const N: usize>(program: [(u16, u8, u8, u32); N]) -> Vec<SockFilter> {
    program.into_iter().map(|(code, yes, no, operand)| SockFilter::new(code, yes, no, operand)).collect()
}

#[cfg(test)]
mod tests {
    use rustix::net::{SendFlags, send, socketpair};

    use super::*;

    /// Which of these datagrams pass a filter: their first words.
    fn passed(filter: &[SockFilter], datagrams: &[&[u8]]) -> Vec<String> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::DGRAM, flags, None).unwrap();
        sys::attach_filter(ours.as_fd(), filter).unwrap();
        let mut passed = Vec::new();
        for text in datagrams {
            // What the filter drops, the sender of a Unix socket is told of.
            let _dropped = send(&theirs, text, SendFlags::empty());
            let mut buffer = [0; 64];
            if let Ok(Heard::Datagram(len)) = receive(ours.as_fd(), &mut buffer) {
                passed.push(String::from_utf8_lossy(&buffer[..len]).split('\0').next().unwrap().to_owned());
            }
        }
        passed
    }

    #[test]
    fn only_what_is_about_modules_wakes_anybody() {
        let datagrams = [
            &b"add@/module/nf_conntrack\0ACTION=add\0"[..],
            b"remove@/module/x\0",
            b"add@/module/",
            b"add@/devices/virtual/net/eth0\0SUBSYSTEM=net\0",
            b"remove@/devices/module/x\0",
            b"change@/module/x\0",
            b"add@/modules/x\0",
            b"add@/mod",
            b"remove@/mode",
            b"addx/module/x\0",
            b"libudev\0\xfe\xed\xca\xfeadd@/module/x",
            b"",
        ];
        assert_eq!(passed(&of_modules(), &datagrams), ["add@/module/nf_conntrack", "remove@/module/x", "add@/module/"]);
    }

    #[test]
    fn only_devices_that_change_wake_anybody() {
        let datagrams = [
            &b"change@/devices/platform/VMGENCTR:00\0ACTION=change\0NEW_VMGENID=1\0"[..],
            b"change@/dev",
            b"change@/de",
            b"change@/module/x\0",
            b"changed/devices/x\0",
            b"add@/devices/x\0",
            b"libudev\0\xfe\xed\xca\xfechange@/devices/x",
            b"",
        ];
        assert_eq!(passed(&of_changes(), &datagrams), ["change@/devices/platform/VMGENCTR:00", "change@/dev"]);
    }

    #[test]
    fn the_kernel_has_all_of_these_sockets_to_give() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            Multicast::links().unwrap();
            Multicast::modules().unwrap();
            Multicast::changes().unwrap();
            Multicast::ipv4().unwrap();
            Multicast::routes().unwrap();
            Multicast::devices().unwrap();
        });
    }
}
