//! Where a server that exchanges keys may send us for the time (RFC 8915 sections 4.1.7 and 4.1.8).

use core::net::IpAddr;

use crate::{KeyFailure, ServerAddr};

/// The port of NTP, and the usual one.
const NTP: u16 = 123;

/// Ports below this belong to services that somebody else may run for others (RFC 6335 section 6).
const UNPRIVILEGED: u16 = 1024;

/// The server that is asked, when one at `exchanged` names `address` and `port`, or does not.
///
/// Whoever exchanges keys can point us at any host, which then gets a small datagram from us now and then; that is no more than
/// any name server can. What it cannot: have us speak to this machine or to the link, unless it is there itself, or to the
/// services of others.
///
/// # Errors
/// [`KeyFailure::Place`]
pub fn negotiated(exchanged: ServerAddr, address: Option<IpAddr>, port: Option<u16>) -> Result<ServerAddr, KeyFailure> {
    let own = exchanged.ip().ok_or(KeyFailure::Place)?;
    let (address, port) = (address.unwrap_or(own), port.unwrap_or(NTP));
    let reach = Reach::of(address);
    let allowed = (reach == Reach::Beyond || reach == Reach::of(own)) && (port == NTP || port >= UNPRIVILEGED);
    ServerAddr::new(address, port).filter(|_| allowed).ok_or(KeyFailure::Place)
}

/// How far away an address can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// On this machine.
    Machine,
    /// On the link.
    Link,
    /// Anywhere else.
    Beyond,
}

impl Reach {
    const fn of(address: IpAddr) -> Self {
        let (machine, link) = match address {
            IpAddr::V4(v4) => (v4.is_loopback(), v4.is_link_local()),
            IpAddr::V6(v6) => (v6.is_loopback(), v6.is_unicast_link_local()),
        };
        if machine {
            Self::Machine
        } else if link {
            Self::Link
        } else {
            Self::Beyond
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_sends_us_to_hosts_and_not_to_ourselves() {
        for (what, own, address, port, want) in [
            ("nothing named", "192.0.2.1", None, None, Some("192.0.2.1:123")),
            ("a port", "192.0.2.1", None, Some(11_123), Some("192.0.2.1:11123")),
            ("another host", "192.0.2.1", Some("192.0.2.9"), None, Some("192.0.2.9:123")),
            ("one of IPv6", "192.0.2.1", Some("2001:db8::9"), Some(123), Some("[2001:db8::9]:123")),
            ("this machine", "192.0.2.1", Some("127.0.0.1"), None, None),
            ("this machine, as it is there", "127.0.0.1", Some("127.0.0.2"), None, Some("127.0.0.2:123")),
            ("this machine by IPv6", "192.0.2.1", Some("::1"), None, None),
            ("the link", "192.0.2.1", Some("169.254.169.254"), None, None),
            ("the link by IPv6", "192.0.2.1", Some("fe80::1"), None, None),
            ("from the link to this machine", "169.254.1.1", Some("127.0.0.1"), None, None),
            ("a name server", "192.0.2.1", None, Some(53), None),
            ("no port", "192.0.2.1", None, Some(0), None),
            ("everybody", "192.0.2.1", Some("255.255.255.255"), None, None),
            ("a group", "192.0.2.1", Some("224.0.1.1"), None, None),
        ] {
            let own = ServerAddr::new(own.parse().unwrap(), 4460).unwrap();
            let address = address.map(|address: &str| address.parse().unwrap());
            let place = negotiated(own, address, port).map(|server| server.to_string()).ok();
            assert_eq!(place.as_deref(), want, "{what}");
        }
    }
}
