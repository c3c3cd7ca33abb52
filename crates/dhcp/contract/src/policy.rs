use core::time::Duration;
use std::collections::BTreeMap;

use orlop_machine::{Bucket, Instant};

use crate::{Ask, IfIndex, Lease, MAX_LINKS, Request, Term, Transmission, UnicastAddr};

/// Decides what a worker may have. The broker believes nobody: a worker that an attacker owns can still write any
/// well-typed request, so each is held against what this host knows and against how often it may happen.
///
/// What a lying worker can then still do: offer a hostile router or name server, as any server on the link could.
/// What it cannot: touch an interface that is not ours, put an address in force that nobody asked for, send to a
/// host other than the leasing server, or do any of it often.
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

#[derive(Debug)]
struct Link {
    messages: Bucket,
    configurations: Bucket,
    reports: Bucket,
    /// What the requests since the last lease allow a lease to be.
    awaited: Awaited,
    /// Address and server of the lease in force.
    in_force: Option<(UnicastAddr, UnicastAddr)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Nothing,
    /// SELECTING names the address; an ACK for another is not an answer.
    For(UnicastAddr),
    /// A server may answer INIT-REBOOT, a renewal or a rapid commit with an address of its own choice.
    ForAny,
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
    /// How old a lease may be when it arrives here: longer than any retransmission waits.
    pub const MAX_AGE: Duration = Duration::from_secs(130);

    /// A policy that knows no link yet and so permits nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on `link` is ours. `in_force` is what an earlier process left on it.
    ///
    /// # Errors
    /// [`Denied::TooManyLinks`] beyond [`MAX_LINKS`].
    pub fn adopt(&mut self, now: Instant, link: IfIndex, in_force: Option<&Lease>) -> Result<(), Denied> {
        if self.links.len() >= MAX_LINKS && !self.links.contains_key(&link) {
            return Err(Denied::TooManyLinks);
        }
        let fresh = Link {
            messages: Bucket::new(now, Self::MESSAGE_BURST, Self::MESSAGE_EVERY),
            configurations: Bucket::new(now, Self::CONFIGURE_BURST, Self::CONFIGURE_EVERY),
            reports: Bucket::new(now, Self::REPORT_BURST, Self::REPORT_EVERY),
            awaited: Awaited::Nothing,
            in_force: in_force.map(|lease| (lease.addr, lease.server)),
        };
        self.links.insert(link, fresh);
        Ok(())
    }

    /// `link` is gone or no longer ours.
    pub fn forget(&mut self, link: IfIndex) {
        self.links.remove(&link);
    }

    /// The permitted lease is in force now.
    pub fn applied(&mut self, link: IfIndex, lease: &Lease) {
        if let Some(link) = self.links.get_mut(&link) {
            link.in_force = Some((lease.addr, lease.server));
        }
    }

    /// Nothing is in force on `link` any more.
    pub fn withdrawn(&mut self, link: IfIndex) {
        if let Some(link) = self.links.get_mut(&link) {
            link.in_force = None;
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

impl Link {
    fn transmit(&mut self, now: Instant, transmission: &Transmission) -> Result<(), Denied> {
        let Transmission { link: _, xid: _, secs, broadcast: _, ask } = transmission;
        if *secs == 0 {
            return Err(Denied::ZeroSecs);
        }
        let asked = match *ask {
            Ask::Discover { rapid_commit: true, requested: _ } | Ask::Reboot { .. } => Awaited::ForAny,
            // An offer is no lease: a lease still needs a request.
            Ask::Discover { rapid_commit: false, requested: _ } => self.awaited,
            Ask::Select { requested, server: _ } => Awaited::For(requested),
            Ask::Renew { ciaddr, server } => self.holds(ciaddr, Some(server)).map(|()| Awaited::ForAny)?,
            Ask::Rebind { ciaddr } => self.holds(ciaddr, None).map(|()| Awaited::ForAny)?,
            Ask::Release { ciaddr, server } => self.holds(ciaddr, Some(server)).map(|()| Awaited::Nothing)?,
            Ask::Decline { requested, server: _ } => {
                if self.awaited == Awaited::Nothing || self.awaited == Awaited::For(requested) {
                    Awaited::Nothing
                } else {
                    return Err(Denied::NotAsked);
                }
            }
        };
        spend(&mut self.messages, now)?;
        self.awaited = asked;
        Ok(())
    }

    /// A message with `ciaddr` claims that we have the address, and a unicast one goes where the lease says: a
    /// worker must not turn us into a sender of packets to hosts of its choice.
    fn holds(&self, ciaddr: UnicastAddr, to: Option<UnicastAddr>) -> Result<(), Denied> {
        match self.in_force {
            Some((addr, server)) if addr == ciaddr && to.is_none_or(|to| to == server) => Ok(()),
            Some(_) | None => Err(Denied::NotOurLease),
        }
    }

    fn configure(&mut self, now: Instant, lease: &Lease) -> Result<(), Denied> {
        match self.awaited {
            Awaited::Nothing => return Err(Denied::NotAsked),
            Awaited::For(addr) if addr != lease.addr => return Err(Denied::NotAsked),
            Awaited::For(_) | Awaited::ForAny => {}
        }
        if lease.prefix.bits() < Policy::MIN_PREFIX || !lease.prefix.has_host(lease.addr.get()) {
            return Err(Denied::BadPrefix);
        }
        let age_ok = lease.term.acquired() <= now && now.since(lease.term.acquired()) <= Policy::MAX_AGE;
        let alive = match lease.term {
            Term::Infinite { .. } => true,
            Term::Finite { expires_at, .. } => expires_at > now,
        };
        if !lease.term.is_ordered() || !age_ok || !alive {
            return Err(Denied::BadTerm);
        }
        spend(&mut self.configurations, now)?;
        self.awaited = Awaited::Nothing;
        Ok(())
    }

    fn deconfigure(&self) -> Result<(), Denied> {
        self.in_force.map(|_| ()).ok_or(Denied::NothingInForce)
    }
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
    /// No request was sent that this could be the answer to.
    #[error("nobody asked for this lease")]
    NotAsked,
    /// The prefix is too short, or the address cannot be a host in it.
    #[error("address and prefix do not fit")]
    BadPrefix,
    /// Times out of order, over, or not of now.
    #[error("lease times out of order or over")]
    BadTerm,
    /// There is no lease to take away.
    #[error("nothing is in force")]
    NothingInForce,
}

#[cfg(test)]
mod tests;
