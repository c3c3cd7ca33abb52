//! Whom to ask.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU16;

use orlop_wire::{Bounded, HostAddr, MaxSize};
use serde::{Deserialize, Serialize};

use crate::MAX_UPSTREAMS;

orlop_wire::numbers! {
    /// An upstream server, by its place in the list of the last [`Notice::Upstreams`](crate::Notice::Upstreams), from 0.
    UpstreamId below MAX_UPSTREAMS,
}

/// Where a server is: an address that one host can have, and a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
pub struct ServerAddr(HostAddr, NonZeroU16);

impl ServerAddr {
    /// Where servers are asked unless a port is named (RFC 1035 section 4.2).
    pub const PORT: u16 = 53;

    /// The address, or `None` when no server can be there: not the [address of one host](HostAddr), or port 0.
    #[must_use]
    pub const fn new(ip: IpAddr, port: u16) -> Option<Self> {
        match (HostAddr::new(ip), NonZeroU16::new(port)) {
            (Some(host), Some(port)) => Some(Self(host, port)),
            _ => None,
        }
    }

    /// The host's address.
    #[must_use]
    pub const fn ip(self) -> IpAddr {
        self.0.get()
    }

    /// As the socket calls take it.
    #[must_use]
    pub const fn socket_addr(self) -> SocketAddr {
        SocketAddr::new(self.ip(), self.1.get())
    }
}

/// As a person writes it: without the port where it is the usual one.
impl fmt::Display for ServerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.1.get() == Self::PORT { self.ip().fmt(f) } else { self.socket_addr().fmt(f) }
    }
}

/// One server that is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Upstream {
    /// Where it is. The worker never sends there but through a socket of its pool; it tells servers apart by it, and so knows
    /// whether what it has learned is still about the same one.
    pub server: ServerAddr,
}

/// The servers that are asked, most preferred first; each is there once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, MaxSize)]
#[serde(try_from = "Bounded<Upstream, MAX_UPSTREAMS>")]
pub struct Upstreams(Bounded<Upstream, MAX_UPSTREAMS>);

impl Upstreams {
    /// Nobody: the network is not there yet, or gone.
    #[must_use]
    pub const fn none() -> Self {
        Self(Bounded::new())
    }

    /// The first [`MAX_UPSTREAMS`] of these, each once, and none at an address of `own`: who asked itself would never get an
    /// answer.
    #[must_use]
    pub fn choose(servers: impl IntoIterator<Item = ServerAddr>, own: impl Fn(SocketAddr) -> bool) -> Self {
        let mut chosen = Self::none();
        for server in servers {
            let known = chosen.0.iter().any(|upstream| upstream.server == server);
            if !known && !own(server.socket_addr()) && chosen.0.push(Upstream { server }).is_err() {
                break;
            }
        }
        chosen
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nobody to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The server with this number.
    #[must_use]
    pub fn of(&self, id: UpstreamId) -> Option<&Upstream> {
        self.0.get(id.index())
    }

    /// Each with its number, most preferred first.
    pub fn iter(&self) -> impl Iterator<Item = (UpstreamId, &Upstream)> {
        UpstreamId::all().zip(self.0.iter())
    }
}

impl TryFrom<Bounded<Upstream, MAX_UPSTREAMS>> for Upstreams {
    type Error = Twice;

    fn try_from(list: Bounded<Upstream, MAX_UPSTREAMS>) -> Result<Self, Twice> {
        let chosen = Self::choose(list.iter().map(|upstream| upstream.server), |_| false);
        if chosen.len() == list.len() { Ok(chosen) } else { Err(Twice) }
    }
}

/// A server is in the list twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a server is in the list twice")]
pub struct Twice;

#[cfg(test)]
mod tests {
    use super::*;
    use orlop_wire::{decode, encode, max_size};

    fn server(text: &str) -> ServerAddr {
        let addr: SocketAddr = text.parse().unwrap();
        ServerAddr::new(addr.ip(), addr.port()).unwrap()
    }

    #[test]
    fn a_server_is_at_the_address_of_a_host_and_a_port() {
        for (what, ip, port, ok) in [
            ("a server", "192.0.2.1", 53, true),
            ("no port", "192.0.2.1", 0, false),
            ("everybody", "255.255.255.255", 53, false),
            ("nobody", "::", 53, false),
        ] {
            assert_eq!(ServerAddr::new(ip.parse().unwrap(), port).is_some(), ok, "{what}");
        }
    }

    #[test]
    fn only_an_unusual_port_is_shown() {
        let shown = |text| server(text).to_string();
        assert_eq!(shown("192.0.2.1:53"), "192.0.2.1");
        assert_eq!(shown("[2001:db8::1]:53"), "2001:db8::1");
        assert_eq!(shown("[2001:db8::1]:5353"), "[2001:db8::1]:5353");
    }

    #[test]
    fn each_server_is_chosen_once_in_order_and_never_ourselves() {
        let offered = ["192.0.2.2:53", "127.0.0.53:53", "192.0.2.1:53", "192.0.2.2:53", "192.0.2.2:5353"].map(server);
        let chosen = Upstreams::choose(offered, |addr| addr == server("127.0.0.53:53").socket_addr());
        let list: Vec<String> = chosen.iter().map(|(id, upstream)| format!("{id} {}", upstream.server)).collect();
        assert_eq!(list, ["0 192.0.2.2", "1 192.0.2.1", "2 192.0.2.2:5353"]);
        assert_eq!(
            chosen.of(UpstreamId::new(1).unwrap()).map(|upstream| upstream.server),
            Some(server("192.0.2.1:53"))
        );
        assert_eq!(chosen.of(UpstreamId::new(3).unwrap()), None);
    }

    #[test]
    fn more_servers_than_are_asked_are_left_out() {
        let many = (0..20).map(|last| ServerAddr::new(IpAddr::from([192, 0, 2, last]), 53).unwrap());
        let chosen = Upstreams::choose(many, |_| false);
        assert_eq!((chosen.len(), chosen.is_empty(), Upstreams::none().is_empty()), (MAX_UPSTREAMS, false, true));
    }

    #[test]
    fn a_list_in_which_one_is_twice_is_no_message() {
        let list = |ports: [u16; 2]| -> Bounded<Upstream, MAX_UPSTREAMS> {
            ports
                .map(|port| Upstream { server: ServerAddr::new([192, 0, 2, 1].into(), port).unwrap() })
                .into_iter()
                .collect()
        };
        let mut buffer = [0; max_size::<Upstreams>()];
        let good = encode(&list([53, 54]), &mut buffer).unwrap();
        assert_eq!(decode::<Upstreams>(good).unwrap().len(), 2);
        let twice = encode(&list([53, 53]), &mut buffer).unwrap();
        assert!(decode::<Upstreams>(twice).is_err());
    }
}
