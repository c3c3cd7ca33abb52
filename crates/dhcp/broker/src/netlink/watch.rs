//! Word from the kernel that somebody has removed an address or a route of IPv4.
//!
//! It is only a reason to look: what is missing is found by comparing what is there with what we put there. So our own removals
//! need not be told from those of others, and a message that was lost costs a look too many.

use std::collections::BTreeSet;
use std::future::pending;
use std::io;

use orlop_dhcp_contract::IfIndex;
use orlop_sandbox::multicast::{Heard, Multicast, attribute};

use super::frame::{self, Frame};
use super::request::{RTM_DELADDR, RTM_DELROUTE};

/// The socket on which the kernel tells.
pub struct Watch {
    socket: Multicast,
    buffer: Vec<u8>,
}

/// On which links something was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// On these.
    On(BTreeSet<IfIndex>),
    /// Nobody knows: the kernel had more to tell than there was room for.
    Somewhere,
}

impl Removed {
    /// Whether it may have been on this link.
    #[must_use]
    pub fn concerns(&self, link: IfIndex) -> bool {
        match self {
            Self::On(links) => links.contains(&link),
            Self::Somewhere => true,
        }
    }
}

impl Watch {
    /// Opens the socket. To be done before the sandbox narrows, inside a tokio runtime.
    ///
    /// # Errors
    /// When the kernel has no rtnetlink socket to give.
    pub fn open() -> io::Result<Self> {
        Ok(Self { socket: Multicast::ipv4()?, buffer: vec![0; RECEIVE_BUFFER] })
    }

    /// Waits until something was removed. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// What the kernel says.
    pub async fn next(&mut self) -> io::Result<Removed> {
        loop {
            let Heard::Datagram(len) = self.socket.recv(&mut self.buffer).await? else {
                return Ok(Removed::Somewhere);
            };
            let datagram = self.buffer.get(..len).unwrap_or_default();
            let links: BTreeSet<IfIndex> = frame::frames(datagram).filter_map(|frame| link_of(&frame)).collect();
            if !links.is_empty() {
                return Ok(Removed::On(links));
            }
        }
    }
}

/// The next removal; never one where nothing is watched.
///
/// # Errors
/// As [`Watch::next`].
pub async fn next_removal(watch: &mut Option<Watch>) -> io::Result<Removed> {
    match watch {
        Some(watch) => watch.next().await,
        None => pending().await,
    }
}

/// The link of an address or route that is removed; of routes only those of protocols that ours have.
fn link_of(frame: &Frame<'_>) -> Option<IfIndex> {
    let number = |bytes: &[u8]| bytes.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
    let index = match frame.kind {
        // struct ifaddrmsg: family, prefix length, flags, scope, index.
        RTM_DELADDR => number(frame.payload.get(4..)?),
        // struct rtmsg: family, three lengths, table, protocol, scope, type, flags.
        RTM_DELROUTE => {
            let (head, attributes) = frame.payload.split_at_checked(12)?;
            let ours = matches!(head.get(5), Some(&(RTPROT_KERNEL | RTPROT_DHCP)));
            number(attribute(attributes, RTA_OIF).filter(|_| ours)?)
        }
        _ => None,
    };
    IfIndex::new(index?)
}

// linux/rtnetlink.h
const RTPROT_KERNEL: u8 = 2;
const RTPROT_DHCP: u8 = 16;
const RTA_OIF: u16 = 4;

/// Of each datagram from the kernel.
const RECEIVE_BUFFER: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn link(kind: u16, payload: &[u8]) -> Option<u32> {
        link_of(&Frame { kind, flags: 0, sequence: 0, payload }).map(IfIndex::get)
    }

    #[test]
    fn a_removal_names_its_link() {
        let seven = 7_u32.to_ne_bytes();
        let address = [&[2, 24, 0, 0][..], &seven].concat();
        let route = |protocol: u8| {
            let out = [&8_u16.to_ne_bytes()[..], &RTA_OIF.to_ne_bytes(), &seven].concat();
            [&[2, 0, 0, 0, 254, protocol, 0, 1, 0, 0, 0, 0][..], &out].concat()
        };
        for (what, kind, payload, want) in [
            ("an address", RTM_DELADDR, address.clone(), Some(7)),
            ("a new address", RTM_DELADDR - 1, address.clone(), None),
            ("half an address", RTM_DELADDR, address[..6].to_vec(), None),
            ("a route of a lease", RTM_DELROUTE, route(RTPROT_DHCP), Some(7)),
            ("the route of a network", RTM_DELROUTE, route(RTPROT_KERNEL), Some(7)),
            ("a route of a routing daemon", RTM_DELROUTE, route(186), None),
            ("a route without a link", RTM_DELROUTE, route(RTPROT_DHCP)[..12].to_vec(), None),
            ("nothing", RTM_DELROUTE, Vec::new(), None),
        ] {
            assert_eq!(link(kind, &payload), want, "{what}");
        }
        let on = Removed::On([IfIndex::new(7).unwrap()].into());
        assert!(on.concerns(IfIndex::new(7).unwrap()) && !on.concerns(IfIndex::new(8).unwrap()));
        assert!(Removed::Somewhere.concerns(IfIndex::new(8).unwrap()));
    }
}
