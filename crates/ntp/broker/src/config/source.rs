//! A source as it is written: an address or a name, or a table with more to say.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use orlop_ntp_contract::{Kind, Poll, PollRange, ServerAddr, SourceConduct};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{KEY_PORT, PORT};

/// Whom to ask, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its address or its name.
    pub place: Place,
    /// How it is asked.
    pub conduct: SourceConduct,
}

/// Where a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// At an address.
    Address(ServerAddr),
    /// At a link-local address, behind the interface of this name.
    OnLink {
        /// The address, in fe80::/64.
        ip: Ipv6Addr,
        /// The interface's name.
        interface: String,
        /// The port.
        port: u16,
    },
    /// Wherever this name leads, at this port.
    Name(String, u16),
    /// In this machine: the hardware clock of this name, or, without one, that of its host.
    Clock(Option<String>),
}

/// What a hardware clock is called where a source is named.
const CLOCK: &str = "ptp";

/// As many servers of a pool as make a majority that one liar does not spoil.
const POOL_SERVERS: u8 = 4;

/// Longest name in the DNS, as text (RFC 1035 section 2.3.4).
const MAX_NAME: usize = 253;

/// How a source is asked of which nothing else is said.
const USUAL: SourceConduct = SourceConduct { kind: Kind::Server, prefer: false, polls: PollRange::USUAL, nts: false };

impl Source {
    /// A server there, asked as usual.
    #[must_use]
    pub const fn server(place: Place) -> Self {
        let polls = place.polls();
        Self { place, conduct: SourceConduct { polls, ..USUAL } }
    }

    /// A pool of servers under this name, asked as usual.
    #[must_use]
    pub const fn pool(place: Place) -> Self {
        let kind = Kind::Pool { want: POOL_SERVERS };
        Self { place, conduct: SourceConduct { kind, ..USUAL } }
    }
}

/// What is no place of a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no address and no name: 192.0.2.1, [2001:db8::1]:1123, fe80::1%eth0, ntp.example.org; or ptp")]
pub struct PlaceError(String);

impl Place {
    /// How often it is asked, where nothing is said.
    const fn polls(&self) -> PollRange {
        match self {
            Self::Clock(_) => PollRange::CLOCK,
            Self::Address(_) | Self::OnLink { .. } | Self::Name(..) => PollRange::USUAL,
        }
    }

    /// The port, where a server has one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Address(address) => address.socket_addr().map(|addr| addr.port()),
            Self::OnLink { port, .. } | Self::Name(_, port) => Some(*port),
            Self::Clock(_) => None,
        }
    }

    /// An address or a name, at this port where none is written.
    fn parse(text: &str, usual: u16) -> Result<Self, PlaceError> {
        let wrong = || PlaceError(text.chars().take(MAX_NAME).collect());
        if text.contains('%') {
            return on_link(text, usual).ok_or_else(wrong);
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Some(address) = bare.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, usual)).or(text.parse().ok()) {
            return ServerAddr::new(address.ip(), address.port()).map(Self::Address).ok_or_else(wrong);
        }
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) => (name, port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?),
            None => (text, usual),
        };
        if is_name(name) { Ok(Self::Name(name.to_owned(), port)) } else { Err(wrong()) }
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        if text == CLOCK { Ok(Self::Clock(None)) } else { Self::parse(text, PORT) }
    }
}

/// `fe80::1%eth0` or `[fe80::1%eth0]:1123`, as RFC 4007 section 11 and RFC 3986 write them.
fn on_link(text: &str, usual: u16) -> Option<Place> {
    let (place, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']')? {
            (place, "") => (place, usual),
            (place, port) => (place, port.strip_prefix(':')?.parse().ok()?),
        },
        None => (text, usual),
    };
    let (ip, interface) = place.split_once('%')?;
    let ip = ip.parse().ok()?;
    // Any index will do: the interface's own is asked for when the daemon starts.
    ServerAddr::on_link(ip, 1, port)?;
    is_interface(interface).then(|| Place::OnLink { ip, interface: interface.to_owned(), port })
}

/// What the kernel takes as an interface's name (`dev_valid_name`), without what a shell or an address would take for its own.
fn is_interface(name: &str) -> bool {
    (1..=15).contains(&name.len())
        && !matches!(name, "." | "..")
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@' | b'+'))
}

/// Labels of letters, digits, hyphens and underscores (RFC 1123 section 2.1), the last of which is not all digits.
fn is_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= MAX_NAME && name.split('.').all(label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => match address.socket_addr() {
                Some(address) if address.port() == PORT => address.ip().fmt(f),
                _ => address.fmt(f),
            },
            Self::OnLink { ip, interface, port: PORT } => write!(f, "{ip}%{interface}"),
            Self::OnLink { ip, interface, port } => write!(f, "[{ip}%{interface}]:{port}"),
            Self::Name(name, PORT) => f.write_str(name),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
            Self::Clock(None) => f.write_str(CLOCK),
            Self::Clock(Some(name)) => write!(f, "{CLOCK} {name}"),
        }
    }
}

/// The table of a source.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    server: Option<String>,
    pool: Option<String>,
    ptp: Option<String>,
    servers: Option<u8>,
    #[serde(default)]
    prefer: bool,
    min_poll: Option<u8>,
    max_poll: Option<u8>,
    #[serde(default)]
    nts: bool,
}

impl Table {
    fn source(self) -> Result<Source, String> {
        let Self { server, pool, ptp, servers, prefer, min_poll, max_poll, nts } = self;
        let usual = if nts { KEY_PORT } else { PORT };
        let parsed = |name: String| match name.as_str() {
            CLOCK => Ok(Place::Clock(None)),
            name => Place::parse(name, usual).map_err(|error| error.to_string()),
        };
        let (place, kind) = match (server, pool, ptp) {
            (Some(server), None, None) if servers.is_none() => (parsed(server)?, Kind::Server),
            (None, None, Some(clock)) if servers.is_none() => (Place::Clock(Some(clock)), Kind::Server),
            (None, Some(pool), None) => {
                let want = servers.unwrap_or(POOL_SERVERS);
                if !(1..=16).contains(&want) {
                    return Err("servers is 1 to 16".to_owned());
                }
                (parsed(pool)?, Kind::Pool { want })
            }
            (Some(_), None, None) | (None, None, Some(_)) => {
                return Err("servers says how many of a pool are asked".to_owned());
            }
            _ => return Err("a source has one of server, pool and ptp".to_owned()),
        };
        if nts && matches!(place, Place::Clock(_)) {
            return Err("nts is for a server, and a hardware clock is none".to_owned());
        }
        if nts && matches!(place, Place::OnLink { .. }) {
            return Err("nts is for a server that a certificate can name, and a link-local address is none".to_owned());
        }
        if nts && kind != Kind::Server {
            return Err(
                "nts is for a server: each one of a pool has a name of its own, and so has its certificate".to_owned()
            );
        }
        let poll = |exponent: Option<u8>, usual: Poll| {
            exponent.map_or(Some(usual), Poll::new).ok_or("a poll is 1 to 17: two to this power are seconds")
        };
        let (usual_min, usual_max) = (place.polls().min(), place.polls().max());
        let min = poll(min_poll, max_poll.and_then(Poll::new).map_or(usual_min, |max| usual_min.min(max)))?;
        let max = poll(max_poll, usual_max.max(min))?;
        let polls = PollRange::new(min, max).ok_or("min-poll is more than max-poll")?;
        Ok(Source { place, conduct: SourceConduct { kind, prefer, polls, nts } })
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Source;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address, a name, ptp, or a table with server, pool or ptp")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Source, E> {
                text.parse().map(Source::server).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Source, A::Error> {
                Table::deserialize(MapAccessDeserializer::new(map))?.source().map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(Either)
    }
}
