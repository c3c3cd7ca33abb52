//! Whole Ethernet frames in and out, of every interface of a namespace.
//!
//! One unbound socket hears all interfaces, also those that appear later, and each frame carries its interface. Where to
//! send is a [`Port`], which is what `getifaddrs` calls an interface's link address: there is no other safe way to
//! one in the libraries at hand.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::cmsg_space;
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, LinkAddr, MsgFlags, MultiHeaders, SockFlag, SockProtocol,
    SockType, recvmsg, sendmmsg, sendto, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;

/// Frames wait here while the reader has no processor: 16 MiB are 100 ms of a flood.
const RECEIVE_QUEUE: usize = 16 << 20;
/// A whole frame of any MTU a test uses.
const FRAME_BUFFER: usize = 65536;
/// `PACKET_OUTGOING` (linux/if_packet.h): a frame this host itself sends.
const PACKET_OUTGOING: u8 = 4;

/// A packet socket.
pub struct PacketSocket {
    fd: OwnedFd,
    buffer: RefCell<Vec<u8>>,
}

/// What a packet socket hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hears {
    /// All frames, also those this host sends.
    Everything,
    /// IPv4 from the wire, not what this host sends.
    IncomingIpv4,
    /// Nothing: it only sends.
    Nothing,
}

/// An interface to send through.
#[derive(Clone, Copy, Debug)]
pub struct Port {
    address: LinkAddr,
}

/// A frame, and where and when it was heard.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The frame with its Ethernet header.
    pub frame: Vec<u8>,
    /// The interface.
    pub ifindex: u32,
    /// Whether this host sends it, in contrast to hearing it.
    pub outgoing: bool,
    /// The kernel's time stamp: time since 1970.
    pub at: Duration,
}

impl PacketSocket {
    /// Opens one in the calling thread's network namespace.
    ///
    /// # Errors
    /// Without root.
    pub fn open(hears: Hears) -> Result<Self> {
        let protocol = match hears {
            Hears::Everything => Some(SockProtocol::EthAll),
            Hears::IncomingIpv4 => Some(SockProtocol::EthIp),
            Hears::Nothing => None,
        };
        let fd =
            socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, protocol)?;
        setsockopt(&fd, sockopt::RcvBufForce, &RECEIVE_QUEUE)?;
        setsockopt(&fd, sockopt::ReceiveTimestampns, &true)?;
        Ok(Self { fd, buffer: RefCell::new(vec![0; FRAME_BUFFER]) })
    }

    /// The next frame, or `None` when none came `within` the time.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn receive(&self, within: Duration) -> Result<Option<Heard>> {
        if let Some(heard) = self.try_receive()? {
            return Ok(Some(heard));
        }
        let timeout = PollTimeout::try_from(within).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(_) | Err(Errno::EINTR) => self.try_receive(),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The next frame, if it is there already.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn try_receive(&self) -> Result<Option<Heard>> {
        let mut buffer = self.buffer.borrow_mut();
        let mut control = cmsg_space!(TimeSpec);
        let (length, address, at) = {
            let mut parts = [IoSliceMut::new(&mut buffer)];
            let message =
                match recvmsg::<LinkAddr>(self.fd.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty()) {
                    Ok(message) => message,
                    // ENETDOWN: an interface went down; the socket stays good for the others.
                    Err(Errno::EAGAIN | Errno::EINTR | Errno::ENETDOWN) => return Ok(None),
                    Err(errno) => return Err(errno).context("cannot receive frames"),
                };
            let at = message.cmsgs()?.find_map(|part| {
                if let ControlMessageOwned::ScmTimestampns(at) = part { Some(Duration::from(at)) } else { None }
            });
            (message.bytes, message.address, at.unwrap_or_default())
        };
        let address = address.context("a frame without an interface")?;
        Ok(Some(Heard {
            frame: buffer[..length].to_vec(),
            ifindex: u32::try_from(address.ifindex())?,
            outgoing: address.pkttype() == PACKET_OUTGOING,
            at,
        }))
    }

    /// Sends one frame.
    ///
    /// # Errors
    /// When the kernel refuses, for instance because the interface is down.
    pub fn send(&self, port: &Port, frame: &[u8]) -> Result<()> {
        loop {
            match sendto(self.fd.as_raw_fd(), frame, &port.address, MsgFlags::empty()) {
                Ok(_) => return Ok(()),
                Err(Errno::EAGAIN | Errno::ENOBUFS) => {
                    poll(&mut [PollFd::new(self.fd.as_fd(), PollFlags::POLLOUT)], PollTimeout::from(10_u8))?;
                }
                Err(errno) => bail!("cannot send {} bytes: {errno}", frame.len()),
            }
        }
    }

    /// Sends many frames in one system call; gives how many were taken.
    ///
    /// # Errors
    /// When the kernel refuses for another reason than a full queue.
    pub fn send_many<'a>(&self, port: &Port, frames: impl ExactSizeIterator<Item = &'a [u8]>) -> Result<usize> {
        let addresses = vec![Some(port.address); frames.len()];
        let mut headers = MultiHeaders::<LinkAddr>::preallocate(frames.len(), None);
        let slices: Vec<_> = frames.map(|frame| [IoSlice::new(frame)]).collect();
        let nothing: [ControlMessage<'_>; 0] = [];
        match sendmmsg(self.fd.as_raw_fd(), &mut headers, &slices, &addresses, nothing, MsgFlags::empty()) {
            Ok(results) => Ok(results.count()),
            Err(Errno::EAGAIN | Errno::ENOBUFS) => Ok(0),
            Err(errno) => bail!("cannot send {} frames: {errno}", slices.len()),
        }
    }
}

impl Port {
    /// The interface of that name in the calling thread's network namespace.
    ///
    /// # Errors
    /// When there is none.
    pub fn named(name: &str) -> Result<Self> {
        let address = getifaddrs()?
            .filter(|entry| entry.interface_name == name)
            .find_map(|entry| entry.address?.as_link_addr().copied())
            .with_context(|| format!("no interface {name}"))?;
        Ok(Self { address })
    }

    /// Its index.
    #[must_use]
    pub fn ifindex(&self) -> u32 {
        u32::try_from(self.address.ifindex()).unwrap_or(0)
    }

    /// Its hardware address.
    #[must_use]
    pub fn mac(&self) -> [u8; 6] {
        self.address.addr().unwrap_or_default()
    }
}

/// Names of interfaces by index, looked up once for each new index.
#[derive(Default)]
pub(crate) struct Names(HashMap<u32, String>);

impl Names {
    pub(crate) fn of(&mut self, ifindex: u32) -> String {
        if !self.0.contains_key(&ifindex) {
            for entry in getifaddrs().into_iter().flatten() {
                if let Some(link) = entry.address.as_ref().and_then(|address| address.as_link_addr()) {
                    self.0.insert(u32::try_from(link.ifindex()).unwrap_or(0), entry.interface_name);
                }
            }
        }
        self.0.get(&ifindex).cloned().unwrap_or_else(|| format!("#{ifindex}"))
    }
}
