//! From a reply to a lease that can be applied as it stands.

use core::net::Ipv4Addr;
use core::time::Duration;

use orlop_dhcp_contract::{Conduct, Discard, Lease, PrefixLen, Term, UnicastAddr};
use orlop_machine::Instant;

use crate::message::Reply;

/// `lease time` that means for ever (RFC 2131 section 3.3).
const INFINITY: u32 = u32::MAX;

/// Shortest lease, in seconds; a shorter one is kept for this long. T1, one answer and one retry need so much.
/// Servers in the field grant minutes at least.
pub const MIN_LEASE_SECS: u32 = 5;

/// Earliest T1, in seconds, so that a server cannot make us renew in a loop. Half of [`MIN_LEASE_SECS`].
pub const MIN_RENEWAL_SECS: u32 = 2;

/// What `reply` grants, when it answers a request sent at `asked`. `server` is who is known to grant it, for a
/// reply without option 54.
///
/// # Errors
/// [`Discard::BadAddress`] when no host can have the address, [`Discard::WrongServer`] when nothing says who sent
/// it, [`Discard::BadLeaseTime`] for a lease of no time.
pub fn granted(
    reply: &Reply,
    conduct: &Conduct,
    asked: Instant,
    server: Option<UnicastAddr>,
) -> Result<Lease, Discard> {
    let addr = UnicastAddr::new(reply.yiaddr).ok_or(Discard::BadAddress)?;
    let prefix = reply.mask.unwrap_or_else(|| natural_prefix(addr.get()));
    if !prefix.has_host(addr.get()) {
        return Err(Discard::BadAddress);
    }
    let server = reply.server_id.or(server).or(reply.sender).ok_or(Discard::WrongServer)?;
    Ok(Lease {
        addr,
        prefix,
        server,
        term: term(reply, conduct, asked).ok_or(Discard::BadLeaseTime)?,
        broadcast: reply.broadcast.filter(|broadcast| broadcast.0 != prefix.broadcast(addr.get())),
        routers: reply.routers.clone(),
        routes: reply.routes.clone(),
        mtu: reply.mtu,
        dns: reply.dns.clone(),
        ntp: reply.ntp.clone(),
        hostname: reply.hostname.clone(),
        domain: reply.domain.clone(),
        search: reply.search.clone(),
        wire_server: reply.wire_server,
    })
}

/// What `reply` makes of the lease that we have, when it answers a request of it. A server that confirms its own lease and says
/// nothing else (MikroTik's do) takes nothing away. One that says something says everything, or what it withdraws would live for
/// ever; but the mask belongs to the address. Some leave `yiaddr` empty and repeat `ciaddr`.
///
/// # Errors
/// As [`granted`].
pub fn extended(
    reply: &Reply,
    conduct: &Conduct,
    asked: Instant,
    server: Option<UnicastAddr>,
    held: &Lease,
) -> Result<Lease, Discard> {
    let addr = if reply.yiaddr.is_unspecified() { reply.ciaddr } else { reply.yiaddr };
    if addr != held.addr.get() {
        return granted(reply, conduct, asked, server);
    }
    let reply = Reply { yiaddr: addr, mask: reply.mask.or(Some(held.prefix)), ..reply.clone() };
    let lease = granted(&reply, conduct, asked, server)?;
    let bare = lease.server == held.server && !reply.configures();
    Ok(if bare { Lease { term: lease.term, ..held.clone() } } else { lease })
}

/// The network of an address without a mask: that of its class, unless it cannot be a host there.
fn natural_prefix(addr: Ipv4Addr) -> PrefixLen {
    Some(class_prefix(addr)).filter(|prefix| prefix.has_host(addr)).unwrap_or(PrefixLen::HOST)
}

/// The network of an address by its class (RFC 791 section 2.3). Class E has none: a host.
pub(crate) fn class_prefix(addr: Ipv4Addr) -> PrefixLen {
    let [first, ..] = addr.octets();
    let bits = match first {
        0..=127 => 8,
        128..=191 => 16,
        192..=239 => 24,
        240..=255 => 32,
    };
    PrefixLen::new(bits).unwrap_or(PrefixLen::HOST)
}

/// The times of the lease, in order whatever the server wrote. `None` for a lease of no time.
fn term(reply: &Reply, conduct: &Conduct, asked: Instant) -> Option<Term> {
    let secs = match reply.lease_secs.unwrap_or(conduct.fallback_lease_secs) {
        0 => return None,
        INFINITY => return Some(Term::Infinite { acquired: asked }),
        secs => Duration::from_secs(u64::from(secs.max(MIN_LEASE_SECS))),
    };
    // Zero means absent: some servers write it for "you choose".
    let wished = |option: Option<u32>| option.filter(|secs| *secs > 0).map(|secs| Duration::from_secs(u64::from(secs)));
    let (half, most) = (part(secs, 4), part(secs, 7));
    let (t1, t2) = (wished(reply.renewal_secs).unwrap_or(half), wished(reply.rebinding_secs).unwrap_or(most));
    // RFC 2131 section 4.4.5: T1 before T2 before the end, else the defaults of 0.5 and 0.875.
    let (t1, t2) = if t1 < t2 && t2 < secs { (t1, t2) } else { (half, most) };
    let t1 = t1.max(Duration::from_secs(u64::from(MIN_RENEWAL_SECS)));
    Some(Term::Finite {
        acquired: asked,
        renew_at: asked.after(t1),
        rebind_at: asked.after(t2.max(t1)),
        expires_at: asked.after(secs),
    })
}

/// So many eighths of a duration.
fn part(whole: Duration, eighths: u32) -> Duration {
    whole.checked_div(8).unwrap_or_default().saturating_mul(eighths)
}
