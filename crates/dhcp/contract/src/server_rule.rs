use core::fmt;
use core::net::Ipv4Addr;
use core::str::FromStr;

use orlop_wire::{Bounded, MaxSize};
use serde::{Deserialize, Serialize};

use crate::{PrefixLen, UnicastAddr};

/// Which DHCP servers an operator takes leases from. A server is who option 54 says, else the source of the packet; on a link
/// where somebody forges both, no rule helps.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, MaxSize)]
pub struct ServerRule {
    /// When there is one, only servers in one of these.
    pub allow: Bounded<ServerNet, { ServerRule::MAX_NETS }>,
    /// None in one of these.
    pub deny: Bounded<ServerNet, { ServerRule::MAX_NETS }>,
}

impl ServerRule {
    /// Entries of each list: nobody runs, or refuses, more than sixteen servers on one network; what is said for all interfaces and
    /// what is said for one are added up.
    pub const MAX_NETS: usize = 32;

    /// Whether leases of `server` are taken.
    #[must_use]
    pub fn takes(&self, server: UnicastAddr) -> bool {
        let fits = |net: &ServerNet| net.has(server.get());
        (self.allow.is_empty() || self.allow.iter().any(fits)) && !self.denies(server.get())
    }

    /// Whether nothing that comes from `addr` is listened to.
    #[must_use]
    pub fn denies(&self, addr: Ipv4Addr) -> bool {
        self.deny.iter().any(|net| net.has(addr))
    }
}

/// An address, or all addresses of a network: `192.0.2.66` or `192.0.2.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerNet {
    addr: Ipv4Addr,
    prefix: PrefixLen,
}

impl ServerNet {
    fn has(self, addr: Ipv4Addr) -> bool {
        self.prefix.network(addr) == self.prefix.network(self.addr)
    }
}

impl FromStr for ServerNet {
    type Err = NotServers;

    fn from_str(text: &str) -> Result<Self, NotServers> {
        let (addr, prefix) = match text.split_once('/') {
            Some((addr, bits)) => (addr, bits.parse().ok().and_then(PrefixLen::new)),
            None => (text, Some(PrefixLen::HOST)),
        };
        let (addr, prefix) = addr.parse().ok().zip(prefix).ok_or(NotServers)?;
        Ok(Self { addr, prefix })
    }
}

impl fmt::Display for ServerNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { addr, prefix } = self;
        if *prefix == PrefixLen::HOST { addr.fmt(f) } else { write!(f, "{addr}/{prefix}") }
    }
}

impl MaxSize for ServerNet {
    const POSTCARD_MAX_SIZE: usize = 5;
}

/// The text is neither an address nor a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither an IPv4 address nor a network such as 192.0.2.0/24")]
pub struct NotServers;

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(text: &str) -> Bounded<ServerNet, { ServerRule::MAX_NETS }> {
        text.split_whitespace().map(|net| net.parse().unwrap()).collect()
    }

    #[test]
    fn a_server_is_taken_when_it_is_allowed_and_not_denied() {
        for (what, allow, deny, server, want) in [
            ("no rule", "", "", [192, 0, 2, 1], true),
            ("allowed", "192.0.2.1", "", [192, 0, 2, 1], true),
            ("not allowed", "192.0.2.1", "", [192, 0, 2, 2], false),
            ("the second of two", "192.0.2.1 198.51.100.0/24", "", [198, 51, 100, 9], true),
            ("denied", "", "192.0.2.66", [192, 0, 2, 66], false),
            ("another is denied", "", "192.0.2.66", [192, 0, 2, 1], true),
            ("its network is denied", "", "192.0.2.99/24", [192, 0, 2, 66], false),
            ("allowed and denied", "192.0.2.0/24", "192.0.2.66", [192, 0, 2, 66], false),
            ("everything is denied", "", "0.0.0.0/0", [10, 0, 0, 1], false),
        ] {
            let rule = ServerRule { allow: nets(allow), deny: nets(deny) };
            assert_eq!(rule.takes(UnicastAddr::new(server.into()).unwrap()), want, "{what}");
        }
    }

    #[test]
    fn a_network_is_written_as_people_write_it() {
        for (text, shown) in [
            ("192.0.2.66", Some("192.0.2.66")),
            ("192.0.2.0/24", Some("192.0.2.0/24")),
            ("192.0.2.66/32", Some("192.0.2.66")),
            ("192.0.2.0/33", None),
            ("192.0.2", None),
            ("server", None),
            ("192.0.2.0/", None),
            ("", None),
        ] {
            let read = text.parse::<ServerNet>().ok().map(|net| net.to_string());
            assert_eq!(read.as_deref(), shown, "{text}");
        }
    }

    #[test]
    fn it_travels_as_it_is() {
        let rule = ServerRule { allow: nets("192.0.2.1 10.0.0.0/8"), deny: nets("192.0.2.66") };
        let mut buffer = [0; orlop_wire::max_size::<ServerRule>()];
        let frame = orlop_wire::encode(&rule, &mut buffer).unwrap();
        assert_eq!(frame, [2, 192, 0, 2, 1, 32, 10, 0, 0, 0, 8, 1, 192, 0, 2, 66, 32]);
        assert_eq!(orlop_wire::decode(frame), Ok(rule));
    }
}
