use core::net::IpAddr;

use orlop_metadata_contract::{Endpoint, PORT, Place, Service};

/// One of the ways to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    /// Which of the endpoints.
    pub(super) place: Place,
    /// What stands in the `Host` header.
    pub(super) host: String,
}

impl Way {
    /// The way that is taken after so many others have failed, in turn.
    pub(super) fn nth(endpoints: &[Endpoint], service: Service, failed: usize) -> Self {
        let ways: Vec<Self> = (0..).zip(endpoints).filter_map(|(at, way)| Self::of(at, way, service)).collect();
        let at = failed.checked_rem(ways.len()).unwrap_or_default();
        // The broker has nobody asked who is nowhere.
        ways.into_iter().nth(at).unwrap_or_else(|| Self { place: Place(0), host: String::new() })
    }

    fn of(at: u8, endpoint: &Endpoint, service: Service) -> Option<Self> {
        let addr = match endpoint.addr {
            IpAddr::V4(addr) => addr.to_string(),
            IpAddr::V6(addr) => format!("[{addr}]"),
        };
        let host = if endpoint.port == PORT { addr } else { format!("{addr}:{}", endpoint.port) };
        (endpoint.service == service).then_some(Self { place: Place(at), host })
    }
}

#[cfg(test)]
mod tests {
    use orlop_metadata_contract::{Location, Provider, endpoints};

    use super::*;

    #[test]
    fn the_ways_to_a_service_are_taken_in_turn() {
        for (what, provider, service, failed, place, host) in [
            ("first", Provider::Aws, Service::Metadata, 0, 0, "169.254.169.254"),
            ("then IPv6", Provider::Aws, Service::Metadata, 1, 1, "[fd00:ec2::254]"),
            ("then the first again", Provider::Aws, Service::Metadata, 2, 0, "169.254.169.254"),
            ("the only one", Provider::Vultr, Service::Metadata, 3, 0, "169.254.169.254"),
            ("no other service", Provider::Azure, Service::Metadata, 1, 0, "169.254.169.254"),
            ("another service", Provider::Azure, Service::WireServer, 1, 1, "168.63.129.16"),
            ("the broker was location", Provider::CloudStack, Service::Metadata, 5, 0, "[2001:db8::1]:8080"),
        ] {
            let location =
                (provider == Provider::CloudStack).then(|| Location::parse("http://[2001:db8::1]:8080/").unwrap());
            let way = Way::nth(&endpoints(provider, location.as_ref()), service, failed);
            assert_eq!((way.place, way.host.as_str()), (Place(place), host), "{what}");
        }
    }
}
