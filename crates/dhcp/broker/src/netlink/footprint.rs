//! What a lease is to the kernel, and which changes lead from one to another. Pure.

use core::net::Ipv4Addr;
use core::time::Duration;

use orlop_dhcp_contract::{KernelRoute, Lease, PrefixLen, UnicastAddr, plan_routes};
use orlop_machine::Instant;

/// How the operator wants leases applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteChoice {
    /// Metric of every route of this link. Distinct per link, so that two links in one network do not fight.
    pub metric: u32,
    /// Whether options 3 and 121 become routes.
    pub routes: bool,
    /// Whether option 26 becomes a limit on those routes.
    pub route_mtu: bool,
}

/// Everything that one lease puts into the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footprint {
    /// Our address.
    pub addr: UnicastAddr,
    /// The length of its network's prefix.
    pub prefix: PrefixLen,
    /// Whether the address is ours. Somebody else's is never given a lifetime, changed or removed: only the routes are ours then.
    pub ours: bool,
    /// Directed broadcast address; there is none for the two shortest networks (RFC 3021).
    pub broadcast: Option<Ipv4Addr>,
    /// When the kernel shall take the address away if nobody else does; `None` for never.
    pub expires_at: Option<Instant>,
    /// Of all its routes, the one that comes with the address included.
    pub metric: u32,
    /// In an order in which they can be added.
    pub routes: Vec<KernelRoute>,
    /// MTU in bytes for what leaves over those routes; `None` for the link's own.
    pub mtu: Option<u16>,
}

impl Footprint {
    /// The footprint of `lease`.
    #[must_use]
    pub fn of(lease: &Lease, choice: RouteChoice) -> Self {
        let RouteChoice { metric, routes, route_mtu } = choice;
        let computed = (lease.prefix.bits() < 31).then(|| lease.prefix.broadcast(lease.addr.get()));
        Self {
            addr: lease.addr,
            prefix: lease.prefix,
            ours: true,
            broadcast: lease.broadcast.map(|broadcast| broadcast.0).or(computed),
            expires_at: lease.term.expires_at(),
            metric,
            routes: if routes { plan_routes(lease) } else { Vec::new() },
            mtu: lease.mtu.filter(|_| route_mtu).map(orlop_dhcp_contract::Mtu::get),
        }
    }

    fn put_address(&self, anew: bool, now: Instant) -> Option<Change> {
        let Self { addr, prefix, ours, broadcast, expires_at, metric, routes: _, mtu: _ } = *self;
        let lifetime = expires_at.map(|end| whole_seconds(end.since(now)));
        ours.then_some(Change::PutAddress { addr, prefix, anew, broadcast, lifetime, metric })
    }

    fn drop_address(&self) -> Option<Change> {
        self.ours.then_some(Change::DropAddress { addr: self.addr, prefix: self.prefix })
    }

    fn put_routes(&self) -> impl Iterator<Item = Change> {
        let Self { addr, metric, mtu, .. } = *self;
        self.routes.iter().map(move |route| Change::PutRoute { route: *route, source: addr, metric, mtu })
    }

    /// Last added, first removed: a gateway stays reachable for as long as a route needs it.
    fn drop_routes(&self) -> impl Iterator<Item = Change> {
        let Self { addr, metric, .. } = *self;
        self.routes.iter().rev().map(move |route| Change::DropRoute { route: *route, source: addr, metric })
    }

    /// Whether it put `route` there just as `other` does, so that to the kernel it is the same.
    pub(super) fn has_route_of(&self, other: &Self, route: &KernelRoute) -> bool {
        (self.addr, self.metric, self.mtu) == (other.addr, other.metric, other.mtu) && self.routes.contains(route)
    }

    /// Whether it is the same address in the same network.
    pub(super) fn has_address_of(&self, other: &Self) -> bool {
        (self.addr, self.prefix) == (other.addr, other.prefix)
    }

    fn shares_network_with(&self, other: &Self) -> bool {
        self.prefix == other.prefix && self.prefix.network(self.addr.get()) == other.prefix.network(other.addr.get())
    }
}

/// One change of the kernel's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Add the address, or give the one that is there these times. The kernel keeps the broadcast address of that one.
    PutAddress {
        /// The address.
        addr: UnicastAddr,
        /// The length of its network's prefix.
        prefix: PrefixLen,
        /// One that is there all the same is somebody else's, and stays as it is.
        anew: bool,
        /// Directed broadcast address.
        broadcast: Option<Ipv4Addr>,
        /// Seconds that are left; `None` for no end.
        lifetime: Option<u32>,
        /// Of the route to the network, which the kernel adds.
        metric: u32,
    },
    /// Add the route, beside any other to the same network with the same metric: that may be somebody else's. One that is
    /// the same in all stays as it is.
    PutRoute {
        /// The route.
        route: KernelRoute,
        /// Source address of what leaves over it.
        source: UnicastAddr,
        /// Lower is preferred.
        metric: u32,
        /// Limit in bytes.
        mtu: Option<u16>,
    },
    /// Remove the route; it may be gone already.
    DropRoute {
        /// The route.
        route: KernelRoute,
        /// Its source address.
        source: UnicastAddr,
        /// The kernel prefers the lower.
        metric: u32,
    },
    /// Remove the address; it may be gone already.
    DropAddress {
        /// The address.
        addr: UnicastAddr,
        /// The length of its network's prefix.
        prefix: PrefixLen,
    },
}

impl Change {
    /// Whether it takes something away, so that it does not matter when that is gone already.
    #[must_use]
    pub const fn is_removal(&self) -> bool {
        matches!(self, Self::DropRoute { .. } | Self::DropAddress { .. })
    }
}

/// How to get from one footprint to the next: first everything that is new or renewed, then, once that is in, what is
/// left of the old. Renewing without a change has nothing to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Additions and replacements. The address comes first.
    pub put: Vec<Change>,
    /// Removals, and what must be repeated because of them.
    pub clean: Vec<Change>,
}

impl Plan {
    /// From `old` (nothing at first) to `new`, whose address is added `anew` where there was none.
    #[must_use]
    pub fn replace(old: Option<&Footprint>, new: &Footprint, anew: bool, now: Instant) -> Self {
        let put: Vec<Change> = new.put_address(anew, now).into_iter().chain(new.put_routes()).collect();
        let mut clean = Vec::new();
        if let Some(old) = old {
            // Of two that differ in their MTU alone the kernel removes the first, which is the old one.
            let stale = |change: &Change| match change {
                Change::DropRoute { route, .. } => !new.has_route_of(old, route),
                Change::PutAddress { .. } | Change::PutRoute { .. } | Change::DropAddress { .. } => false,
            };
            clean.extend(old.drop_routes().filter(stale));
            if !old.has_address_of(new) {
                clean.extend(old.drop_address());
                // The second address of a network belongs to the first: the kernel removes it with the first, unless
                // `promote_secondaries` is on. Repeating the additions in the same batch costs nothing where it is.
                if old.shares_network_with(new) {
                    clean.extend(&put);
                }
            }
        }
        Self { put, clean }
    }

    /// From `old` to nothing.
    #[must_use]
    pub fn withdraw(old: &Footprint) -> Vec<Change> {
        old.drop_routes().chain(old.drop_address()).collect()
    }
}

/// Rounded up, so that the kernel never takes an address away before we do, and at least 1: it refuses 0. The largest
/// number would mean "for ever".
fn whole_seconds(left: Duration) -> u32 {
    let up = u64::from(left.subsec_nanos() > 0);
    u32::try_from(left.as_secs().saturating_add(up)).unwrap_or(u32::MAX).clamp(1, u32::MAX - 1)
}

#[cfg(test)]
mod tests;
