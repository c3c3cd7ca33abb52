//! Whom to ask.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU16;

use orlop_wire::{Bounded, DomainName, HostAddr, MaxSize};
use serde::{Deserialize, Serialize};

use crate::{MAX_ROUTES, MAX_UPSTREAMS};

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
    /// Whether it is asked for names that no route is for.
    pub is_general: bool,
}

/// Names in a domain are asked of certain servers: of all routes the one with the longest domain counts, and nobody else is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Route {
    /// The name itself, and all below it.
    pub domain: DomainName,
    /// Whom to ask.
    pub servers: Bounded<UpstreamId, MAX_UPSTREAMS>,
}

/// Domains of special use that nobody is ever asked for, so that no route leads there (RFC 6761, RFC 7686, RFC 9462, RFC 9476).
pub const NEVER_ASKED: [&str; 6] = ["localhost", "invalid", "onion", "alt", "resolver.arpa", "127.in-addr.arpa"];

impl Route {
    /// Whether the domain, or one above it, is [never asked for](NEVER_ASKED).
    #[must_use]
    pub fn is_in_vain(domain: &DomainName) -> bool {
        let domain = domain.as_str().to_ascii_lowercase();
        NEVER_ASKED
            .into_iter()
            .any(|never| domain.strip_suffix(never).is_some_and(|before| before.is_empty() || before.ends_with('.')))
    }
}

/// The servers that are asked, most preferred first, each of them once; and which of them for which names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, MaxSize)]
#[serde(try_from = "Unchecked")]
pub struct Upstreams {
    servers: Bounded<Upstream, MAX_UPSTREAMS>,
    routes: Bounded<Route, MAX_ROUTES>,
}

impl Upstreams {
    /// Nobody: the network is not there yet, or gone.
    #[must_use]
    pub const fn none() -> Self {
        Self { servers: Bounded::new(), routes: Bounded::new() }
    }

    /// The first [`MAX_UPSTREAMS`] of these, each once, for all names, and none at an address of `own`: who asked itself would
    /// never get an answer.
    #[must_use]
    pub fn choose(servers: impl IntoIterator<Item = ServerAddr>, own: impl Fn(SocketAddr) -> bool) -> Self {
        let mut chosen = Self::none();
        for server in servers {
            let upstream = Upstream { server, is_general: true };
            if chosen.id(server).is_none() && !own(server.socket_addr()) && chosen.servers.push(upstream).is_err() {
                break;
            }
        }
        chosen
    }

    /// The same, with names in a domain asked of a server, besides those that they are asked of already. One that is not in the
    /// list yet is asked for nothing else. What is beyond [`MAX_ROUTES`] or [`MAX_UPSTREAMS`] is left out.
    #[must_use]
    pub fn with_route(mut self, domain: DomainName, server: ServerAddr) -> Self {
        let mut routes = core::mem::take(&mut self.routes).into_vec();
        let known = routes.iter().position(|route| route.domain.as_str().eq_ignore_ascii_case(domain.as_str()));
        let has_room = known.is_some() || routes.len() < MAX_ROUTES;
        if let Some(upstream) = has_room.then(|| self.id_or_new(server)).flatten() {
            match known.and_then(|known| routes.get_mut(known)) {
                Some(route) if route.servers.contains(&upstream) => {}
                Some(route) => drop(route.servers.push(upstream)),
                None => routes.push(Route { domain, servers: [upstream].into_iter().collect() }),
            }
        }
        Self { routes: routes.into_iter().collect(), ..self }
    }

    /// The domains whose names are asked of certain servers.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The number of a server that is in the list.
    #[must_use]
    pub fn id(&self, server: ServerAddr) -> Option<UpstreamId> {
        self.iter().find(|(_, upstream)| upstream.server == server).map(|(id, _)| id)
    }

    fn id_or_new(&mut self, server: ServerAddr) -> Option<UpstreamId> {
        self.id(server).or_else(|| {
            let new = UpstreamId::new(u8::try_from(self.len()).ok()?)?;
            self.servers.push(Upstream { server, is_general: false }).is_ok().then_some(new)
        })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.servers.len()
    }

    /// Whether there is nobody to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// The server with this number.
    #[must_use]
    pub fn of(&self, id: UpstreamId) -> Option<&Upstream> {
        self.servers.get(id.index())
    }

    /// Each with its number, most preferred first.
    pub fn iter(&self) -> impl Iterator<Item = (UpstreamId, &Upstream)> {
        UpstreamId::all().zip(self.servers.iter())
    }
}

/// As it is on the channel.
#[derive(Deserialize)]
struct Unchecked {
    servers: Bounded<Upstream, MAX_UPSTREAMS>,
    routes: Bounded<Route, MAX_ROUTES>,
}

impl TryFrom<Unchecked> for Upstreams {
    type Error = NotUpstreams;

    fn try_from(Unchecked { servers, routes }: Unchecked) -> Result<Self, NotUpstreams> {
        let once = Self::choose(servers.iter().map(|upstream| upstream.server), |_| false);
        if once.len() != servers.len() {
            return Err(NotUpstreams::Twice);
        }
        let is_nobody = |id: &UpstreamId| servers.get(id.index()).is_none();
        if routes.iter().any(|route| route.servers.is_empty() || route.servers.iter().any(is_nobody)) {
            return Err(NotUpstreams::ToNobody);
        }
        Ok(Self { servers, routes })
    }
}

/// Why servers and routes do not belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotUpstreams {
    /// A server is in the list twice.
    #[error("a server is in the list twice")]
    Twice,
    /// A route leads to a server that is not in the list, or to none.
    #[error("a route to no server")]
    ToNobody,
}

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
    fn servers_twice_and_routes_to_nobody_are_no_message() {
        let good = Upstreams::choose(["192.0.2.1:53", "192.0.2.1:54"].map(server), |_| false)
            .with_route(DomainName::new("corp.example").unwrap(), server("192.0.2.1:54"));
        let mut buffer = [0; max_size::<Upstreams>()];
        let bytes = encode(&good, &mut buffer).unwrap().to_vec();
        assert_eq!(decode::<Upstreams>(&bytes), Ok(good.clone()));
        let twice = Upstreams {
            servers: [0; 2].map(|_| good.servers[0].clone()).into_iter().collect(),
            routes: Bounded::new(),
        };
        let routed = |servers| Route { domain: DomainName::new("corp.example").unwrap(), servers };
        let empty = Upstreams { routes: [routed(Bounded::new())].into_iter().collect(), ..good.clone() };
        let to_nobody = Upstreams { servers: good.servers.iter().take(1).cloned().collect(), routes: good.routes };
        for (what, bad) in [("twice", twice), ("to nobody", to_nobody), ("to no server", empty)] {
            assert!(decode::<Upstreams>(encode(&bad, &mut buffer).unwrap()).is_err(), "{what}");
        }
    }

    #[test]
    fn a_route_has_several_servers_and_those_it_adds_are_asked_for_nothing_else() {
        let domain = |text: &str| DomainName::new(text).unwrap();
        let [first, second, third] = ["192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:53"].map(server);
        let chosen = Upstreams::choose([first, second], |_| false)
            .with_route(domain("corp.example"), second)
            .with_route(domain("lab.example"), third)
            .with_route(domain("Corp.Example"), third)
            .with_route(domain("corp.example"), second);
        let shown = |chosen: &Upstreams| -> Vec<String> {
            let servers = |route: &Route| route.servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            chosen.routes().iter().map(|route| format!("{} {}", route.domain, servers(route))).collect()
        };
        assert_eq!(shown(&chosen), ["corp.example 1 2", "lab.example 2"]);
        assert_eq!(chosen.iter().map(|(_, upstream)| upstream.is_general).collect::<Vec<_>>(), [true, true, false]);

        let many = (0..40).fold(chosen, |chosen, n| chosen.with_route(domain(&format!("n{n}.example")), first));
        assert_eq!(many.routes().len(), MAX_ROUTES);
        let late = many.with_route(domain("late.example"), server("192.0.2.4:53"));
        assert_eq!(late.len(), 3, "who is not asked for anything is not in the list");
        let crowd = (0..20).map(|last| ServerAddr::new(IpAddr::from([198, 51, 100, last]), 53).unwrap());
        let crowded = crowd.fold(late, |chosen, server| chosen.with_route(domain("CORP.example"), server));
        assert_eq!((crowded.len(), crowded.routes()[0].servers.len()), (MAX_UPSTREAMS, MAX_UPSTREAMS - 1));
    }

    #[test]
    fn there_is_no_route_to_names_that_nobody_is_asked_for() {
        for (domain, in_vain) in [
            ("localhost", true),
            ("a.LOCALHOST", true),
            ("hidden.onion", true),
            ("1.0.0.127.in-addr.arpa", true),
            ("notlocalhost", false),
            ("localhost.example", false),
            ("arpa", false),
            ("internal", false),
            ("local", false),
            ("10.in-addr.arpa", false),
        ] {
            assert_eq!(Route::is_in_vain(&DomainName::new(domain).unwrap()), in_vain, "{domain}");
        }
    }
}
