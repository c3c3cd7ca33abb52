use core::time::Duration;
use std::collections::BTreeMap;

use orlop_machine::{Bucket, Instant};

use crate::{Finding, IfIndex, Lease, MAX_LINKS, Request, ServerRule, Transmission, timing};

mod contest;
mod link;
mod servers;

use link::Link;

/// Decides what a worker may have. The broker believes nobody: a worker that an attacker owns can still write any
/// well-typed request, so each is held against what the broker itself has sent and put in force, and against how often it may
/// happen. What the worker said earlier counts for nothing.
///
/// What a lying worker can then still do: offer a hostile router or name server, as any server on the link could, and name a
/// few servers of its choice, which renewals go to.
/// What it cannot: touch an interface that is not ours, put an address in force that nobody asked for, send to a
/// host other than the leasing server, decline an address that was not leased to us, send ARP about any other, or do any of it often.
#[derive(Debug, Default)]
pub struct Policy {
    links: BTreeMap<IfIndex, Link>,
    denials: Option<Bucket>,
    /// Denials because the link is not ours.
    strays: Option<Bucket>,
}

/// A request that the policy allows. Nothing else makes one, and only one of these is ever applied.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "permission is asked for in order to use it"]
pub struct Permitted(Request);

impl Permitted {
    /// What is permitted.
    #[must_use]
    pub fn into_request(self) -> Request {
        self.0
    }
}

impl Policy {
    /// DHCP messages of one link at once, and then one each [`Policy::MESSAGE_EVERY`]: RFC 2131 section 4.1 wants
    /// far fewer; carrier flaps and short leases need the room.
    pub const MESSAGE_BURST: u32 = 20;
    /// See [`Policy::MESSAGE_BURST`].
    pub const MESSAGE_EVERY: Duration = Duration::from_millis(1500);
    /// Leases of one link at once, and then one each [`Policy::CONFIGURE_EVERY`]: each costs netlink work.
    pub const CONFIGURE_BURST: u32 = 8;
    /// See [`Policy::CONFIGURE_BURST`]. The shortest lease we renew lasts about a second.
    pub const CONFIGURE_EVERY: Duration = Duration::from_millis(500);
    /// DHCPDECLINEs of one link at once, and then one each [`Policy::DECLINE_EVERY`]: `MAX_CONFLICTS` of RFC 5227 section 1.1.
    pub const DECLINE_BURST: u32 = 10;
    /// See [`Policy::DECLINE_BURST`]: `RATE_LIMIT_INTERVAL` of RFC 5227.
    pub const DECLINE_EVERY: Duration = Duration::from_secs(60);
    /// Servers that one link's leases come from, and may come from again without being new: a pair for failover, and another.
    pub const KNOWN_SERVERS: usize = 4;
    /// New servers of one link at once, each asked by its name before it leased, and then one each
    /// [`Policy::NEW_SERVER_EVERY`]: a machine that is moved from network to network meets a few.
    pub const NEW_SERVER_BURST: u32 = 8;
    /// See [`Policy::NEW_SERVER_BURST`].
    pub const NEW_SERVER_EVERY: Duration = Duration::from_secs(60);
    /// New servers of one link that were not asked by name, and then one each [`Policy::UNASKED_SERVER_EVERY`]: a rapid commit,
    /// or another server that extends the lease. Who is refused here finds the server by offer and request.
    pub const UNASKED_SERVER_BURST: u32 = 1;
    /// See [`Policy::UNASKED_SERVER_BURST`].
    pub const UNASKED_SERVER_EVERY: Duration = Duration::from_secs(600);
    /// Reports of one link at once, and then one each [`Policy::REPORT_EVERY`].
    pub const REPORT_BURST: u32 = 64;
    /// See [`Policy::REPORT_BURST`].
    pub const REPORT_EVERY: Duration = Duration::from_millis(100);
    /// Denials before the worker counts as owned by somebody else, and one more each [`Policy::DENIAL_EVERY`].
    /// A correct worker gets one now and then, when the world changes between its question and the answer.
    pub const DENIAL_BURST: u32 = 32;
    /// See [`Policy::DENIAL_BURST`].
    pub const DENIAL_EVERY: Duration = Duration::from_secs(10);
    /// As [`Policy::DENIAL_BURST`], for links that are not ours: one can go while requests for it are on their way. This
    /// is more of them than fit into the channel.
    pub const STRAY_BURST: u32 = 1024;
    /// See [`Policy::STRAY_BURST`].
    pub const STRAY_EVERY: Duration = Duration::from_millis(100);
    /// The shortest prefix an address may have: 10/8 is the widest network that exists; a shorter one would put
    /// half the Internet on the link.
    pub const MIN_PREFIX: u8 = 8;
    /// How long after the worker began to hear of an address it may say that another host has it, where the lease is in force:
    /// RFC 5227's longest probing takes seven seconds, and a busy machine has the rest. Later, nobody unplugs it by an ARP packet.
    pub const PROBE_WINDOW: Duration = Duration::from_secs(10);
    /// ARP probes of one link at once, and then one each `PROBE_MIN` of RFC 5227.
    pub const PROBE_BURST: u32 = timing::PROBE_NUM;
    /// ARP announcements of one link at once, and then one each `ANNOUNCE_INTERVAL` of RFC 5227.
    pub const ANNOUNCE_BURST: u32 = 2 * timing::ANNOUNCE_NUM;
    /// Defences of one link at once, and then one each `DEFEND_INTERVAL` of RFC 5227: a lease that replaces another begins anew.
    pub const DEFEND_BURST: u32 = 3;
    /// How old a lease may be when it arrives here: longer than any retransmission waits.
    pub const MAX_AGE: Duration = Duration::from_secs(130);

    /// A policy that knows no link yet and so permits nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on the worker hears whether another host has the address of `lease`, which is permitted, and in force or waits.
    pub fn watched(&mut self, now: Instant, link: IfIndex, lease: &Lease) {
        if let Some(link) = self.links.get_mut(&link) {
            link.watched(now, lease);
        }
    }

    /// From now on `link` is ours. `in_force` is what an earlier process left on it.
    ///
    /// # Errors
    /// [`Denied::TooManyLinks`] beyond [`MAX_LINKS`].
    pub fn adopt(&mut self, now: Instant, link: IfIndex, in_force: Option<&Lease>) -> Result<(), Denied> {
        if self.links.len() >= MAX_LINKS && !self.links.contains_key(&link) {
            return Err(Denied::TooManyLinks);
        }
        self.links.insert(link, Link::new(now, in_force));
        Ok(())
    }

    /// From now on only leases of these servers are put in force on `link`.
    pub fn restrict(&mut self, link: IfIndex, servers: ServerRule) {
        if let Some(link) = self.links.get_mut(&link) {
            link.restrict(servers);
        }
    }

    /// `link` is gone or no longer ours.
    pub fn forget(&mut self, link: IfIndex) {
        self.links.remove(&link);
    }

    /// The permitted message has left this host.
    pub fn sent(&mut self, now: Instant, transmission: &Transmission) {
        if let Some(link) = self.links.get_mut(&transmission.link) {
            link.sent(now, transmission.ask);
        }
    }

    /// The permitted lease is in force now.
    pub fn applied(&mut self, link: IfIndex, lease: &Lease) {
        if let Some(link) = self.links.get_mut(&link) {
            link.applied(lease);
        }
    }

    /// Nothing is in force on `link` any more.
    pub fn withdrawn(&mut self, link: IfIndex) {
        if let Some(link) = self.links.get_mut(&link) {
            link.withdrawn();
        }
    }

    /// Decides one request.
    ///
    /// # Errors
    /// Why not. The request must then have no effect at all.
    pub fn permit(&mut self, now: Instant, request: Request) -> Result<Permitted, Denied> {
        match self.decide(now, &request) {
            Ok(()) => Ok(Permitted(request)),
            Err(denied) => Err(self.count_denial(now, denied)),
        }
    }

    fn decide(&mut self, now: Instant, request: &Request) -> Result<(), Denied> {
        match request {
            Request::Transmit(transmission) => self.link(transmission.link)?.transmit(now, transmission),
            Request::Configure { link, lease } => self.link(*link)?.configure(now, lease),
            Request::Deconfigure { link, why: _ } => self.link(*link)?.deconfigure(),
            Request::Report { link, progress: _ } => spend(&mut self.link(*link)?.reports, now),
            Request::Arp { link, packet } => self.link(*link)?.arp(now, *packet),
            Request::Probed { link, finding: Finding::Free } => self.link(*link)?.free(),
            Request::Probed { link, finding: Finding::Taken { by: _ } } => self.link(*link)?.taken(now),
        }
    }

    fn link(&mut self, link: IfIndex) -> Result<&mut Link, Denied> {
        self.links.get_mut(&link).ok_or(Denied::UnknownLink)
    }

    fn count_denial(&mut self, now: Instant, denied: Denied) -> Denied {
        let (bucket, burst, every) = if denied == Denied::UnknownLink {
            (&mut self.strays, Self::STRAY_BURST, Self::STRAY_EVERY)
        } else {
            (&mut self.denials, Self::DENIAL_BURST, Self::DENIAL_EVERY)
        };
        let bucket = bucket.get_or_insert_with(|| Bucket::new(now, burst, every));
        if bucket.take(now) { denied } else { Denied::TooManyDenials }
    }
}

fn spend(bucket: &mut Bucket, now: Instant) -> Result<(), Denied> {
    if bucket.take(now) { Ok(()) } else { Err(Denied::TooOften) }
}

/// Why a request is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// The link is not ours, or no longer.
    #[error("interface is not ours")]
    UnknownLink,
    /// More links than the daemon looks after.
    #[error("more than {MAX_LINKS} interfaces")]
    TooManyLinks,
    /// Too often.
    #[error("too often")]
    TooOften,
    /// So many denials that the worker cannot be ours any more; end the conversation.
    #[error("too many denied requests: the worker is not to be trusted any more")]
    TooManyDenials,
    /// `secs` is 0.
    #[error("secs is 0")]
    ZeroSecs,
    /// `ciaddr` or the destination does not belong to the lease in force.
    #[error("not the address or the server of the lease in force")]
    NotOurLease,
    /// A server that was not asked by its name, or one more new server than a network has.
    #[error("one new server too many")]
    NewServer,
    /// The address is not that of a lease that was to be put in force, or it is in force.
    #[error("not the address of a lease that could not be put in force")]
    NotConfigured,
    /// The operator takes no leases from this server.
    #[error("the configuration takes no leases from this server")]
    DeniedServer,
    /// No request was sent that this could be the answer to.
    #[error("nobody asked for this lease")]
    NotAsked,
    /// The prefix is too short, or the address cannot be a host in it.
    #[error("address and prefix do not fit")]
    BadPrefix,
    /// Times out of order, over, or not of now.
    #[error("lease times out of order or over")]
    BadTerm,
    /// No address is watched, the one that is may be probed for no longer, or it is not in force.
    #[error("not an address that is watched now")]
    NotWatched,
    /// There is no lease to take away.
    #[error("nothing is in force")]
    NothingInForce,
}

#[cfg(test)]
mod tests;
