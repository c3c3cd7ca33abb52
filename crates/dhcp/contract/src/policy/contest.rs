use orlop_machine::{Bucket, Instant};

use super::link::Holder;
use super::spend;
use crate::{Arp, Denied, Policy, timing};

/// What the worker may do about the address that the broker lets it hear of (RFC 5227).
#[derive(Debug)]
pub(super) struct Contested {
    probes: Bucket,
    announcements: Bucket,
    defences: Bucket,
    watched: Option<Watched>,
}

/// The address, and until when it may turn out to be another host's.
#[derive(Debug, Clone, Copy)]
struct Watched {
    holder: Holder,
    /// Since when it is probed for; `None` when that is over.
    probed_since: Option<Instant>,
}

impl Contested {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            probes: Bucket::new(now, Policy::PROBE_BURST, timing::PROBE_MIN),
            announcements: Bucket::new(now, Policy::ANNOUNCE_BURST, timing::ANNOUNCE_INTERVAL),
            defences: Bucket::new(now, Policy::DEFEND_BURST, timing::DEFEND_INTERVAL),
            watched: None,
        }
    }

    pub(super) fn begin(&mut self, now: Instant, holder: Holder) {
        self.watched = Some(Watched { holder, probed_since: Some(now) });
    }

    /// Of a lease that is not in force: whether its address is watched.
    pub(super) fn waiting(&self, declinable: Option<Holder>) -> Option<Holder> {
        declinable.filter(|holder| self.watched.is_some_and(|watched| watched.holder == *holder))
    }

    /// A probe needs an address that is probed for, of a lease in force or one that waits; the other packets say that we have the
    /// address, so they need it in force.
    pub(super) fn send(
        &mut self,
        now: Instant,
        packet: Arp,
        [in_force, waiting]: [Option<Holder>; 2],
    ) -> Result<(), Denied> {
        let Watched { holder, probed_since } = self.watched.ok_or(Denied::NotWatched)?;
        let ours = in_force.is_some_and(|held| held.addr == holder.addr);
        let (bucket, allowed) = match packet {
            Arp::Probe => (&mut self.probes, probed_since.is_some() && (ours || waiting == Some(holder))),
            Arp::Announce => (&mut self.announcements, ours),
            Arp::Defend { against: _ } => (&mut self.defences, ours),
        };
        if allowed { spend(bucket, now) } else { Err(Denied::NotWatched) }
    }

    /// The probing is over, and nobody has the address.
    pub(super) fn end(&mut self) -> Result<(), Denied> {
        let watched = self.watched.as_mut().ok_or(Denied::NotWatched)?;
        watched.probed_since.take().map(|_| ()).ok_or(Denied::NotWatched)
    }

    /// The probing is over, and another host has the address. The lease that it takes away: that in force only for so long, one
    /// that waits at any time.
    pub(super) fn lost(&mut self, now: Instant, [in_force, waiting]: [Option<Holder>; 2]) -> Result<Holder, Denied> {
        let Watched { holder, probed_since } = self.watched.ok_or(Denied::NotWatched)?;
        let since = probed_since.ok_or(Denied::NotWatched)?;
        let lost = match in_force.filter(|held| held.addr == holder.addr) {
            Some(held) => Some(held).filter(|_| now.since(since) <= Policy::PROBE_WINDOW),
            None => Some(holder).filter(|_| waiting == Some(holder)),
        };
        let lost = lost.ok_or(Denied::NotWatched)?;
        self.watched = None;
        Ok(lost)
    }
}
