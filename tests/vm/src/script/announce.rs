//! An event that the kernel tells everybody, as a driver would have it told: whoever is root may ask for one.

use std::io;

use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

use super::Report;

/// linux/netlink.h: the first type of a message that is not netlink's own, and that a question wants an answer.
const TYPE: u16 = 0x10;
const REQUEST_AND_ANSWER: u16 = 0x01 | 0x04;
/// Bytes before the message itself (`NLMSG_HDRLEN`), and in an answer before the `errno`, as negative number.
const HEADER: usize = 16;

/// Words are its fields: `change@/devices/x ACTION=change KEY=VALUE`. The kernel adds its number.
pub(super) fn announce(event: &str) -> io::Result<Report> {
    let mut fields = event.replace(' ', "\0").into_bytes();
    fields.push(0);
    let length = u32::try_from(HEADER + fields.len()).map_err(io::Error::other)?;
    let mut message = length.to_ne_bytes().to_vec();
    message.extend([TYPE, REQUEST_AND_ANSWER].map(u16::to_ne_bytes).concat());
    // Neither its number nor its sender matter.
    message.extend([0; 8]);
    message.extend(fields);
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(netlink::KOBJECT_UEVENT))?;
    sendto(&socket, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0_u8; 64];
    recv(&socket, &mut answer, RecvFlags::empty())?;
    let errno = answer.get(HEADER..).and_then(<[u8]>::first_chunk).map_or(0, |errno| -i32::from_ne_bytes(*errno));
    if errno != 0 {
        return Err(Errno::from_raw_os_error(errno).into());
    }
    Ok(Report::of_file(b""))
}
