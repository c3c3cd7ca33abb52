//! The links this worker looks after: a socket to hear on and a machine to decide, each.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};

use orlop_dhcp_contract::{IfIndex, MAX_LINKS, Notice, Request, Transmission};
use orlop_dhcp_core::client::{Action, Client, Event};
use orlop_dhcp_core::frame::{MAX_PACKET, PacketInfo};
use orlop_machine::{Chance, Instant, Machine};
use orlop_sandbox::clock;
use orlop_sandbox::packet::{self, PacketSocket};
use orlop_wire::InterfaceName;

use crate::told::tell;

/// All links, and the one buffer that every packet is read into.
pub(crate) struct Links {
    links: BTreeMap<IfIndex, Link>,
    buffer: Box<[u8; MAX_PACKET]>,
    chance: Chance,
}

struct Link {
    socket: PacketSocket,
    /// What others say of our address, while that is watched.
    arp: Option<PacketSocket>,
    client: Client,
    /// What the link is called, when the log shall tell of what comes there.
    told_as: Option<InterfaceName>,
}

impl Links {
    pub(crate) fn new(chance: Chance) -> Self {
        Self { links: BTreeMap::new(), buffer: Box::new([0; MAX_PACKET]), chance }
    }

    /// When the first of the machines wants to be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.links.values().filter_map(|link| link.client.deadline()).min()
    }

    /// Tells every machine the same.
    pub(crate) fn all(&mut self, now: Instant, event: impl Fn() -> Event) -> Vec<Request> {
        let told = self.links.iter_mut().map(|(index, link)| (*index, link.handle(now, event())));
        told.flat_map(|(index, actions)| requests(index, actions)).collect()
    }

    /// Does what the broker says.
    pub(crate) fn notice(&mut self, now: Instant, notice: Notice, fd: Option<OwnedFd>) -> io::Result<Vec<Request>> {
        let (index, event) = match notice {
            Notice::LinkAdded { link, hardware, carrier, conduct, remembered } => {
                let fd = fd.ok_or_else(|| io::Error::other("a link without its socket"))?;
                if self.links.len() >= MAX_LINKS {
                    return Err(io::Error::other("more links than the contract allows"));
                }
                let told_as = conduct.told_as.clone();
                let client = Client::new(conduct, hardware, remembered, carrier, self.chance.seed());
                self.links.insert(link, Link { socket: PacketSocket::from_fd(fd)?, arp: None, client, told_as });
                (link, Event::Started)
            }
            Notice::LinkRemoved { link } => {
                self.links.remove(&link);
                return Ok(Vec::new());
            }
            Notice::Carrier { link, up: true } => (link, Event::CarrierUp),
            Notice::Carrier { link, up: false } => (link, Event::CarrierDown),
            Notice::Applied { link } => (link, Event::Applied),
            Notice::Refused { link, why } => (link, Event::Refused(why)),
            Notice::Command { link, command } => (link, Event::Command(command)),
            Notice::Watch { link, addr } => {
                let fd = fd.ok_or_else(|| io::Error::other("an address to watch without a socket"))?;
                if let Some(link) = self.links.get_mut(&link) {
                    link.arp = Some(PacketSocket::from_fd(fd)?);
                }
                (link, Event::Watch(addr))
            }
            Notice::Lost { link, addr } => (link, Event::Lost(addr)),
        };
        // A notice about a link that went away while it was on its way.
        let Some(link) = self.links.get_mut(&index) else { return Ok(Vec::new()) };
        Ok(requests(index, link.handle(now, event)).collect())
    }

    /// Hears what has come, [`PACKETS_IN_A_ROW`] of each link at most. Pending when nothing has.
    pub(crate) fn poll_packets(&mut self, context: &mut Context<'_>) -> Poll<Vec<Request>> {
        let mut wanted = Vec::new();
        let mut heard = false;
        for (index, link) in &mut self.links {
            for _ in 0..PACKETS_IN_A_ROW {
                let Poll::Ready(actions) = link.poll_packet(context, self.buffer.as_mut_slice()) else { break };
                heard = true;
                wanted.extend(requests(*index, actions));
            }
            for _ in 0..PACKETS_IN_A_ROW {
                let Poll::Ready(actions) = link.poll_arp(context, self.buffer.as_mut_slice()) else { break };
                heard = true;
                wanted.extend(requests(*index, actions));
            }
        }
        if heard { Poll::Ready(wanted) } else { Poll::Pending }
    }
}

impl Link {
    fn poll_packet(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Vec<Action>> {
        // An error says that the interface went down, which the broker will say too; reading it takes it off the socket.
        let Ok(received) = ready!(self.socket.poll_recv(context, buffer)) else { return Poll::Ready(Vec::new()) };
        let info = info(&received);
        let (packet, before) = (buffer.get(..received.len).unwrap_or_default(), self.client.progress().discards);
        let actions = self.client.receive(clock::now(), packet, info);
        if let Some(name) = &self.told_as {
            tell(name, packet, info, before, self.client.progress().discards);
        }
        Poll::Ready(actions)
    }

    fn poll_arp(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Vec<Action>> {
        let Some(socket) = &self.arp else { return Poll::Pending };
        let Ok(received) = ready!(socket.poll_recv(context, buffer)) else { return Poll::Ready(Vec::new()) };
        Poll::Ready(self.client.hear(clock::now(), buffer.get(..received.len).unwrap_or_default(), info(&received)))
    }

    fn handle(&mut self, now: Instant, event: Event) -> Vec<Action> {
        let actions = self.client.handle(now, event);
        if !self.client.is_watching() {
            self.arp = None;
        }
        actions
    }
}

fn info(received: &packet::Received) -> PacketInfo {
    let packet::Received { len: _, truncated, checksum_ready, vlan } = *received;
    PacketInfo { checksum_ready, vlan, whole: !truncated }
}

/// Packets taken from one link before the others, the broker and the clock are looked at again: a flood delays
/// nothing by more than these.
const PACKETS_IN_A_ROW: usize = 32;

/// What a machine wants, addressed to the broker.
fn requests(link: IfIndex, actions: Vec<Action>) -> impl Iterator<Item = Request> {
    actions.into_iter().map(move |action| match action {
        Action::Send { xid, secs, broadcast, want_mtu, ask } => {
            Request::Transmit(Transmission { link, xid, secs, broadcast, want_mtu, ask })
        }
        Action::Configure(lease) => Request::Configure { link, lease: *lease },
        Action::Deconfigure(why) => Request::Deconfigure { link, why },
        Action::Report(progress) => Request::Report { link, progress },
        Action::Arp(packet) => Request::Arp { link, packet },
        Action::Probed(finding) => Request::Probed { link, finding },
    })
}
