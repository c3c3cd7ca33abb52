//! Which interfaces there are, and what becomes of them: one rtnetlink multicast socket, read in order.
//!
//! Start at [`Interfaces::next`]. The list at the start and the changes after it come through the same socket and the
//! same [`Table`], so nothing can fall between. When the kernel had to drop changes (`ENOBUFS`), the list is read again
//! and only the differences come out.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;

use netlink_packet_core::{NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{AsyncSocket, SocketAddr, TokioSocket};
use orlop_dhcp_contract::HardwareAddr;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::netlink::frame::{self, Frame};
use crate::netlink::request::{RTM_DELLINK, RTM_NEWLINK, dump_links};
use crate::selection::Selection;

mod link;
mod table;

pub use link::Link;
pub use table::{LinkEvent, Table};

/// Whether this network namespace has an interface called `name`.
#[must_use]
pub fn exists(name: &str) -> bool {
    let any = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None);
    any.and_then(|socket| rustix::net::netdevice::name_to_index(socket, name)).is_ok()
}

/// A stream of [`LinkEvent`]s.
pub struct Interfaces {
    socket: TokioSocket,
    table: Table,
    buffer: Vec<u8>,
    ready: VecDeque<LinkEvent>,
    list: List,
    sequence: u32,
}

/// Where the reading of the whole list stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Wanted,
    /// `spoilt`: changes were lost meanwhile, so that it must be read once more.
    Running {
        spoilt: bool,
    },
    Read,
}

impl Interfaces {
    /// Opens the socket. To be done before the sandbox narrows, inside a tokio runtime.
    ///
    /// # Errors
    /// When the kernel has no rtnetlink socket to give.
    pub fn open(selection: Selection) -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        socket.socket_mut().bind(&SocketAddr::new(0, RTMGRP_LINK))?;
        socket.socket_mut().connect(&SocketAddr::new(0, 0))?;
        Ok(Self {
            socket,
            table: Table::new(selection),
            buffer: Vec::with_capacity(RECEIVE_BUFFER),
            ready: VecDeque::new(),
            list: List::Wanted,
            sequence: 0,
        })
    }

    /// The hardware addresses of this host, each once; those of the links that are ours come first.
    #[must_use]
    pub fn hardware(&self) -> Vec<HardwareAddr> {
        self.table.hardware()
    }

    /// Asks for the list of links ahead of the first [`Interfaces::next`]: the kernel answers while other things are
    /// done.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn request_list(&mut self) -> io::Result<()> {
        if self.list == List::Wanted { self.send_list_request() } else { Ok(()) }
    }

    /// Waits for the next event. The links that are there come first, each as [`LinkEvent::Added`], and then
    /// [`LinkEvent::Listed`]. Nothing is lost when the returned future is dropped.
    ///
    /// # Errors
    /// The kernel refuses the list. There is no sense in calling again.
    pub async fn next(&mut self) -> io::Result<LinkEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            if self.list == List::Wanted {
                self.send_list_request()?;
            }
            let Self { socket, buffer, .. } = self;
            buffer.clear();
            match poll_fn(|context| socket.poll_recv_from(context, buffer)).await {
                Ok(_kernel) => self.take_datagram()?,
                Err(error) if Errno::from_io_error(&error) == Some(Errno::NOBUFS) => self.lost_changes(),
                Err(error) => return Err(error),
            }
        }
    }

    /// Another selection, after a reload: what is no longer wanted is removed, what is now wanted added.
    pub fn select(&mut self, selection: Selection) {
        self.ready.extend(self.table.select(selection));
        self.lost_changes();
    }

    /// The links that are ours, as they are now.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.table.links()
    }

    fn send_list_request(&mut self) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        self.socket.socket_ref().send(&frame::encode(&[dump_links()], self.sequence), 0)?;
        self.table.begin_list();
        self.list = List::Running { spoilt: false };
        Ok(())
    }

    fn lost_changes(&mut self) {
        self.list = match self.list {
            List::Running { spoilt: _ } => List::Running { spoilt: true },
            List::Wanted | List::Read => List::Wanted,
        };
    }

    fn take_datagram(&mut self) -> io::Result<()> {
        for frame in frame::frames(&self.buffer) {
            let of_list = frame.sequence == self.sequence && matches!(self.list, List::Running { .. });
            // The list changed while the kernel made it.
            if of_list && frame.flags & NLM_F_DUMP_INTR != 0 {
                self.list = List::Running { spoilt: true };
            }
            match frame.kind {
                RTM_NEWLINK => {
                    if let Some(seen) = link::parse(frame.payload) {
                        self.ready.extend(self.table.saw(seen));
                    }
                }
                RTM_DELLINK => {
                    if let Some(seen) = link::parse(frame.payload) {
                        self.ready.extend(self.table.gone(seen));
                    }
                }
                NLMSG_DONE | NLMSG_ERROR if of_list => {
                    if let Some(error) = refusal(&frame) {
                        return Err(error);
                    }
                    if self.list == (List::Running { spoilt: false }) {
                        self.list = List::Read;
                        self.ready.extend(self.table.end_list());
                    } else {
                        self.list = List::Wanted;
                    }
                }
                _ => {}
            }
        }
        if self.table.has_room_again() {
            self.lost_changes();
        }
        Ok(())
    }
}

/// The error in the end of a list, if it is one.
fn refusal(frame: &Frame<'_>) -> Option<io::Error> {
    frame.code().filter(|code| *code < 0).map(|code| io::Error::from_raw_os_error(code.saturating_neg()))
}

/// linux/rtnetlink.h: the group of link changes, as a bit.
const RTMGRP_LINK: u32 = 1;

/// Of each datagram from the kernel: it fills at most 32 KiB.
const RECEIVE_BUFFER: usize = 32 * 1024;

#[cfg(test)]
mod tests;
