//! The messages of rtnetlink, as far as tests read them (rtnetlink(7)).

use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, setsockopt, socket,
    sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike as _};

use super::{Address, Change, Item, Link, Route};

/// A lifetime that never ends.
const FOREVER: u32 = u32::MAX;
/// One datagram of a dump is at most 32 KiB (`NLMSG_GOODSIZE` grown by the receiver's buffer, netlink(7)).
pub(crate) const RECEIVE_BUFFER: usize = 64 * 1024;
/// A dump is answered by the kernel itself: this long only when the machine is badly overloaded.
const DUMP_DEADLINE: Duration = Duration::from_secs(5);

/// Opens a rtnetlink socket in the calling thread's namespace that hears these multicast groups (`RTMGRP_*`).
pub(crate) fn open(groups: u32) -> Result<OwnedFd> {
    let netlink = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    setsockopt(&netlink, sockopt::RcvBufForce, &(4 << 20))?;
    bind(netlink.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
    Ok(netlink)
}

pub(super) fn dump(request: u16) -> Result<Vec<Change>> {
    let netlink = open(0)?;
    setsockopt(&netlink, sockopt::ReceiveTimeout, &TimeVal::seconds(i64::try_from(DUMP_DEADLINE.as_secs())?))?;
    let mut message = Vec::new();
    message.extend_from_slice(&(HEADER + 16).to_ne_bytes()[..4]);
    message.extend_from_slice(&request.to_ne_bytes());
    message.extend_from_slice(&(NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    message.extend_from_slice(&[0; 8]);
    // struct ifinfomsg, ifaddrmsg and rtmsg all start with the family, and zero means any for the rest.
    message.push(if request == RTM_GETLINK { 0 } else { AF_INET });
    message.extend_from_slice(&[0; 15]);
    send(netlink.as_raw_fd(), &message, MsgFlags::empty())?;
    let mut found = Vec::new();
    let mut buffer = vec![0; RECEIVE_BUFFER];
    loop {
        let length = recv(netlink.as_raw_fd(), &mut buffer, MsgFlags::empty()).context("rtnetlink does not answer")?;
        let datagram = decode(&buffer[..length])?;
        found.extend(datagram.changes);
        if datagram.done {
            return Ok(found);
        }
    }
}

/// What one datagram says.
pub(crate) struct Datagram {
    pub(crate) changes: Vec<Change>,
    /// Whether it is the end of a dump.
    pub(crate) done: bool,
}

/// Decodes the messages of one datagram; kinds and families that tests do not care for are passed over.
pub(crate) fn decode(mut bytes: &[u8]) -> Result<Datagram> {
    let mut datagram = Datagram { changes: Vec::new(), done: false };
    while bytes.len() >= HEADER {
        let length = usize::try_from(u32::from_ne_bytes(field(bytes, 0)?))?;
        let kind = u16::from_ne_bytes(field(bytes, 4)?);
        let body = bytes.get(HEADER..length).context("a netlink message is longer than its datagram")?;
        let item = match kind {
            NLMSG_DONE => {
                datagram.done = true;
                None
            }
            NLMSG_ERROR => {
                let code = i32::from_ne_bytes(field(body, 0)?);
                bail!("rtnetlink answers with error {code}");
            }
            RTM_NEWLINK | RTM_DELLINK => link(body)?.map(Item::Link),
            RTM_NEWADDR | RTM_DELADDR => address(body)?.map(Item::Address),
            RTM_NEWROUTE | RTM_DELROUTE => route(body)?.map(Item::Route),
            _ => None,
        };
        let deleted = matches!(kind, RTM_DELLINK | RTM_DELADDR | RTM_DELROUTE);
        datagram.changes.extend(item.map(|item| Change { deleted, item }));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(datagram)
}

fn link(body: &[u8]) -> Result<Option<Link>> {
    if body.first() != Some(&0) {
        return Ok(None); // another family tells about its own settings of a link
    }
    let flags = u32::from_ne_bytes(field(body, 8)?);
    let mut link = Link {
        ifindex: u32::from_ne_bytes(field(body, 4)?),
        name: String::new(),
        up: flags & IFF_UP != 0,
        carrier: flags & IFF_LOWER_UP != 0,
        operational: false,
        mtu: 0,
    };
    for (kind, value) in attributes(body, 16)? {
        match kind {
            IFLA_IFNAME => link.name = String::from_utf8_lossy(value).trim_end_matches('\0').to_owned(),
            IFLA_OPERSTATE => link.operational = value.first() == Some(&IF_OPER_UP),
            IFLA_MTU => link.mtu = u32::from_ne_bytes(field(value, 0)?),
            _ => {}
        }
    }
    Ok(Some(link))
}

fn address(body: &[u8]) -> Result<Option<Address>> {
    if body.first() != Some(&AF_INET) {
        return Ok(None);
    }
    let [_, prefix] = field(body, 0)?;
    let mut address = Address {
        ifindex: u32::from_ne_bytes(field(body, 4)?),
        address: Ipv4Addr::UNSPECIFIED,
        prefix,
        broadcast: None,
        valid: None,
        preferred: None,
        protocol: 0,
    };
    for (kind, value) in attributes(body, 8)? {
        match kind {
            IFA_LOCAL => address.address = Ipv4Addr::from(field::<4>(value, 0)?),
            IFA_BROADCAST => address.broadcast = Some(Ipv4Addr::from(field::<4>(value, 0)?)),
            IFA_PROTO => [address.protocol] = field(value, 0)?,
            IFA_CACHEINFO => {
                let lifetime = |seconds: u32| (seconds != FOREVER).then_some(seconds);
                address.preferred = lifetime(u32::from_ne_bytes(field(value, 0)?));
                address.valid = lifetime(u32::from_ne_bytes(field(value, 4)?));
            }
            _ => {}
        }
    }
    Ok(Some(address))
}

fn route(body: &[u8]) -> Result<Option<Route>> {
    let [family, prefix, _, _, table, protocol, scope, _] = field(body, 0)?;
    if family != AF_INET {
        return Ok(None);
    }
    let mut route = Route {
        destination: (Ipv4Addr::UNSPECIFIED, prefix),
        gateway: None,
        ifindex: 0,
        metric: 0,
        table: u32::from(table),
        protocol,
        scope,
        source: None,
        onlink: u32::from_ne_bytes(field(body, 8)?) & RTNH_F_ONLINK != 0,
        mtu: None,
    };
    for (kind, value) in attributes(body, 12)? {
        match kind {
            RTA_DST => route.destination.0 = Ipv4Addr::from(field::<4>(value, 0)?),
            RTA_GATEWAY => route.gateway = Some(Ipv4Addr::from(field::<4>(value, 0)?)),
            RTA_PREFSRC => route.source = Some(Ipv4Addr::from(field::<4>(value, 0)?)),
            RTA_OIF => route.ifindex = u32::from_ne_bytes(field(value, 0)?),
            RTA_PRIORITY => route.metric = u32::from_ne_bytes(field(value, 0)?),
            RTA_TABLE => route.table = u32::from_ne_bytes(field(value, 0)?),
            RTA_METRICS => {
                for (metric, value) in attributes(value, 0)? {
                    if metric == RTAX_MTU {
                        route.mtu = Some(u32::from_ne_bytes(field(value, 0)?));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(Some(route))
}

/// The attributes (type, length, value, padding to four) that follow a fixed part of `skip` bytes.
fn attributes(body: &[u8], skip: usize) -> Result<Vec<(u16, &[u8])>> {
    let mut rest = body.get(skip..).context("a netlink message ends inside its fixed part")?;
    let mut found = Vec::new();
    while rest.len() >= 4 {
        let length = usize::from(u16::from_ne_bytes(field(rest, 0)?));
        let kind = u16::from_ne_bytes(field(rest, 2)?) & !NLA_F_NESTED;
        found.push((kind, rest.get(4..length).context("a netlink attribute is longer than its message")?));
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(found)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N]> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().context("a netlink message ends too early")
}

// linux/netlink.h, rtnetlink.h, if_link.h, if_addr.h, if.h.
const HEADER: usize = 16;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLA_F_NESTED: u16 = 0x8000;
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
pub(super) const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
pub(super) const RTM_GETADDR: u16 = 22;
const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
pub(super) const RTM_GETROUTE: u16 = 26;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_OPERSTATE: u16 = 16;
const IF_OPER_UP: u8 = 6;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
const IFA_CACHEINFO: u16 = 6;
const IFA_PROTO: u16 = 11;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_PREFSRC: u16 = 7;
const RTA_METRICS: u16 = 8;
const RTA_TABLE: u16 = 15;
const RTAX_MTU: u16 = 2;
const RTNH_F_ONLINK: u32 = 4;
const AF_INET: u8 = 2;
const IFF_UP: u32 = 0x1;
const IFF_LOWER_UP: u32 = 0x1_0000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::PROTOCOL_DHCP;

    /// One message: header, fixed part, attributes.
    fn message(kind: u16, fixed: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = fixed.to_vec();
        for (kind, value) in attributes {
            body.extend_from_slice(&u16::try_from(value.len() + 4).unwrap().to_ne_bytes());
            body.extend_from_slice(&kind.to_ne_bytes());
            body.extend_from_slice(value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let mut bytes = u32::try_from(body.len() + HEADER).unwrap().to_ne_bytes().to_vec();
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&[0; 10]);
        bytes.extend(body);
        bytes
    }

    #[test]
    fn an_address_with_lifetimes_and_protocol_is_read() {
        let lifetimes: Vec<u8> = [50_u32, FOREVER, 0, 0].iter().flat_map(|n| n.to_ne_bytes()).collect();
        let bytes = message(
            RTM_DELADDR,
            &[AF_INET, 24, 0, 0, 7, 0, 0, 0],
            &[(IFA_LOCAL, &[192, 0, 2, 9]), (IFA_PROTO, &[16]), (IFA_CACHEINFO, &lifetimes)],
        );
        let want = Address {
            ifindex: u32::from_ne_bytes([7, 0, 0, 0]),
            address: Ipv4Addr::new(192, 0, 2, 9),
            prefix: 24,
            broadcast: None,
            valid: None,
            preferred: Some(50),
            protocol: PROTOCOL_DHCP,
        };
        assert_eq!(decode(&bytes).unwrap().changes, [Change { deleted: true, item: Item::Address(want) }]);
    }

    #[test]
    fn a_message_that_lies_about_its_length_is_refused() {
        let mut bytes = message(RTM_NEWADDR, &[AF_INET, 24, 0, 0, 7, 0, 0, 0], &[(IFA_LOCAL, &[192, 0, 2, 9])]);
        bytes.truncate(bytes.len() - 2);
        assert!(decode(&bytes).is_err());
    }

    #[test]
    fn other_families_and_kinds_are_passed_over() {
        let mut bytes = message(RTM_NEWADDR, &[10, 64, 0, 0, 7, 0, 0, 0], &[]);
        bytes.extend(message(99, &[], &[]));
        bytes.extend(message(NLMSG_DONE, &[0; 4], &[]));
        let datagram = decode(&bytes).unwrap();
        assert!(datagram.changes.is_empty() && datagram.done);
    }
}
