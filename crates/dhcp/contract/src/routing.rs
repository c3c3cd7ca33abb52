use core::net::Ipv4Addr;

use crate::{Lease, PrefixLen, Route, UnicastAddr};

/// One route as the kernel wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KernelRoute {
    /// Destination network, host bits clear.
    pub destination: Ipv4Addr,
    /// Length of its prefix.
    pub prefix: PrefixLen,
    /// Router; `None` means that the destination is on the link itself.
    pub gateway: Option<UnicastAddr>,
}

/// The routes of a lease, in an order in which each can be added.
///
/// Networks on the link come first, because a router is usable only when a route to it exists. A router outside
/// every such network gets a host route of its own, once: clouds lease a /32 and a router beside it. The kernel
/// makes the route of the leased prefix itself when the address is added.
///
/// Option 121 replaces option 3 (RFC 3442): [`Lease::routers`] counts only when [`Lease::routes`] is empty, and then
/// only its first, most preferred entry.
#[must_use]
pub fn plan_routes(lease: &Lease) -> Vec<KernelRoute> {
    let default =
        lease.routers.first().and_then(|router| Route::new(Ipv4Addr::UNSPECIFIED, PrefixLen::DEFAULT, Some(*router)));
    let wanted = || lease.routes.iter().copied().chain(default.filter(|_| lease.routes.is_empty()));

    let mut plan: Vec<KernelRoute> = Vec::new();
    for route in wanted().filter(|route| route.gateway().is_none()) {
        add(&mut plan, KernelRoute { destination: route.destination(), prefix: route.prefix(), gateway: None });
    }
    for gateway in wanted().filter_map(|route| route.gateway()) {
        // A lease that names our own address as the router means "everything is on the link" (seen from some VPN and
        // DSL servers): no host route to ourselves.
        if gateway != lease.addr && !is_on_link(lease, &plan, gateway) {
            add(&mut plan, KernelRoute { destination: gateway.get(), prefix: PrefixLen::HOST, gateway: None });
        }
    }
    for route in wanted().filter(|route| route.gateway().is_some()) {
        let gateway = route.gateway().filter(|gateway| *gateway != lease.addr);
        add(&mut plan, KernelRoute { destination: route.destination(), prefix: route.prefix(), gateway });
    }
    plan
}

/// The first route to a destination wins: RFC 3442 gives no meaning to a second.
fn add(plan: &mut Vec<KernelRoute>, route: KernelRoute) {
    if !plan.iter().any(|have| (have.destination, have.prefix) == (route.destination, route.prefix)) {
        plan.push(route);
    }
}

fn is_on_link(lease: &Lease, plan: &[KernelRoute], gateway: UnicastAddr) -> bool {
    let within = |network: Ipv4Addr, prefix: PrefixLen| prefix.network(gateway.get()) == prefix.network(network);
    within(lease.addr.get(), lease.prefix)
        || plan.iter().any(|route| route.gateway.is_none() && within(route.destination, route.prefix))
}

#[cfg(test)]
mod tests;
