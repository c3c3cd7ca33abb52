use orlop_machine::{Bucket, Instant};

use super::contest::Contested;
use super::servers::Servers;
use super::spend;
use crate::{Arp, Ask, Denied, Lease, Policy, ServerRule, Term, Transmission, UnicastAddr};

/// What the broker itself has seen of one link: what it sent there, and what it put in force. What a worker said earlier does
/// not count.
#[derive(Debug)]
pub(super) struct Link {
    messages: Bucket,
    configurations: Bucket,
    declines: Bucket,
    pub(super) reports: Bucket,
    servers: Servers,
    rule: ServerRule,
    /// What the messages since the last lease allow a lease to be.
    awaited: Awaited,
    /// Of a lease that was permitted and is not in force: another host may turn out to have its address.
    declinable: Option<Holder>,
    /// Whether others may have our address.
    contested: Contested,
    /// Of the lease in force.
    in_force: Option<Holder>,
    /// It was given back, so it is not asked for any more.
    released: bool,
}

/// An address, and the server that leases it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) addr: UnicastAddr,
    pub(super) server: UnicastAddr,
}

impl From<&Lease> for Holder {
    fn from(lease: &Lease) -> Self {
        Self { addr: lease.addr, server: lease.server }
    }
}

/// Which lease can answer what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Nothing,
    /// SELECTING names address and server; an ACK for another address is not an answer.
    This {
        wanted: Holder,
        sent: Instant,
    },
    /// A server may answer INIT-REBOOT, a renewal or a rapid commit with an address of its own choice.
    Any {
        sent: Instant,
    },
}

impl Link {
    /// A link on which an earlier process left `in_force`.
    pub(super) fn new(now: Instant, in_force: Option<&Lease>) -> Self {
        let in_force = in_force.map(Holder::from);
        Self {
            messages: Bucket::new(now, Policy::MESSAGE_BURST, Policy::MESSAGE_EVERY),
            configurations: Bucket::new(now, Policy::CONFIGURE_BURST, Policy::CONFIGURE_EVERY),
            declines: Bucket::new(now, Policy::DECLINE_BURST, Policy::DECLINE_EVERY),
            reports: Bucket::new(now, Policy::REPORT_BURST, Policy::REPORT_EVERY),
            servers: Servers::new(now, in_force.map(|held| held.server)),
            rule: ServerRule::default(),
            awaited: Awaited::Nothing,
            declinable: None,
            contested: Contested::new(now),
            in_force,
            released: false,
        }
    }

    pub(super) fn restrict(&mut self, rule: ServerRule) {
        self.rule = rule;
    }

    pub(super) fn applied(&mut self, lease: &Lease) {
        let holder = lease.into();
        self.in_force = Some(holder);
        // Another one may have been permitted meanwhile.
        if self.declinable == Some(holder) {
            self.declinable = None;
        }
        self.released = false;
    }

    pub(super) fn withdrawn(&mut self) {
        self.in_force = None;
    }

    pub(super) fn watched(&mut self, now: Instant, lease: &Lease) {
        self.contested.begin(now, lease.into());
    }

    pub(super) fn arp(&mut self, now: Instant, packet: Arp) -> Result<(), Denied> {
        self.contested.send(now, packet, [self.in_force, self.declinable])
    }

    /// Nobody else has the address.
    pub(super) fn free(&mut self) -> Result<(), Denied> {
        self.contested.end()
    }

    /// Another host has it: it may be declined, as that of a lease that could not be put in force.
    pub(super) fn taken(&mut self, now: Instant) -> Result<(), Denied> {
        let taken = self.contested.lost(now, [self.in_force, self.declinable])?;
        self.declinable = Some(taken);
        Ok(())
    }

    pub(super) fn transmit(&mut self, now: Instant, transmission: &Transmission) -> Result<(), Denied> {
        let Transmission { link: _, xid: _, secs, broadcast: _, want_mtu: _, ask } = transmission;
        if *secs == 0 {
            return Err(Denied::ZeroSecs);
        }
        match *ask {
            Ask::Discover { .. } | Ask::Reboot { .. } | Ask::Select { .. } => {}
            Ask::Renew { ciaddr, server } | Ask::Release { ciaddr, server } => self.holds(ciaddr, Some(server))?,
            Ask::Rebind { ciaddr } => self.holds(ciaddr, None)?,
            Ask::Decline { requested: addr, server } => {
                if self.declinable != Some(Holder { addr, server }) {
                    return Err(Denied::NotConfigured);
                }
                spend(&mut self.declines, now)?;
            }
        }
        spend(&mut self.messages, now)
    }

    /// The message has left this host. Only that makes an answer possible.
    pub(super) fn sent(&mut self, now: Instant, ask: Ask) {
        self.awaited = match ask {
            Ask::Discover { rapid_commit: true, .. } | Ask::Reboot { .. } | Ask::Renew { .. } | Ask::Rebind { .. } => {
                Awaited::Any { sent: now }
            }
            Ask::Select { requested: addr, server } => Awaited::This { wanted: Holder { addr, server }, sent: now },
            // An offer is no lease: a lease needs a request.
            Ask::Discover { rapid_commit: false, .. } => Awaited::Nothing,
            Ask::Release { .. } => {
                self.released = true;
                Awaited::Nothing
            }
            Ask::Decline { requested: addr, server } => {
                // One of the lease in force gives it up, as a release does.
                self.released |= self.in_force == Some(Holder { addr, server });
                self.declinable = None;
                Awaited::Nothing
            }
        };
    }

    /// A message with `ciaddr` claims that we have the address, and a unicast one goes where the lease says: a
    /// worker must not turn us into a sender of packets to hosts of its choice.
    fn holds(&self, addr: UnicastAddr, to: Option<UnicastAddr>) -> Result<(), Denied> {
        match self.in_force {
            Some(held) if !self.released && held.addr == addr && to.is_none_or(|to| to == held.server) => Ok(()),
            Some(_) | None => Err(Denied::NotOurLease),
        }
    }

    pub(super) fn configure(&mut self, now: Instant, lease: &Lease) -> Result<(), Denied> {
        let (asked, sent) = match self.awaited {
            Awaited::Nothing => return Err(Denied::NotAsked),
            Awaited::This { wanted, .. } if wanted.addr != lease.addr => return Err(Denied::NotAsked),
            Awaited::This { wanted, sent } => (Some(wanted.server), sent),
            Awaited::Any { sent } => (None, sent),
        };
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
        // However young the worker says that the lease is.
        if now.since(sent) > Policy::MAX_AGE {
            return Err(Denied::NotAsked);
        }
        if !self.rule.takes(lease.server) {
            return Err(Denied::DeniedServer);
        }
        spend(&mut self.configurations, now)?;
        self.servers.admit(now, lease.server, asked)?;
        self.awaited = Awaited::Nothing;
        self.declinable = Some(lease.into());
        Ok(())
    }

    pub(super) fn deconfigure(&self) -> Result<(), Denied> {
        // One that waits for its probes is about to be in force.
        self.in_force.or(self.contested.waiting(self.declinable)).map(|_| ()).ok_or(Denied::NothingInForce)
    }
}
