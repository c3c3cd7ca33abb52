//! What is the DHCP daemon's own in `status.json`, field by field.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use orlop_broker::moment::{Moment, Now};
use orlop_dhcp_contract::{Contest, DomainName, Ipv4Broadcast, Lease, Mtu, Phase, Route, Stage, Term, UnicastAddr};
use orlop_wire::InterfaceName;
use serde::{Deserialize, Serialize};

use super::{LinkStatus, Status};
use crate::config::ConflictDetection;
use crate::verdict::{Achievement, Network, reason};

/// What only the DHCP daemon says. A field may be added; none changes its meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// The interfaces it looks after.
    pub interfaces: Vec<InterfaceDocument>,
    /// What a one-shot run achieved, once it is over.
    pub outcome: Option<Achievement>,
}

/// One interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceDocument {
    /// What it is called.
    pub name: InterfaceName,
    /// Its number in the kernel.
    pub index: u32,
    /// Its hardware address, in hexadecimal with colons.
    pub hardware: String,
    /// Whether it has a carrier.
    pub carrier: bool,
    /// The metric of its routes.
    pub metric: u32,
    /// The state of RFC 2131; absent until the worker has said it.
    pub phase: Option<Phase>,
    /// Since when it is in that state.
    pub since: Option<Moment>,
    /// Messages asked for in this exchange.
    pub sent: u32,
    /// DHCPNAKs accepted since the worker began.
    pub naks: u32,
    /// What was dropped since the worker began, by reason; reasons without a case are left out.
    pub discards: BTreeMap<String, u32>,
    /// Why the last lease is not in force.
    pub refused: Option<String>,
    /// How its address fares against other hosts (RFC 5227).
    pub conflict: ConflictDocument,
    /// The lease in force.
    pub lease: Option<LeaseDocument>,
}

/// Conflicts about the address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictDocument {
    /// Whether they are found out.
    pub detection: ConflictDetection,
    /// How far that has come.
    pub stage: Stage,
    /// Addresses that another host turned out to have since the worker began.
    pub conflicts: u32,
    /// How often the address was defended since the worker began.
    pub defences: u32,
    /// The hardware address of the latest host that claimed an address of ours.
    pub other: Option<String>,
}

/// A lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseDocument {
    /// The address with its prefix length.
    pub address: Network,
    /// Who granted it.
    pub server: UnicastAddr,
    /// When the request was sent that the server answered.
    pub acquired: Moment,
    /// T1; these three are absent for an infinite lease.
    pub renew: Option<Moment>,
    /// T2.
    pub rebind: Option<Moment>,
    /// The end.
    pub expires: Option<Moment>,
    /// Broadcast address, when it is not the computed one.
    pub broadcast: Option<Ipv4Addr>,
    /// Routers, most preferred first.
    pub routers: Vec<UnicastAddr>,
    /// Classless routes, which replace the routers.
    pub routes: Vec<String>,
    /// Name servers.
    pub dns: Vec<UnicastAddr>,
    /// Where to look for short names.
    pub search: Vec<DomainName>,
    /// Domain of the network.
    pub domain: Option<DomainName>,
    /// Time servers.
    pub ntp: Vec<UnicastAddr>,
    /// The name that the server has for us.
    pub hostname: Option<DomainName>,
    /// MTU in bytes.
    pub mtu: Option<Mtu>,
    /// Azure's wire server.
    pub wire_server: Option<UnicastAddr>,
}

impl Body {
    pub(super) fn new(status: &Status, now: Now) -> Self {
        let Status { mode: _, started: _, restarts: _, links, outcome, postures: _ } = status;
        let interfaces = links.iter().map(|link| InterfaceDocument::new(link, now)).collect();
        Self { interfaces, outcome: outcome.clone() }
    }
}

impl InterfaceDocument {
    fn new(link: &LinkStatus, now: Now) -> Self {
        let LinkStatus { name, index, hardware, carrier, metric, progress, lease, refused, conflict_detection } = link;
        let Contest { stage, conflicts, defences, other } =
            progress.map(|progress| progress.contest).unwrap_or_default();
        let discards = progress.iter().flat_map(|progress| {
            progress
                .discards
                .iter()
                .filter(|(_, n)| *n > 0)
                .map(|(why, n)| (why.name().to_owned(), n))
                .collect::<Vec<_>>()
        });
        Self {
            name: name.clone(),
            index: index.get(),
            hardware: hardware.to_string(),
            carrier: *carrier,
            metric: *metric,
            phase: progress.map(|progress| progress.phase),
            since: progress.map(|progress| Moment::new(progress.since, now)),
            sent: progress.map_or(0, |progress| progress.sent),
            naks: progress.map_or(0, |progress| progress.naks),
            discards: discards.collect(),
            refused: refused.map(reason),
            conflict: ConflictDocument {
                detection: *conflict_detection,
                stage,
                conflicts,
                defences,
                other: other.map(|other| other.to_string()),
            },
            lease: lease.as_ref().map(|lease| LeaseDocument::new(lease, now)),
        }
    }
}

impl LeaseDocument {
    fn new(lease: &Lease, now: Now) -> Self {
        let Lease {
            addr,
            prefix,
            server,
            term,
            broadcast,
            routers,
            routes,
            mtu,
            dns,
            ntp,
            hostname,
            domain,
            search,
            wire_server,
        } = lease;
        let moment = |at| Some(Moment::new(at, now));
        let (renew, rebind, expires) = match *term {
            Term::Infinite { acquired: _ } => (None, None, None),
            Term::Finite { acquired: _, renew_at, rebind_at, expires_at } => {
                (moment(renew_at), moment(rebind_at), moment(expires_at))
            }
        };
        Self {
            address: Network { addr: *addr, prefix: *prefix },
            server: *server,
            acquired: Moment::new(term.acquired(), now),
            renew,
            rebind,
            expires,
            broadcast: broadcast.map(|Ipv4Broadcast(addr)| addr),
            routers: routers.to_vec(),
            routes: routes.iter().map(route).collect(),
            dns: dns.to_vec(),
            search: search.to_vec(),
            domain: domain.clone(),
            ntp: ntp.to_vec(),
            hostname: hostname.clone(),
            mtu: *mtu,
            wire_server: *wire_server,
        }
    }
}

fn route(route: &Route) -> String {
    let network = format!("{}/{}", route.destination(), route.prefix());
    route.gateway().map_or(network.clone(), |gateway| format!("{network} via {gateway}"))
}
