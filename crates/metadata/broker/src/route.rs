//! Which interface leads to a metadata service, as the kernel says, and when that may have changed.

use std::io::{self, IoSliceMut};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;

use orlop_sandbox::multicast::{Multicast, attribute};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvFlags, SendFlags, SocketFlags, SocketType, recvmsg, send, socket_with,
};

/// The kernel's routes. To be opened before the sandbox narrows, inside a tokio runtime.
#[derive(Debug)]
pub struct Routes {
    changes: Multicast,
    questions: OwnedFd,
}

impl Routes {
    /// Opens the sockets.
    ///
    /// # Errors
    /// The kernel has none to give.
    pub fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        // NETLINK_ROUTE is protocol 0.
        let questions = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, None)?;
        Ok(Self { changes: Multicast::routes()?, questions })
    }

    /// Waits until packets may go another way than before. Cancelling loses nothing.
    ///
    /// # Errors
    /// None on a kernel that works.
    pub async fn changed(&self) -> io::Result<()> {
        self.changes.recv(&mut [0; 1]).await.map(|_| ())
    }

    /// The number of the interface by which packets to `addr` leave this machine; `None` when there is no route to it, or it
    /// is this machine itself.
    ///
    /// # Errors
    /// None on a kernel that works.
    pub fn to(&self, addr: IpAddr) -> io::Result<Option<NonZeroU32>> {
        let question = question(addr);
        send(&self.questions, &question, SendFlags::DONTWAIT)?;
        let mut answer = [0; ANSWER];
        let mut none = RecvAncillaryBuffer::default();
        // The kernel has answered by the time that it has taken the question.
        let received = recvmsg(&self.questions, &mut [IoSliceMut::new(&mut answer)], &mut none, RecvFlags::DONTWAIT);
        match received {
            Ok(received) => Ok(interface(answer.get(..received.bytes).unwrap_or(&answer))),
            Err(Errno::AGAIN) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Room for an answer about one route.
const ANSWER: usize = 1024;
/// `struct nlmsghdr`.
const HEADER: usize = 16;
/// `struct rtmsg`.
const ROUTE: usize = 12;

// linux/rtnetlink.h and linux/netlink.h
const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
const NLM_F_REQUEST: u16 = 1;
const RTN_UNICAST: u8 = 1;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// A `RTM_GETROUTE` for `addr`.
fn question(addr: IpAddr) -> Vec<u8> {
    let (family, bits, octets) = match addr {
        IpAddr::V4(addr) => (AF_INET, 32, addr.octets().to_vec()),
        IpAddr::V6(addr) => (AF_INET6, 128, addr.octets().to_vec()),
    };
    let attribute = u16::try_from(4 + octets.len()).unwrap_or_default();
    let length = u32::try_from(HEADER + ROUTE).unwrap_or_default() + u32::from(attribute);
    let mut bytes = Vec::new();
    bytes.extend(length.to_ne_bytes());
    bytes.extend(RTM_GETROUTE.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST.to_ne_bytes());
    // Sequence and port number.
    bytes.extend([0; 8]);
    bytes.extend([family, bits]);
    bytes.extend([0; ROUTE - 2]);
    bytes.extend(attribute.to_ne_bytes());
    bytes.extend(RTA_DST.to_ne_bytes());
    bytes.extend(octets);
    bytes
}

/// The interface of a route that leads somewhere else, in an answer.
fn interface(answer: &[u8]) -> Option<NonZeroU32> {
    let kind = u16::from_ne_bytes(*answer.get(4..)?.first_chunk()?);
    let route = answer.get(HEADER..)?;
    if kind != RTM_NEWROUTE || *route.get(7)? != RTN_UNICAST {
        return None;
    }
    let index = attribute(route.get(ROUTE..)?, RTA_OIF)?;
    NonZeroU32::new(u32::from_ne_bytes(*index.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_itself_is_no_way_to_anybody() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let routes = Routes::open().unwrap();
            for own in ["127.0.0.1", "127.1.2.3", "::1"] {
                assert_eq!(routes.to(own.parse().unwrap()).unwrap(), None, "{own}");
            }
        });
    }

    #[test]
    fn an_answer_that_is_cut_or_none_names_no_interface() {
        let mut answer = question("192.0.2.1".parse().unwrap());
        answer[4..6].copy_from_slice(&RTM_NEWROUTE.to_ne_bytes());
        answer[HEADER + 7] = RTN_UNICAST;
        assert_eq!(interface(&answer), None);
        answer.extend([8, 0, 4, 0, 7, 0, 0, 0]);
        assert_eq!(interface(&answer), NonZeroU32::new(7));
        for end in 0..answer.len() {
            assert_eq!(interface(&answer[..end]), None, "{end}");
        }
        // RTN_LOCAL
        answer[HEADER + 7] = 2;
        assert_eq!(interface(&answer), None);
    }
}
