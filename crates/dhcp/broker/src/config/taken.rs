//! What a link takes of a lease: the operator may want less than the server gives.

use orlop_dhcp_contract::{Lease, PrefixLen};
use orlop_wire::Bounded;

use super::LinkConfig;
use super::value::UseMtu;

impl LinkConfig {
    /// `lease` without the parts that this configuration leaves out. The address, its term and its server always stay;
    /// whether the host name is used is decided for the host, not for the link.
    #[must_use]
    pub fn taken(&self, lease: &Lease) -> Lease {
        let Lease { addr, prefix, server, term, broadcast, routers, routes, mtu, dns, ntp, hostname, domain, search } =
            lease.clone();
        let with_gateway = self.use_routes && self.use_gateway;
        // Routers matter only while there are no classless routes. Dropping the default route of those must not bring
        // the routers back, so both go together.
        let routers = if with_gateway { routers } else { Bounded::new() };
        let routes = match (self.use_routes, self.use_gateway) {
            (false, _) => Bounded::new(),
            (true, true) => routes,
            (true, false) => {
                routes.into_vec().into_iter().filter(|route| route.prefix() != PrefixLen::DEFAULT).collect()
            }
        };
        let (dns, domain, search) =
            if self.use_dns { (dns, domain, search) } else { (Bounded::new(), None, Bounded::new()) };
        Lease {
            addr,
            prefix,
            server,
            term,
            broadcast,
            routers,
            routes,
            mtu: mtu.filter(|_| self.use_mtu != UseMtu::No),
            dns,
            ntp: if self.use_ntp { ntp } else { Bounded::new() },
            hostname,
            domain,
            search,
        }
    }
}
