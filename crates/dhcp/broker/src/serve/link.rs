//! One interface that we look after, from the broker's side.

use orlop_dhcp_contract::{DomainName, IfIndex, Lease, PrefixLen, Progress, Refusal, Route};
use orlop_machine::Instant;
use orlop_netfacts::Facts;
use orlop_wire::{Bounded, Str};

use super::restore::Upkeep;
use super::story::Story;
use crate::config::{LinkConfig, SendHostname, UseMtu};
use crate::encode::Speaker;
use crate::interfaces::Link;
use crate::lease_file::LeaseFile;
use crate::netlink::{Footprint, RouteChoice};
use crate::publish::facts_of;
use crate::transmit::Port;
use crate::verdict::Standing;

/// What the broker knows and holds for one interface.
#[derive(Debug)]
pub(super) struct OurLink {
    pub(super) link: Link,
    pub(super) config: LinkConfig,
    /// UDP port 68 on it, held while we speak DHCP there.
    pub(super) _port: Port,
    /// What is in force.
    pub(super) lease: Option<Lease>,
    /// What is to be in force once the worker has probed for its address.
    pub(super) waiting: Option<Lease>,
    /// Whether the latest message asked for more time of the lease in force.
    pub(super) extending: bool,
    /// What the log has told of hosts that claim the address.
    pub(super) told_of_claims: Option<Instant>,
    /// What of it is in the kernel.
    pub(super) footprint: Option<Footprint>,
    /// What the worker last said about it.
    pub(super) progress: Option<Progress>,
    /// Why the last lease is not in force.
    pub(super) refused: Option<Refusal>,
    /// Since when it is ours, and so since when it is up.
    pub(super) since: Instant,
    /// The MTU it had before a lease changed it, in bytes.
    pub(super) own_mtu: Option<u32>,
    /// Where its lease is kept for the next process.
    pub(super) lease_file: LeaseFile,
    /// Whether the lease in force could not be kept there.
    pub(super) lease_file_failed: bool,
    /// What the log has told of its way to a lease.
    pub(super) story: Story,
    /// Whether others leave its lease as it is.
    pub(super) upkeep: Upkeep,
}

impl OurLink {
    pub(super) fn index(&self) -> IfIndex {
        self.link.index
    }

    /// How leases of this link become kernel state.
    pub(super) fn route_choice(&self) -> RouteChoice {
        let LinkConfig { metric, use_mtu, use_routes, .. } = &self.config;
        RouteChoice { metric: metric.on(self.index()), routes: *use_routes, route_mtu: *use_mtu == UseMtu::Route }
    }

    /// What our messages on this link say about us. `own_name` is the name of this host, when it has one that servers
    /// may be told.
    pub(super) fn speaker(&self, own_name: Option<&DomainName>) -> Speaker {
        let hostname = match &self.config.hostname {
            SendHostname::Nothing => None,
            SendHostname::Current => own_name.cloned(),
            SendHostname::Name(name) => Some(name.clone()),
        };
        Speaker {
            hardware: self.link.hardware,
            client_id: self.config.client_id.bytes(self.link.hardware),
            want_hostname: hostname.is_none(),
            hostname,
            vendor_class: self.config.vendor_class.as_ref().and_then(|class| Str::new(class.as_str())),
            // What does not fit in 16 bits needs no limit.
            mtu: u16::try_from(self.link.mtu).unwrap_or(u16::MAX),
        }
    }

    /// What goes into the kernel of a lease: all but the way out, where the operator does not want that, and no MTU
    /// above the link's, with which larger packets than it carries would be lost.
    pub(super) fn accepted(&self, lease: &Lease) -> Lease {
        let mut accepted = lease.clone();
        accepted.mtu = lease.mtu.filter(|mtu| u32::from(mtu.get()) <= self.link.mtu);
        if !self.config.use_gateway {
            let inner = |route: &&Route| route.prefix() != PrefixLen::DEFAULT;
            accepted.routers = Bounded::new();
            accepted.routes = lease.routes.iter().filter(inner).copied().collect();
        }
        accepted
    }

    /// What other daemons may know about the lease in force.
    pub(super) fn facts(&self) -> Option<Facts> {
        let LinkConfig { metric, use_dns, use_ntp, .. } = &self.config;
        Some(facts_of(&self.link.name, metric.on(self.index()), self.lease.as_ref()?, *use_dns, *use_ntp))
    }

    /// Whether a server granted or confirmed its lease to this process.
    pub(super) fn is_leased(&self) -> bool {
        self.progress.is_some_and(|progress| progress.phase.is_leased())
    }

    /// What matters of it for the verdict of a one-shot run.
    pub(super) fn standing(&self) -> Standing<'_> {
        Standing {
            name: self.link.name.as_str(),
            since: self.since,
            carrier: self.link.carrier,
            lease: self.lease.as_ref(),
            confirmed: self.is_leased(),
            refused: self.refused,
            naks: self.progress.map_or(0, |progress| progress.naks),
            unusable: self.progress.and_then(|progress| progress.discards.unusable()),
            absent: false,
        }
    }
}
