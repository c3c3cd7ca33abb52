use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use orlop_wire::MaxSize;
use serde::{Deserialize, Serialize};

use crate::Provider;

/// How long a connection may take to be made: every service of the table is in the same rack, and a lost SYN is sent again
/// after one second, with which a second attempt begins as well.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The port of every service: HTTP's.
pub const PORT: u16 = 80;

/// Which of a provider's services a connection is for. A worker names it and an [`IpFamily`]; the address is the broker's
/// business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
pub enum Endpoint {
    /// The metadata service.
    Metadata,
    /// The same one, spoken to from a port below 1024, by which Scaleway knows that root asks.
    FromLowPort,
    /// Azure's wire server, which is told that the machine is ready.
    WireServer,
}

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
pub enum IpFamily {
    /// What every provider has.
    V4,
    /// What some machines have alone.
    V6,
}

impl IpFamily {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::V4 => Self::V6,
            Self::V6 => Self::V4,
        }
    }
}

/// Where a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At this address, on every machine of the provider.
    At(IpAddr),
    /// At the address of the DHCP server that configured the machine (CloudStack's virtual router).
    DhcpServer,
}

impl Endpoint {
    /// Where `provider` has this service, if it has one for this family. An address below `fe80::/10` is meant on the interface
    /// that the machine speaks to its provider by.
    #[must_use]
    pub fn place(self, provider: Provider, family: IpFamily) -> Option<Place> {
        let (v4, v6) = match (self, provider) {
            (Self::WireServer, Provider::Azure) => (Some(WIRE_SERVER), None),
            (Self::FromLowPort, Provider::Scaleway) | (Self::Metadata, _) => (provider.v4(), provider.v6()),
            (Self::WireServer | Self::FromLowPort, _) => (None, None),
        };
        match family {
            IpFamily::V4 if provider == Provider::CloudStack && self == Self::Metadata => Some(Place::DhcpServer),
            IpFamily::V4 => v4.map(|addr| Place::At(addr.into())),
            IpFamily::V6 => v6.map(|addr| Place::At(addr.into())),
        }
    }
}

/// The address that nearly all of them agree on.
const LINK_LOCAL: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Azure's wire server, where DHCP's option 245 names no other.
const WIRE_SERVER: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// The same as [`LINK_LOCAL`] in the words of IPv6, with which OpenStack began.
const LINK_LOCAL_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe);

impl Provider {
    /// The IPv4 address of the metadata service, where it has one that is always the same.
    const fn v4(self) -> Option<Ipv4Addr> {
        match self {
            Self::Aws
            | Self::Gcp
            | Self::Azure
            | Self::OpenStack
            | Self::DigitalOcean
            | Self::Hetzner
            | Self::Vultr
            | Self::Oracle
            | Self::Ibm
            | Self::Exoscale
            | Self::Akamai
            | Self::UpCloud
            | Self::Mmds => Some(LINK_LOCAL),
            Self::Scaleway => Some(Ipv4Addr::new(169, 254, 42, 42)),
            Self::Alibaba => Some(Ipv4Addr::new(100, 100, 100, 200)),
            Self::CloudStack | Self::NoCloud | Self::ConfigDrive | Self::Cdrom => None,
        }
    }

    /// The IPv6 address of the metadata service.
    const fn v6(self) -> Option<Ipv6Addr> {
        match self {
            Self::Aws => Some(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
            Self::Gcp => Some(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
            Self::OpenStack | Self::Hetzner => Some(LINK_LOCAL_V6),
            Self::Scaleway => Some(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42)),
            Self::Oracle => Some(Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
            Self::Akamai => Some(Ipv6Addr::new(0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1)),
            Self::Azure
            | Self::DigitalOcean
            | Self::Vultr
            | Self::Ibm
            | Self::Alibaba
            | Self::Exoscale
            | Self::CloudStack
            | Self::UpCloud
            | Self::Mmds
            | Self::NoCloud
            | Self::ConfigDrive
            | Self::Cdrom => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_by_http_has_a_place_and_what_is_read_from_disks_has_none() {
        for provider in Provider::ALL {
            let is_disk = matches!(provider, Provider::NoCloud | Provider::ConfigDrive | Provider::Cdrom);
            let v4 = Endpoint::Metadata.place(provider, IpFamily::V4);
            assert_eq!(v4.is_none(), is_disk, "{}", provider.name());
            let v6 = Endpoint::Metadata.place(provider, IpFamily::V6);
            assert!(v6.is_none_or(|place| matches!(place, Place::At(IpAddr::V6(_)))), "{}", provider.name());
        }
    }

    #[test]
    fn the_places_are_those_of_the_vendors_documentation() {
        let cases = [
            (Endpoint::Metadata, Provider::Aws, "169.254.169.254", Some("fd00:ec2::254")),
            (Endpoint::Metadata, Provider::Hetzner, "169.254.169.254", Some("fe80::a9fe:a9fe")),
            (Endpoint::Metadata, Provider::Scaleway, "169.254.42.42", Some("fd00:42::42")),
            (Endpoint::FromLowPort, Provider::Scaleway, "169.254.42.42", Some("fd00:42::42")),
            (Endpoint::Metadata, Provider::Oracle, "169.254.169.254", Some("fd00:c1::a9fe:a9fe")),
            (Endpoint::Metadata, Provider::Akamai, "169.254.169.254", Some("fd00:a9fe:a9fe::1")),
            (Endpoint::Metadata, Provider::Gcp, "169.254.169.254", Some("fd20:ce::254")),
            (Endpoint::Metadata, Provider::Alibaba, "100.100.100.200", None),
            (Endpoint::WireServer, Provider::Azure, "168.63.129.16", None),
        ];
        for (endpoint, provider, v4, v6) in cases {
            let at = |text: &str| Some(Place::At(text.parse().unwrap()));
            assert_eq!(endpoint.place(provider, IpFamily::V4), at(v4), "{}", provider.name());
            assert_eq!(endpoint.place(provider, IpFamily::V6), v6.and_then(at), "{}", provider.name());
        }
        assert_eq!(Endpoint::Metadata.place(Provider::CloudStack, IpFamily::V4), Some(Place::DhcpServer));
        assert_eq!(Endpoint::WireServer.place(Provider::CloudStack, IpFamily::V4), None);
        assert_eq!(Endpoint::FromLowPort.place(Provider::Aws, IpFamily::V4), None);
        assert_eq!(IpFamily::V4.other().other(), IpFamily::V4);
    }
}
