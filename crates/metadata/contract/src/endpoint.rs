use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Provider;

/// Where a metadata service listens: all that a broker ever connects to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// Its address: link-local, or one that the cloud keeps for itself. No name is looked up.
    pub addr: IpAddr,
    /// Whether it is asked from a port below 1024, by which Scaleway knows that root asks.
    pub from_low_port: bool,
    /// What is asked there.
    pub service: Service,
}

/// The TCP port of every endpoint: all of them speak plain HTTP.
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
        Self { addr, from_low_port: false, service: Service::Metadata }
    }
}

/// Where `provider` answers, the one to try first in front. None for what lies on disks, and for CloudStack, whose service is
/// wherever the DHCP server is.
#[must_use]
pub const fn endpoints(provider: Provider) -> &'static [Endpoint] {
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
            for Endpoint { addr, from_low_port, service } in endpoints(provider) {
                let is_kept = match addr {
                    IpAddr::V4(addr) if *service == Service::WireServer => *addr == Ipv4Addr::new(168, 63, 129, 16),
                    IpAddr::V4(addr) => addr.is_link_local() || *addr == Ipv4Addr::new(100, 100, 100, 200),
                    IpAddr::V6(addr) => addr.is_unique_local() || addr.is_unicast_link_local(),
                };
                assert!(is_kept, "{provider:?}: {addr}");
                assert_eq!(*from_low_port, provider == Provider::Scaleway);
                assert!(*service == Service::Metadata || provider == Provider::Azure);
                asked += 1;
            }
        }
        assert!(asked > 15);
    }
}
