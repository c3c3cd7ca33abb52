//! Whom to ask: what the operator named, or else what the networks name, or else what a resolv.conf does.

use std::net::SocketAddr;

use orlop_lookup_contract::ResolvConf;
use orlop_netfacts::{Facts, Union};
use orlop_resolver_contract::{ServerAddr, Upstreams};
use serde::{Deserialize, Serialize};

use crate::config::Config;

/// Who named the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

/// Whom to ask, and by whose word: what the operator named replaces all others, and what the networks name replaces `static_conf`,
/// which is the text of a resolv.conf. Our own addresses are never among them.
#[must_use]
pub fn chosen(config: &Config, facts: &[Facts], static_conf: &[u8]) -> (Origin, Upstreams) {
    let network = || Union::of(facts).filter(|_| config.network_upstreams);
    let from = |origin: Origin, servers: Vec<ServerAddr>| {
        let upstreams = Upstreams::choose(servers, |addr| OWN.contains(&addr));
        (!upstreams.is_empty()).then_some((origin, upstreams))
    };
    let addressed = |servers: Vec<std::net::IpAddr>| {
        servers.into_iter().filter_map(|ip| ServerAddr::new(ip, ServerAddr::PORT)).collect()
    };
    let named = |text: &[u8]| ResolvConf::parse(text).servers().iter().map(|server| server.addr()).collect();
    from(Origin::Configuration, config.upstreams.clone())
        .or_else(|| from(Origin::Network, addressed(network()?.servers)))
        .or_else(|| from(Origin::ResolvConf, addressed(named(static_conf))))
        .unwrap_or((Origin::Nobody, Upstreams::none()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let (origin, upstreams) = chosen(config, &facts, conf);
            let servers: Vec<String> = upstreams.iter().map(|(_, upstream)| upstream.server.to_string()).collect();
            assert_eq!((origin, servers.join(" ").as_str()), want, "{what}");
        }
    }
}
