use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{Location, Provider};

/// Where a metadata service listens: all that a broker ever connects to, but for a [`Location`] that it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// Its address: link-local, or one that the cloud keeps for itself. No name is looked up.
    pub addr: IpAddr,
    /// Its port.
    pub port: u16,
    /// Whether it is asked from a port below 1024, by which Scaleway knows that root asks.
    pub from_low_port: bool,
    /// What is asked there.
    pub service: Service,
}

/// The TCP port of every endpoint of the table: all of them speak plain HTTP.
pub const PORT: u16 = 80;

/// What a provider can be asked for. Endpoints of one service are the same one by other addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Its metadata.
    Metadata,
    /// Azure's wire server, which is told that the machine is ready. DHCP's option 245 may name another address.
    WireServer,
}

impl Endpoint {
    /// Metadata at this address.
    #[must_use]
    pub const fn http(addr: IpAddr) -> Self {
        Self { addr, port: PORT, from_low_port: false, service: Service::Metadata }
    }
}

/// Where `provider` answers, the one to try first in front. A location is only of account where nobody can know it beforehand:
/// where NoCloud's files are, CloudStack's router, and Azure's wire server.
#[must_use]
pub fn endpoints(provider: Provider, location: Option<&Location>) -> Vec<Endpoint> {
    let mut endpoints = table(provider).to_vec();
    let Some(Location { addr, port, .. }) = location else { return endpoints };
    match provider {
        Provider::NoCloud | Provider::CloudStack => {
            endpoints.push(Endpoint { port: *port, ..Endpoint::http(addr.get()) });
        }
        Provider::Azure => {
            let wire_servers = endpoints.iter_mut().filter(|endpoint| endpoint.service == Service::WireServer);
            wire_servers.for_each(|endpoint| endpoint.addr = addr.get());
        }
        Provider::Aws
        | Provider::Gcp
        | Provider::OpenStack
        | Provider::DigitalOcean
        | Provider::Hetzner
        | Provider::Vultr
        | Provider::Scaleway
        | Provider::Oracle
        | Provider::Ibm
        | Provider::Alibaba
        | Provider::Exoscale
        | Provider::Akamai
        | Provider::UpCloud
        | Provider::Mmds
        | Provider::ConfigDrive
        | Provider::Cdrom => {}
    }
    endpoints
}

/// Those that are known beforehand. None for what lies on disks, and for CloudStack.
const fn table(provider: Provider) -> &'static [Endpoint] {
    match provider {
        Provider::Aws => &[LINK_LOCAL, AWS_6],
        Provider::Oracle => &[LINK_LOCAL, ORACLE_6],
        Provider::Akamai => &[LINK_LOCAL, AKAMAI_6],
        Provider::Scaleway => &[SCALEWAY, SCALEWAY_6],
        Provider::Alibaba => &[ALIBABA],
        Provider::Gcp => &[LINK_LOCAL, GCP_6],
        Provider::Azure => &[LINK_LOCAL, WIRE_SERVER],
        Provider::OpenStack | Provider::Hetzner => &[LINK_LOCAL, LINK_LOCAL_6],
        Provider::DigitalOcean
        | Provider::Vultr
        | Provider::Ibm
        | Provider::Exoscale
        | Provider::UpCloud
        | Provider::Mmds => &[LINK_LOCAL],
        Provider::CloudStack | Provider::NoCloud | Provider::ConfigDrive | Provider::Cdrom => &[],
    }
}

/// Where almost everybody answers.
const LINK_LOCAL: Endpoint = v4([169, 254, 169, 254]);
const AWS_6: Endpoint = v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]);
const GCP_6: Endpoint = v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]);
/// The same in the words of IPv6: meant on the interface that the machine speaks to its cloud by.
const LINK_LOCAL_6: Endpoint = v6([0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe]);
const WIRE_SERVER: Endpoint = Endpoint { service: Service::WireServer, ..v4([168, 63, 129, 16]) };
const ORACLE_6: Endpoint = v6([0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe]);
const AKAMAI_6: Endpoint = v6([0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1]);
const SCALEWAY: Endpoint = Endpoint { from_low_port: true, ..v4([169, 254, 42, 42]) };
const SCALEWAY_6: Endpoint = Endpoint { from_low_port: true, ..v6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42]) };
const ALIBABA: Endpoint = v4([100, 100, 100, 200]);

const fn v4(octets: [u8; 4]) -> Endpoint {
    let [a, b, c, d] = octets;
    Endpoint::http(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
}

const fn v6(segments: [u16; 8]) -> Endpoint {
    let [a, b, c, d, e, f, g, h] = segments;
    Endpoint::http(IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_asked_outside_the_networks_that_clouds_keep_for_themselves() {
        let mut asked = 0;
        for provider in Provider::ALL {
            for Endpoint { addr, port, from_low_port, service } in endpoints(provider, None) {
                let is_kept = match addr {
                    IpAddr::V4(addr) if service == Service::WireServer => addr == Ipv4Addr::new(168, 63, 129, 16),
                    IpAddr::V4(addr) => addr.is_link_local() || addr == Ipv4Addr::new(100, 100, 100, 200),
                    IpAddr::V6(addr) => addr.is_unique_local() || addr.is_unicast_link_local(),
                };
                assert!(is_kept && port == PORT, "{provider:?}: {addr}");
                assert_eq!(from_low_port, provider == Provider::Scaleway);
                assert!(service == Service::Metadata || provider == Provider::Azure);
                asked += 1;
            }
        }
        assert!(asked > 15);
    }
    #[test]
    fn what_is_told_is_asked_only_where_nobody_can_know_it_beforehand() {
        let location = Location::parse("http://192.0.2.1:8080/seed/").expect("a URL");
        let places = |provider, location| -> Vec<(String, Service)> {
            let all = endpoints(provider, location).into_iter();
            all.map(|endpoint| (format!("{}:{}", endpoint.addr, endpoint.port), endpoint.service)).collect()
        };
        for provider in Provider::ALL {
            let want = if [Provider::NoCloud, Provider::CloudStack].contains(&provider) {
                vec![("192.0.2.1:8080".to_owned(), Service::Metadata)]
            } else if provider == Provider::Azure {
                let service = ("169.254.169.254:80".to_owned(), Service::Metadata);
                vec![service, ("192.0.2.1:80".to_owned(), Service::WireServer)]
            } else {
                places(provider, None)
            };
            assert_eq!(places(provider, Some(&location)), want, "{provider:?}");
        }
    }
}
