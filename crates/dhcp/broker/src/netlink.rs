//! Addresses and routes: the kernel half of a lease, over rtnetlink.
//!
//! A change is planned purely ([`Plan`]) and then sent as one datagram with all its parts; the kernel works through it
//! in order and answers each. It does so before `send` returns, so waiting for the answers takes no time; should one be
//! missing all the same, [`ANSWER_TIMEOUT`] ends the wait. That is why nothing here is `async`.
//!
//! Renewing never makes anything flap: what stays is put once more, which the kernel does not even announce, and
//! what goes is removed after the new is in.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use netlink_packet_core::{NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use orlop_dhcp_contract::{IfIndex, KernelRoute};
use orlop_machine::Instant;
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};

pub(crate) mod footprint;
pub(crate) mod frame;
mod observed;
pub(crate) mod request;
mod watch;

pub use footprint::{Change, Footprint, Plan, RouteChoice};
pub use observed::{Missing, Observed, Owner};
pub use watch::{Removed, Watch, next_removal};

use frame::{Frame, Request};

/// The kernel's routing tables.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Netlink {
    /// Opens the socket. To be done before the sandbox narrows.
    ///
    /// # Errors
    /// When the kernel has no rtnetlink socket to give.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind(&SocketAddr::new(0, 0))?;
        // To the kernel only, and from the kernel only.
        socket.connect(&SocketAddr::new(0, 0))?;
        // An answer with a copy of the whole question fills the receive buffer; the number is enough.
        socket.set_cap_ack(true)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER_TIMEOUT))?;
        set_socket_timeout(&socket, Timeout::Send, Some(ANSWER_TIMEOUT))?;
        Ok(Self { socket, sequence: 0, buffer: Vec::with_capacity(RECEIVE_BUFFER) })
    }

    /// Sets the link up. Harmless when it is.
    ///
    /// # Errors
    /// What the kernel says; `EPERM` without CAP_NET_ADMIN.
    pub fn set_up(&mut self, link: IfIndex) -> Result<(), NetlinkError> {
        self.single("set the link up", request::set_up(link))
    }

    /// Has other addresses in the network of ours outlive ours: an operator's second address there belongs to the
    /// first, and the kernel would remove both.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn promote_secondaries(&mut self, link: IfIndex) -> Result<(), NetlinkError> {
        self.single("keep other addresses", request::promote_secondaries(link))
    }

    /// Sets the MTU of the link itself. Some drivers reset the link for it, so it is not done unless asked for and
    /// not when it would change nothing: routes have their own limit.
    ///
    /// # Errors
    /// What the kernel says; `EINVAL` outside what the device can do.
    pub fn set_mtu(&mut self, link: IfIndex, mtu: u16) -> Result<(), NetlinkError> {
        self.single("set the MTU", request::set_mtu(link, mtu))
    }

    /// Puts `new` in force on `link` in place of `old`, which is what the last call put there.
    ///
    /// A route that the kernel refuses does not cost the lease: it is left out and named in the result. An address that is there
    /// for good and that we did not put there stays as it is: the lease is in force with it.
    ///
    /// # Errors
    /// The address was refused. What `old` put there still is.
    pub fn apply(
        &mut self,
        link: IfIndex,
        old: Option<&Footprint>,
        new: &Footprint,
        now: Instant,
    ) -> Result<Applied, NetlinkError> {
        let there = self.addresses(link)?;
        let old = old.map(|old| there.still_ours(old));
        let old = old.as_ref();
        let owner = there.owner(new, old);
        let new = Footprint { ours: owner != Owner::Another, ..new.clone() };
        let mut applied =
            Applied { footprint: Footprint { routes: Vec::new(), ..new.clone() }, refused_routes: Vec::new() };
        let put = Plan::replace(old, &new, owner == Owner::Nobody, now).put;
        let answers = self.changes(link, &put)?;
        let refused = applied.note(old, &put, &answers);
        if let Some(errno) = refused {
            // Nothing of it is in force, except routes that could be had without the address.
            self.restore(link, old, &applied.footprint, now);
            return Err(NetlinkError { doing: "add the address", errno });
        }
        // What must be repeated is not new any more.
        let new = Footprint { ours: applied.footprint.ours, ..new };
        let clean = Plan::replace(old, &new, false, now).clean;
        if !clean.is_empty() {
            let answers = self.changes(link, &clean)?;
            let _repeated = applied.note(old, &clean, &answers);
        }
        // In the order in which they can be added again.
        applied.footprint.routes.sort_by_key(|route| new.routes.iter().position(|wanted| wanted == route));
        Ok(applied)
    }

    /// After a failure: back to `old` from the routes of `new`, whose address was refused. Best effort, since whatever failed
    /// may fail again.
    fn restore(&mut self, link: IfIndex, old: Option<&Footprint>, new: &Footprint, now: Instant) {
        let new = &Footprint { ours: false, ..new.clone() };
        let undo = match old {
            Some(old) => {
                let Plan { put, clean } = Plan::replace(Some(new), old, false, now);
                [clean, put].concat()
            }
            None => Plan::withdraw(new),
        };
        let _ = self.changes(link, &undo);
    }

    /// Takes `old` out of force. What is gone already is no error; an address that somebody has made his own since stays.
    ///
    /// # Errors
    /// What the kernel said to the first removal that it refused; the others were done all the same.
    pub fn withdraw(&mut self, link: IfIndex, old: &Footprint) -> Result<(), NetlinkError> {
        let old = self.addresses(link)?.still_ours(old);
        let answers = self.changes(link, &Plan::withdraw(&old))?;
        let failed = answers.into_iter().find_map(Result::err);
        failed.map_or(Ok(()), |errno| Err(NetlinkError { doing: "remove the address or a route", errno }))
    }

    /// What is on `link` now that a DHCP client put there, for taking up where an earlier process ended.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn current(&mut self, link: IfIndex) -> Result<Observed, NetlinkError> {
        let mut observed = self.addresses(link)?;
        // A route of ours prefers an address of ours, and the kernel removes it with the address.
        if observed.is_empty() {
            return Ok(observed);
        }
        self.dump("read the routes", request::dump_routes(), |frame| observed.route(link, frame))?;
        Ok(observed)
    }

    /// What of `own`, which we put on `link`, is not there any more.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn missing(&mut self, link: IfIndex, own: &Footprint) -> Result<Missing, NetlinkError> {
        let (mut observed, mut elsewhere) = (Observed::default(), false);
        self.dump("read the addresses", request::dump_addresses(), |frame| {
            observed.address(link, frame);
            elsewhere |= observed::is_on_another(link, own.addr, frame);
        })?;
        self.dump("read the routes", request::dump_routes(), |frame| observed.route(link, frame))?;
        Ok(Missing { elsewhere, ..observed.missing(own) })
    }

    /// Puts back the route to the network of an address that is there, as the kernel adds it with the address.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn put_network(&mut self, link: IfIndex, own: &Footprint) -> Result<(), NetlinkError> {
        self.single("put back the route to the network", request::network(link, own.addr, own.prefix, own.metric))
    }

    fn addresses(&mut self, link: IfIndex) -> Result<Observed, NetlinkError> {
        let mut observed = Observed::default();
        self.dump("read the addresses", request::dump_addresses(), |frame| observed.address(link, frame))?;
        Ok(observed)
    }

    /// Makes all changes in as few datagrams as the receive buffer allows, and gives the answer to each. A removal
    /// of what is not there is a success.
    fn changes(&mut self, link: IfIndex, changes: &[Change]) -> Result<Vec<Result<(), Errno>>, NetlinkError> {
        let mut answers = Vec::with_capacity(changes.len());
        for batch in changes.chunks(MAX_BATCH) {
            let requests: Vec<Request> = batch.iter().map(|change| change.request(link)).collect();
            let batch_answers = self.transact("change the addresses and routes", &requests)?;
            answers.extend(batch.iter().zip(batch_answers).map(|(change, answer)| match answer {
                // In this order: no such route, no such address, no such link.
                Err(Errno::SRCH | Errno::ADDRNOTAVAIL | Errno::NODEV) if change.is_removal() => Ok(()),
                answer => answer,
            }));
        }
        Ok(answers)
    }

    fn single(&mut self, doing: &'static str, request: Request) -> Result<(), NetlinkError> {
        let answers = self.transact(doing, &[request])?;
        answers.into_iter().find_map(Result::err).map_or(Ok(()), |errno| Err(NetlinkError { doing, errno }))
    }

    /// Sends all requests in one datagram and waits for the answer to each.
    fn transact(&mut self, doing: &'static str, requests: &[Request]) -> Result<Vec<Result<(), Errno>>, NetlinkError> {
        let first = self.send(doing, requests)?;
        let mut answers: BTreeMap<u32, Result<(), Errno>> = BTreeMap::new();
        while answers.len() < requests.len() {
            self.receive(doing)?;
            for frame in frame::frames(&self.buffer).filter(|frame| frame.kind == NLMSG_ERROR) {
                let number = frame.sequence.wrapping_sub(first);
                // Others answer something that we no longer wait for.
                if usize::try_from(number).is_ok_and(|number| number < requests.len()) {
                    answers.entry(number).or_insert(outcome(&frame));
                }
            }
        }
        Ok(answers.into_values().collect())
    }

    /// Asks for everything of a kind, again when it changed while the kernel listed it.
    fn dump(
        &mut self,
        doing: &'static str,
        request: Request,
        mut take: impl FnMut(&Frame<'_>),
    ) -> Result<(), NetlinkError> {
        for _ in 0..DUMP_ATTEMPTS {
            let first = self.send(doing, core::slice::from_ref(&request))?;
            let (mut done, mut interrupted) = (false, false);
            while !done {
                self.receive(doing)?;
                for frame in frame::frames(&self.buffer).filter(|frame| frame.sequence == first) {
                    interrupted |= frame.flags & NLM_F_DUMP_INTR != 0;
                    match frame.kind {
                        NLMSG_DONE => done = true,
                        NLMSG_ERROR => {
                            outcome(&frame).map_err(|errno| NetlinkError { doing, errno })?;
                            done = true;
                        }
                        _ => take(&frame),
                    }
                }
            }
            if !interrupted {
                return Ok(());
            }
        }
        // Something changes all the time. What was seen was there at some moment.
        Ok(())
    }

    /// Sends the requests and gives the number of the first.
    fn send(&mut self, doing: &'static str, requests: &[Request]) -> Result<u32, NetlinkError> {
        let first = self.sequence;
        self.sequence = first.wrapping_add(u32::try_from(requests.len()).unwrap_or(u32::MAX));
        self.socket.send(&frame::encode(requests, first), 0).map_err(|error| NetlinkError::new(doing, &error))?;
        Ok(first)
    }

    /// Waits for the next datagram from the kernel, at most [`ANSWER_TIMEOUT`].
    fn receive(&mut self, doing: &'static str) -> Result<(), NetlinkError> {
        self.buffer.clear();
        self.socket.recv(&mut self.buffer, 0).map(|_len| ()).map_err(|error| {
            let timed_out = matches!(error.kind(), io::ErrorKind::WouldBlock);
            if timed_out { NetlinkError { doing, errno: Errno::TIMEDOUT } } else { NetlinkError::new(doing, &error) }
        })
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The answer in an `NLMSG_ERROR`.
fn outcome(frame: &Frame<'_>) -> Result<(), Errno> {
    match frame.code() {
        Some(0) => Ok(()),
        Some(negated) => Err(Errno::from_raw_os_error(negated.saturating_neg())),
        None => Err(Errno::BADMSG),
    }
}

/// A lease is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// What of it is ours: not the address when it was somebody else's already, and not the routes that the kernel refused or that
    /// were there.
    pub footprint: Footprint,
    /// Routes that the kernel did not take, with what it said.
    pub refused_routes: Vec<(KernelRoute, Errno)>,
}

impl Applied {
    /// Takes note of the answers to `changes`, made where `old` was in force. Gives what the kernel said when it refused the address.
    fn note(&mut self, old: Option<&Footprint>, changes: &[Change], answers: &[Result<(), Errno>]) -> Option<Errno> {
        let mut refused = None;
        for (change, answer) in changes.iter().zip(answers) {
            match (change, *answer) {
                (Change::PutAddress { .. }, Ok(())) => {}
                // Somebody has put it there since we looked.
                (Change::PutAddress { anew: true, .. }, Err(Errno::EXIST)) => self.footprint.ours = false,
                (Change::PutAddress { .. }, Err(errno)) => refused = Some(errno),
                (Change::PutRoute { route, .. }, answer) => self.note_route(old, route, answer),
                (Change::DropRoute { .. } | Change::DropAddress { .. }, _) => {}
            }
        }
        refused
    }

    fn note_route(&mut self, old: Option<&Footprint>, route: &KernelRoute, answer: Result<(), Errno>) {
        // Tried again after a removal: the last answer counts.
        self.refused_routes.retain(|(refused, _)| refused != route);
        let before = || old.is_some_and(|old| old.has_route_of(&self.footprint, route));
        match answer {
            // The very same route is there, and only what we put there is ours.
            Err(Errno::EXIST) if !before() => {}
            Ok(()) | Err(Errno::EXIST) if self.footprint.routes.contains(route) => {}
            Ok(()) | Err(Errno::EXIST) => self.footprint.routes.push(*route),
            Err(errno) => self.refused_routes.push((*route, errno)),
        }
    }
}

/// The kernel refused a change, or did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot {doing}")]
pub struct NetlinkError {
    /// What was tried.
    pub doing: &'static str,
    /// What the kernel said; `ETIMEDOUT` when it said nothing.
    #[source]
    pub errno: Errno,
}

impl NetlinkError {
    fn new(doing: &'static str, error: &io::Error) -> Self {
        Self { doing, errno: Errno::from_io_error(error).unwrap_or(Errno::IO) }
    }
}

/// How long an answer may take. It is there when `send` returns; this is for a kernel that loses it.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Changes per datagram. An answer takes about 1 KiB of the 208 KiB that a socket may queue by default; a usual lease
/// has two to five changes, the largest possible one 130.
const MAX_BATCH: usize = 64;

/// Of each datagram from the kernel: it fills at most 32 KiB.
const RECEIVE_BUFFER: usize = 32 * 1024;

/// How often to ask again for a list that changes while it is made.
const DUMP_ATTEMPTS: usize = 3;

#[cfg(test)]
mod tests;
