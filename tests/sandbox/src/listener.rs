//! The packet listener, piece by piece: what a broker's own way of opening it adds to the sandbox.

use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Result, bail};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::syscall::{Errno, call};

/// How a packet listener was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listener {
    /// As the broker opens it: `SOCK_DGRAM`, with a receive filter that is locked before the socket is bound.
    Granted,
    /// As the broker opens it, but the filter is not locked.
    Unlocked,
    /// As the broker opens it, but with no filter.
    Unfiltered,
    /// As the broker opens it, but `SOCK_RAW`: it transmits whatever is written to it.
    Raw,
    /// `SOCK_RAW`, a filter that lets everything through, no lock: what a careless broker would grant.
    Careless,
}

impl Listener {
    /// Opens it on interface `ifindex`.
    ///
    /// # Errors
    /// What the kernel refused.
    pub fn open(self, ifindex: i32) -> Result<OwnedFd> {
        let (kind, filter, locked) = match self {
            Self::Granted => {
                return Ok(orlop_sandbox::packet::open_listener(
                    ifindex.unsigned_abs(),
                    orlop_sandbox::packet::Ethertype::Ipv4,
                    &orlop_dhcp::filter::program(),
                )?);
            }
            Self::Unlocked => (SocketType::DGRAM, Some(NOTHING), false),
            Self::Unfiltered => (SocketType::DGRAM, None, true),
            Self::Raw => (SocketType::RAW, Some(NOTHING), true),
            Self::Careless => (SocketType::RAW, Some(EVERYTHING), false),
        };
        piecewise(ifindex, kind, filter, locked)
            .or_else(|errno| bail!("cannot open a packet listener: {}", errno.name()))
    }
}

fn piecewise(ifindex: i32, kind: SocketType, filter: Option<u32>, locked: bool) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::PACKET, kind, flags, None).map_err(|errno| Errno(errno.raw_os_error()))?;
    if let Some(accepted) = filter {
        let mut filter = [libc::sock_filter { code: 0x06, jt: 0, jf: 0, k: accepted }];
        let program = libc::sock_fprog { len: 1, filter: filter.as_mut_ptr() };
        call!(
            libc::SYS_setsockopt,
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            &program,
            size_of_val(&program)
        )?;
    }
    if locked {
        call!(libc::SYS_setsockopt, socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LOCK_FILTER, &1_i32, 4)?;
    }
    let address = libc::sockaddr_ll {
        sll_family: 17,
        sll_protocol: 0x0800_u16.to_be(),
        sll_ifindex: ifindex,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    call!(libc::SYS_bind, socket.as_raw_fd(), &address, size_of_val(&address))?;
    Ok(socket)
}

/// How many bytes of a packet a filter of one instruction lets through.
const NOTHING: u32 = 0;
const EVERYTHING: u32 = 0xffff;
