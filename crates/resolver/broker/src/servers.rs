//! Whom to ask: what the operator named, or else what the networks name, or else what a resolv.conf does.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use orlop_lookup_contract::ResolvConf;
use orlop_netfacts::{Facts, Union};
use orlop_resolver_contract::{MAX_UPSTREAMS, Route, ServerAddr, UpstreamId, Upstreams, Way};
use orlop_wire::{DomainName, InterfaceName, MaxSize};
use serde::{Deserialize, Serialize};

use crate::config::Config;

/// Who named the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, MaxSize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The operator.
    Configuration,
    /// The networks, by DHCP.
    Network,
    /// A resolv.conf.
    ResolvConf,
    /// Nobody.
    Nobody,
}

impl Origin {
    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Configuration => "the configuration",
            Self::Network => "the network",
            Self::ResolvConf => "a resolv.conf",
            Self::Nobody => "nobody",
        }
    }
}

/// Where names are asked for, by programs of this machine.
pub const OWN: [SocketAddr; 2] = [
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 53)), ServerAddr::PORT),
    SocketAddr::new(std::net::IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), ServerAddr::PORT),
];

/// Whom to ask, and by whose word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Who named those that are asked for names that no route is for.
    pub origin: Origin,
    /// The servers, and the routes.
    pub upstreams: Upstreams,
    /// Of each server, by its number: the interface whose network names it, where exactly one does and no operator. It is asked
    /// through that one alone: no other network can then pose as it.
    pub interfaces: Vec<Option<InterfaceName>>,
    /// Of each route, by its place: who named it.
    pub routed_by: Vec<Origin>,
}

impl Chosen {
    /// Nobody.
    #[must_use]
    pub const fn nobody() -> Self {
        Self { origin: Origin::Nobody, upstreams: Upstreams::none(), interfaces: Vec::new(), routed_by: Vec::new() }
    }

    /// What the operator named for all names replaces all others, and what the networks name replaces `static_conf`, which is the
    /// text of a resolv.conf. Names in a domain are asked of whom the operator routes them to, or else of the servers of the
    /// networks that search it, where servers of networks are asked at all. Our own addresses are never among them.
    #[must_use]
    pub fn of(config: &Config, facts: &[Facts], static_conf: &[u8]) -> Self {
        let facts: Vec<Facts> = facts.iter().filter(|_| config.network_upstreams).cloned().collect();
        let room = MAX_UPSTREAMS.saturating_sub(config.routes.servers().collect::<BTreeSet<_>>().len());
        let from = |origin: Origin, servers: Vec<ServerAddr>| {
            let upstreams = Upstreams::choose(servers.into_iter().take(room), |addr| OWN.contains(&addr));
            (!upstreams.is_empty()).then_some((origin, upstreams))
        };
        let addressed = |servers: Vec<IpAddr>| servers.into_iter().filter_map(usual).collect();
        let named = |text: &[u8]| ResolvConf::parse(text).servers().iter().map(|server| server.addr()).collect();
        let (origin, mut upstreams) = from(Origin::Configuration, config.upstreams.clone())
            .or_else(|| from(Origin::Network, addressed(Union::of(&facts)?.servers)))
            .or_else(|| from(Origin::ResolvConf, addressed(named(static_conf))))
            .unwrap_or((Origin::Nobody, Upstreams::none()));
        for (domain, servers) in &config.routes.0 {
            upstreams = servers.iter().fold(upstreams, |all, server| all.with_route(domain.clone(), *server));
        }
        let by_operator = upstreams.routes().len();
        let facts = if origin == Origin::Network { facts } else { Vec::new() };
        for (domain, server) in
            searched(&facts).filter(|(domain, _)| config.network_routes && !config.routes.has(domain))
        {
            upstreams = upstreams.with_route(domain, server);
        }
        let routed_by = (0..upstreams.routes().len())
            .map(|at| if at < by_operator { Origin::Configuration } else { Origin::Network })
            .collect();
        let operators: BTreeSet<ServerAddr> = config.servers().collect();
        let interfaces = upstreams.iter().map(|(_, upstream)| {
            let server = upstream.server;
            only_of(&facts, server).filter(|_| !operators.contains(&server)).cloned()
        });
        Self { origin, interfaces: interfaces.collect(), routed_by, upstreams }
    }

    /// The device through which a server is asked, where it is asked through one alone.
    #[must_use]
    pub fn device(&self, id: UpstreamId) -> Option<&str> {
        self.interfaces.get(id.index())?.as_ref().map(InterfaceName::as_str)
    }

    /// Who named the servers of this way.
    #[must_use]
    pub fn by(&self, way: &Way) -> Origin {
        let Way::Routed(domain) = way else { return self.origin };
        let is_it = |route: &Route| route.domain.as_str().eq_ignore_ascii_case(domain.as_str());
        let routed_by = self.upstreams.routes().iter().zip(&self.routed_by).find(|(route, _)| is_it(route));
        routed_by.map_or(Origin::Nobody, |(_, by)| *by)
    }

    /// Those that are asked for names that no route is for.
    pub fn general(&self) -> impl Iterator<Item = ServerAddr> {
        self.upstreams.iter().filter(|(_, upstream)| upstream.is_general).map(|(_, upstream)| upstream.server)
    }
}

/// The one interface whose network names a server. Where several do, each of them can reach it; and one on the machine's own device
/// is reached through no other.
fn only_of(facts: &[Facts], server: ServerAddr) -> Option<&InterfaceName> {
    if server.ip().is_loopback() {
        return None;
    }
    let mut naming = facts.iter().filter(|facts| facts.dns.iter().any(|ip| usual(*ip) == Some(server)));
    naming.next().filter(|_| naming.next().is_none()).map(|facts| &facts.interface)
}

/// The domains that networks search, each with every server of its network. One without a search list has its own domain.
fn searched(facts: &[Facts]) -> impl Iterator<Item = (DomainName, ServerAddr)> {
    facts.iter().flat_map(|facts| {
        let own = facts.domain.as_ref().filter(|_| facts.search.is_empty());
        let domains = facts.search.iter().chain(own).filter_map(|domain| DomainName::new(domain.as_str()).ok());
        let servers =
            || facts.dns.iter().filter_map(|ip| usual(*ip)).filter(|server| !OWN.contains(&server.socket_addr()));
        domains
            .filter(|domain| !Route::is_in_vain(domain))
            .flat_map(move |domain| servers().map(move |server| (domain.clone(), server)))
    })
}

fn usual(ip: IpAddr) -> Option<ServerAddr> {
    ServerAddr::new(ip, ServerAddr::PORT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Routes;

    fn facts(dns: &str) -> Vec<Facts> {
        vec![Facts::parse(&format!("netfacts 1\ninterface eth0\ndns {dns}\n")).unwrap().facts]
    }

    #[test]
    fn the_operator_counts_more_than_the_network_and_the_network_more_than_a_file() {
        let named =
            Config { upstreams: vec![ServerAddr::new([192, 0, 2, 1].into(), 5353).unwrap()], ..Config::default() };
        let unasked = Config { network_upstreams: false, ..Config::default() };
        let conf = b"nameserver 192.0.2.3\n".as_slice();
        for (what, config, facts, conf, want) in [
            ("all", &named, facts("192.0.2.2"), conf, (Origin::Configuration, "192.0.2.1:5353")),
            ("no operator", &Config::default(), facts("192.0.2.2"), conf, (Origin::Network, "192.0.2.2")),
            (
                "an operator who does not ask them",
                &unasked,
                facts("192.0.2.2"),
                conf,
                (Origin::ResolvConf, "192.0.2.3"),
            ),
            ("only a file", &Config::default(), Vec::new(), conf, (Origin::ResolvConf, "192.0.2.3")),
            ("nobody", &Config::default(), Vec::new(), b"", (Origin::Nobody, "")),
            ("only ourselves", &Config::default(), facts("127.0.0.53"), b"nameserver ::1\n", (Origin::Nobody, "")),
        ] {
            let Chosen { origin, upstreams, .. } = Chosen::of(config, &facts, conf);
            let servers: Vec<String> = upstreams.iter().map(|(_, upstream)| upstream.server.to_string()).collect();
            assert_eq!((origin, servers.join(" ").as_str()), want, "{what}");
        }
    }

    fn network(interface: &str, lines: &str) -> Facts {
        Facts::parse(&format!("netfacts 1\ninterface {interface}\n{lines}")).unwrap().facts
    }

    /// Each route as it is shown, with who named it.
    fn routes(chosen: &Chosen) -> Vec<String> {
        let server = |id: &orlop_resolver_contract::UpstreamId| chosen.upstreams.of(*id).unwrap().server.to_string();
        let servers = |route: &Route| route.servers.iter().map(server).collect::<Vec<_>>().join(" ");
        let routes = chosen.upstreams.routes().iter().zip(&chosen.routed_by);
        routes.map(|(route, by)| format!("{}: {} by {}", route.domain, servers(route), by.name())).collect()
    }

    #[test]
    fn names_that_a_network_searches_are_asked_of_its_own_servers() {
        let facts = [
            network("eth0", "metric 1\ndns 192.0.2.1\ndns 127.0.0.53\ndomain home.example\n"),
            network(
                "wg0",
                "metric 2\ndns 192.0.2.2\ndns 192.0.2.3\nsearch Corp.example\nsearch onion\nsearch shared.example\n",
            ),
            network("eth1", "metric 3\ndns 192.0.2.3\ndns 127.0.0.1\nsearch shared.example\n"),
        ];
        let chosen = Chosen::of(&Config::default(), &facts, b"");
        assert_eq!(
            routes(&chosen),
            [
                "home.example: 192.0.2.1 by the network",
                "Corp.example: 192.0.2.2 192.0.2.3 by the network",
                "shared.example: 192.0.2.2 192.0.2.3 127.0.0.1 by the network",
            ]
        );
        let interfaces: Vec<Option<&str>> =
            chosen.interfaces.iter().map(|interface| interface.as_ref().map(InterfaceName::as_str)).collect();
        assert_eq!(interfaces, [Some("eth0"), Some("wg0"), None, None], "one is of two networks, one on this machine");
        let devices: Vec<Option<&str>> = chosen.upstreams.iter().map(|(id, _)| chosen.device(id)).collect();
        assert_eq!(devices, interfaces, "each server is asked through its own interface");
        assert!(chosen.upstreams.iter().all(|(_, upstream)| upstream.is_general));

        for (what, config) in [
            ("not wanted", Config { network_routes: false, ..Config::default() }),
            ("servers of networks are not asked", Config { network_upstreams: false, ..Config::default() }),
            (
                "the operator names all",
                Config { upstreams: usual([192, 0, 2, 9].into()).into_iter().collect(), ..Config::default() },
            ),
        ] {
            assert_eq!(routes(&Chosen::of(&config, &facts, b"")), Vec::<String>::new(), "{what}");
        }
    }

    #[test]
    fn a_network_that_searches_a_domain_of_the_operators_adds_no_server_to_its_route() {
        let operators = ServerAddr::new([198, 51, 100, 1].into(), 53).unwrap();
        let routed = Routes(vec![(DomainName::new("corp.example").unwrap(), vec![operators])]);
        let config = Config { routes: routed, ..Config::default() };
        let facts = [network("eth0", "dns 192.0.2.1\nsearch Corp.example\nsearch home.example\n")];
        assert_eq!(
            routes(&Chosen::of(&config, &facts, b"")),
            ["corp.example: 198.51.100.1 by the configuration", "home.example: 192.0.2.1 by the network"]
        );
    }

    #[test]
    fn the_operators_routes_count_more_and_have_room_whatever_else_is_named() {
        let server = |last| ServerAddr::new([198, 51, 100, last].into(), 53).unwrap();
        let domain = |text: &str| DomainName::new(text).unwrap();
        let routed =
            Routes(vec![(domain("CORP.example"), vec![server(1), server(2)]), (domain("lab"), vec![server(1)])]);
        let config = Config { routes: routed.clone(), ..Config::default() };
        let facts = [network("eth0", "dns 198.51.100.2\nsearch corp.example\nsearch a.corp.example\n")];
        let chosen = Chosen::of(&config, &facts, b"");
        assert_eq!(
            routes(&chosen),
            [
                "CORP.example: 198.51.100.1 198.51.100.2 by the configuration",
                "lab: 198.51.100.1 by the configuration",
                "a.corp.example: 198.51.100.2 by the network",
            ]
        );
        let by = |domain_name| chosen.by(&Way::Routed(domain(domain_name)));
        assert_eq!((by("corp.example"), by("A.corp.example")), (Origin::Configuration, Origin::Network));
        assert_eq!((chosen.by(&Way::General), by("other.example")), (Origin::Network, Origin::Nobody));
        assert_eq!(chosen.general().map(|server| server.to_string()).collect::<Vec<_>>(), ["198.51.100.2"]);
        assert_eq!(chosen.interfaces, [None, None], "whom the operator names is reached wherever the way leads");

        let many = (1..=16).map(|last| ServerAddr::new([192, 0, 2, last].into(), 53).unwrap()).collect();
        let crowded = Chosen::of(&Config { upstreams: many, routes: routed, ..Config::default() }, &[], b"");
        assert_eq!((crowded.general().count(), routes(&crowded).len()), (14, 2));

        let nobody = Chosen::of(&config, &[], b"");
        assert_eq!((nobody.origin, nobody.general().count(), routes(&nobody).len()), (Origin::Nobody, 0, 2));
    }
}
