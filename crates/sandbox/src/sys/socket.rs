//! Packet sockets and the socket options that rustix lacks.
#![allow(unsafe_code, reason = "rustix knows neither packet addresses nor packet ancillary data")]

use core::ffi::c_int;
use core::mem::{size_of, zeroed};
use core::ptr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use socket2::{SockFilter, SockRef};

/// What the kernel says about a packet beside its bytes (`struct tpacket_auxdata`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AuxiliaryData {
    /// `TP_STATUS_*`.
    pub(crate) status: u32,
    /// The 802.1Q tag, when the status says that there is one.
    pub(crate) vlan_tci: u16,
}

/// Binds a packet socket to packets of type `kind` on one interface: from here on it hears.
pub(crate) fn bind_packet(fd: BorrowedFd<'_>, ifindex: u32, kind: u16) -> io::Result<()> {
    let address = link_layer(ifindex, kind, None)?;
    let length = socklen::<libc::sockaddr_ll>();
    // SAFETY: `address` is a whole sockaddr_ll that lives through the call, and `length` is its size.
    check(unsafe { libc::bind(fd.as_raw_fd(), ptr::from_ref(&address).cast(), length) }).map(|_| ())
}

/// Sends one packet of type `kind` from interface `ifindex` to the station `to`; the kernel writes the link header.
pub(crate) fn send_packet(fd: BorrowedFd<'_>, ifindex: u32, to: &[u8], kind: u16, packet: &[u8]) -> io::Result<()> {
    let address = link_layer(ifindex, kind, Some(to))?;
    let length = socklen::<libc::sockaddr_ll>();
    // SAFETY: the packet and the address are borrowed through the call, and their lengths are passed with them.
    let sent = unsafe {
        libc::sendto(
            fd.as_raw_fd(),
            packet.as_ptr().cast(),
            packet.len(),
            libc::MSG_NOSIGNAL,
            ptr::from_ref(&address).cast(),
            length,
        )
    };
    match usize::try_from(sent) {
        Ok(sent) if sent == packet.len() => Ok(()),
        Ok(_) => Err(io::ErrorKind::WriteZero.into()),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

fn link_layer(ifindex: u32, kind: u16, to: Option<&[u8]>) -> io::Result<libc::sockaddr_ll> {
    // SAFETY: sockaddr_ll is integers and an array of bytes; all zero is a value of it.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = libc::AF_PACKET.cast_unsigned().try_into().map_err(io::Error::other)?;
    address.sll_protocol = kind.to_be();
    address.sll_ifindex = ifindex.try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
    if let Some(to) = to {
        // InfiniBand addresses have 20 bytes and do not fit; the kernel takes the rest of them from beyond the
        // struct, which we do not offer.
        let target = address.sll_addr.get_mut(..to.len()).ok_or(io::ErrorKind::InvalidInput)?;
        target.copy_from_slice(to);
        address.sll_halen = to.len().try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
    }
    Ok(address)
}

/// Receives one packet, without waiting. The length is that of the packet, also when it is longer than `buffer`.
pub(crate) fn recv_packet(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, Option<AuxiliaryData>)> {
    let (length, data) = recv_with::<libc::tpacket_auxdata>(fd, buffer)?;
    let data = data.map(|data| AuxiliaryData { status: data.tp_status, vlan_tci: data.tp_vlan_tci });
    Ok((length, data))
}

/// Receives one datagram, without waiting, and when the kernel got it: seconds and nanoseconds on the wall clock. The length
/// is that of the datagram, also when it is longer than `buffer`.
pub(crate) fn recv_stamped(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, Option<(i64, i64)>)> {
    let (length, time) = recv_with::<libc::timespec>(fd, buffer)?;
    #[allow(clippy::useless_conversion, reason = "the types differ between C libraries")]
    Ok((length, time.map(|libc::timespec { tv_sec, tv_nsec, .. }| (tv_sec.into(), tv_nsec.into()))))
}

/// Ancillary data that the kernel gives with what is received.
///
/// # Safety
/// The type is integers without padding that matters: whatever bytes are there are a value of it.
unsafe trait Ancillary: Copy {
    /// Level and type of its control message.
    const NAME: (c_int, c_int);
}

// SAFETY: integers only.
unsafe impl Ancillary for libc::tpacket_auxdata {
    const NAME: (c_int, c_int) = (libc::SOL_PACKET, libc::PACKET_AUXDATA);
}

// SAFETY: integers only.
unsafe impl Ancillary for libc::timespec {
    const NAME: (c_int, c_int) = (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS);
}

fn recv_with<T: Ancillary>(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, Option<T>)> {
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut control = Control([0; CONTROL_BYTES]);
    // SAFETY: msghdr is integers and pointers; all zero (null pointers, no lengths) is a value of it.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = CONTROL_BYTES as _;
    // MSG_TRUNC makes the kernel return the real length of what does not fit.
    // No MSG_CMSG_CLOEXEC: packet sockets carry no descriptors and refuse the flag (EINVAL).
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
    // SAFETY: the iovec and the control buffer live through the call and are not otherwise touched during it.
    let received = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, flags) };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    Ok((received, ancillary(&message)))
}

fn ancillary<T: Ancillary>(message: &libc::msghdr) -> Option<T> {
    // SAFETY: `message` was filled by recvmsg, so its control pointer and length describe our live buffer.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !header.is_null() {
        // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR return null or a header that lies within the control buffer,
        // which is aligned for it.
        let libc::cmsghdr { cmsg_len, cmsg_level, cmsg_type, .. } = unsafe { *header };
        // SAFETY: CMSG_LEN only computes.
        let whole = unsafe { libc::CMSG_LEN(u32::try_from(size_of::<T>()).ok()?) };
        // socklen_t with some C libraries, size_t with others.
        #[allow(clippy::unnecessary_cast, reason = "the type differs between C libraries")]
        let complete = cmsg_len as usize >= whole as usize;
        if (cmsg_level, cmsg_type) == T::NAME && complete {
            // SAFETY: CMSG_DATA points behind the header; `cmsg_len` says that the whole struct is there.
            let data = unsafe { libc::CMSG_DATA(header) };
            // SAFETY: as above, and any bytes are a value of T; the read does not ask for alignment.
            return Some(unsafe { ptr::read_unaligned(data.cast()) });
        }
        // SAFETY: `header` is a header within the control buffer of `message`.
        header = unsafe { libc::CMSG_NXTHDR(message, header) };
    }
    None
}

/// Room for the largest [`Ancillary`] and its header, with slack; what does not fit is cut off, never written beyond.
const CONTROL_BYTES: usize = 64;

/// Control messages are aligned like their header.
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

/// Asks for [`AuxiliaryData`] with each packet.
pub(crate) fn request_auxiliary_data(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_option(fd, libc::SOL_PACKET, libc::PACKET_AUXDATA, 1)
}

/// Asks for the time at which the kernel got each datagram.
pub(crate) fn request_times(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_option(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)
}

/// Attaches a classic BPF program: what it does not accept never reaches the socket.
pub(crate) fn attach_filter(fd: BorrowedFd<'_>, program: &[SockFilter]) -> io::Result<()> {
    SockRef::from(&fd).attach_filter(program)
}

/// Makes the attached filter permanent: nobody can detach or replace it, root included.
pub(crate) fn lock_filter(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_option(fd, libc::SOL_SOCKET, libc::SO_LOCK_FILTER, 1)
}

/// Whether the peer of a Unix socket may send descriptors to this end (since Linux 6.16).
pub(crate) fn pass_rights(fd: BorrowedFd<'_>, may: bool) -> io::Result<()> {
    /// `SO_PASSRIGHTS` of `asm-generic/socket.h`; libc does not have it yet.
    const SO_PASSRIGHTS: c_int = 83;
    set_option(fd, libc::SOL_SOCKET, SO_PASSRIGHTS, may.into())
}

fn set_option(fd: BorrowedFd<'_>, level: c_int, option: c_int, value: c_int) -> io::Result<()> {
    let length = socklen::<c_int>();
    // SAFETY: the option value is an int that lives through the call, and `length` is its size.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), level, option, ptr::from_ref(&value).cast(), length) }).map(|_| ())
}

#[expect(clippy::cast_possible_truncation, reason = "sizes of small structs")]
const fn socklen<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
