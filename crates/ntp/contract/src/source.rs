//! Whom to ask, and how often.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use core::num::{NonZeroU16, NonZeroU32};
use core::time::Duration;

use orlop_wire::{HostAddr, MaxSize, OutOfRange};
use serde::{Deserialize, Serialize};

use crate::{MAX_PEERS, MAX_SOURCES};

orlop_wire::numbers! {
    /// Names what an operator or the network named: a server or a pool. The broker gives the numbers.
    SourceId below MAX_SOURCES,
    /// Names one server that is being asked, at one address. The worker gives the numbers.
    PeerId below MAX_PEERS,
}

/// Where a server is: an address that one host can have, and a port; or in this machine, if it is no server but a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
pub struct ServerAddr(Where);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
enum Where {
    Host(HostAddr, NonZeroU16),
    Clock,
    /// At the link-local address with this interface identifier (RFC 4291 section 2.5.6), by the interface of this index.
    OnLink(u64, NonZeroU32, NonZeroU16),
}

/// fe80::/64.
const LINK: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0);

impl ServerAddr {
    /// This machine's hardware clock (PHC). It is read by the broker, and no packet goes anywhere.
    pub const CLOCK: Self = Self(Where::Clock);

    /// Whether this is [`ServerAddr::CLOCK`].
    #[must_use]
    pub const fn is_clock(self) -> bool {
        matches!(self.0, Where::Clock)
    }

    /// The address, or `None` when no server can be there: not the [address of one host](HostAddr), or port 0.
    #[must_use]
    pub const fn new(ip: IpAddr, port: u16) -> Option<Self> {
        match (HostAddr::new(ip), NonZeroU16::new(port)) {
            (Some(host), Some(port)) => Some(Self(Where::Host(host, port))),
            _ => None,
        }
    }

    /// A server at a link-local address, reached by the interface of this index; `None` when it cannot be there: not in fe80::/64, or
    /// port 0, or index 0.
    #[must_use]
    pub const fn on_link(ip: Ipv6Addr, interface: u32, port: u16) -> Option<Self> {
        let [network, identifier] = halves(ip);
        match (NonZeroU32::new(interface), NonZeroU16::new(port)) {
            (Some(interface), Some(port)) if network == halves(LINK)[0] => {
                Some(Self(Where::OnLink(identifier, interface, port)))
            }
            _ => None,
        }
    }

    /// Reads what [`Display`](fmt::Display) writes of a server.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let addr: SocketAddr = text.parse().ok()?;
        match addr {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => Self::on_link(*v6.ip(), v6.scope_id(), v6.port()),
            SocketAddr::V4(_) | SocketAddr::V6(_) => Self::new(addr.ip(), addr.port()),
        }
    }

    /// Whether it is a neighbour on a link: no network that leads further is needed to reach it.
    #[must_use]
    pub const fn is_on_link(self) -> bool {
        matches!(self.0, Where::OnLink(..))
    }

    /// The host's address; `None` for a clock.
    #[must_use]
    pub fn ip(self) -> Option<IpAddr> {
        self.socket_addr().map(|addr| addr.ip())
    }

    /// As the socket calls take it; `None` for a clock.
    #[must_use]
    pub const fn socket_addr(self) -> Option<SocketAddr> {
        match self.0 {
            Where::Host(host, port) => Some(SocketAddr::new(host.get(), port.get())),
            Where::OnLink(identifier, interface, port) => {
                let ip = Ipv6Addr::from_bits(LINK.to_bits() | identifier as u128);
                Some(SocketAddr::V6(SocketAddrV6::new(ip, port.get(), 0, interface.get())))
            }
            Where::Clock => None,
        }
    }
}

/// Network and interface identifier.
#[expect(clippy::cast_possible_truncation, reason = "each is one half")]
const fn halves(ip: Ipv6Addr) -> [u64; 2] {
    [(ip.to_bits() >> 64) as u64, ip.to_bits() as u64]
}

impl fmt::Display for ServerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.socket_addr() {
            Some(addr) => addr.fmt(f),
            None => f.write_str("ptp"),
        }
    }
}

/// How to ask a source, as its operator decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct SourceConduct {
    /// One server or several.
    pub kind: Kind,
    /// Believe it rather than the others, as long as it is among those who agree.
    pub prefer: bool,
    /// How often to ask.
    pub polls: PollRange,
    /// Only with NTS (RFC 8915), and never without.
    pub nts: bool,
}

/// What a name or an address stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Kind {
    /// One server: of several addresses, one at a time.
    Server,
    /// Many servers under one name.
    Pool {
        /// How many of them to ask.
        want: u8,
    },
}

impl Kind {
    /// How many servers are asked at the same time: one at least.
    #[must_use]
    pub fn want(self) -> usize {
        match self {
            Self::Server => 1,
            Self::Pool { want } => usize::from(want).clamp(1, MAX_PEERS),
        }
    }
}

/// Time between two questions, as the exponent of a power of two seconds (RFC 5905 section 7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, MaxSize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Poll(u8);

impl Poll {
    /// 2 s: pool servers drop or rebuke who asks more often.
    pub const MIN: Self = Self(1);
    /// 36 h, as RFC 5905 has it.
    pub const MAX: Self = Self(17);

    /// 2^`exponent` seconds; `None` outside 2 s to 36 h.
    #[must_use]
    pub const fn new(exponent: u8) -> Option<Self> {
        if exponent < Self::MIN.0 || exponent > Self::MAX.0 { None } else { Some(Self(exponent)) }
    }

    /// The exponent.
    #[must_use]
    pub const fn exponent(self) -> u8 {
        self.0
    }

    /// The time.
    #[must_use]
    pub const fn interval(self) -> Duration {
        Duration::from_secs(1 << self.0)
    }
}

impl TryFrom<u8> for Poll {
    type Error = OutOfRange;

    fn try_from(exponent: u8) -> Result<Self, OutOfRange> {
        Self::new(exponent).ok_or(OutOfRange)
    }
}

impl From<Poll> for u8 {
    fn from(poll: Poll) -> Self {
        poll.0
    }
}

/// The shortest and the longest time between two questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
#[serde(try_from = "(Poll, Poll)", into = "(Poll, Poll)")]
pub struct PollRange {
    min: Poll,
    max: Poll,
}

impl PollRange {
    /// From 64 s to 17 minutes, as RFC 5905 and the pools want it.
    pub const USUAL: Self = Self { min: Poll(6), max: Poll(10) };

    /// From 16 s to 64 s: to read a clock of this machine costs nobody anything, and soon shows that the machine was paused.
    pub const CLOCK: Self = Self { min: Poll(4), max: Poll(6) };

    /// Every 64 s: for a virtual machine, which may be stopped without being told, and then finds it out at the next answer.
    pub const OF_A_GUEST: Self = Self { min: Poll(6), max: Poll(6) };

    /// From `min` to `max`; `None` when that is no range.
    #[must_use]
    pub fn new(min: Poll, max: Poll) -> Option<Self> {
        (min <= max).then_some(Self { min, max })
    }

    /// The shortest.
    #[must_use]
    pub const fn min(self) -> Poll {
        self.min
    }

    /// The longest.
    #[must_use]
    pub const fn max(self) -> Poll {
        self.max
    }
}

impl TryFrom<(Poll, Poll)> for PollRange {
    type Error = OutOfRange;

    fn try_from((min, max): (Poll, Poll)) -> Result<Self, OutOfRange> {
        Self::new(min, max).ok_or(OutOfRange)
    }
}

impl From<PollRange> for (Poll, Poll) {
    fn from(range: PollRange) -> Self {
        (range.min, range.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host() {
        for (what, addr, want) in [
            ("a host", "192.0.2.1:123", true),
            ("a server in a container's test", "127.0.0.1:11123", true),
            ("a host of IPv6", "[2001:db8::1]:123", true),
            ("nobody", "0.0.0.0:123", false),
            ("everybody", "255.255.255.255:123", false),
            ("a group", "224.0.1.1:123", false),
            ("a group of IPv6", "[ff02::101]:123", false),
            ("nobody of IPv6", "[::]:123", false),
            ("IPv4 in disguise", "[::ffff:192.0.2.1]:123", false),
            ("somebody on an unknown link", "[fe80::1]:123", false),
            ("no port", "192.0.2.1:0", false),
        ] {
            let addr: SocketAddr = addr.parse().unwrap();
            let server = ServerAddr::new(addr.ip(), addr.port());
            assert_eq!(server.and_then(ServerAddr::socket_addr), want.then_some(addr), "{what}");
            assert_eq!(server.map(|server| server.to_string()), want.then(|| addr.to_string()), "{what}, in words");
        }
    }

    #[test]
    fn a_neighbour_is_at_an_address_of_its_link_and_behind_an_interface() {
        for (what, text, want) in [
            ("a neighbour", "[fe80::1%2]:123", true),
            ("one with a long identifier", "[fe80::1234:5678:9abc:def0%4294967295]:1123", true),
            ("of another network", "[fe80:0:0:1::1%2]:123", false),
            ("a group of the link", "[ff02::101%2]:123", false),
            ("a host further away", "[2001:db8::1%2]:123", false),
            ("behind no interface", "[fe80::1]:123", false),
            ("no port", "[fe80::1%2]:0", false),
        ] {
            let server = ServerAddr::parse(text);
            assert_eq!(server.map(|server| server.to_string()).as_deref(), want.then_some(text), "{what}");
            assert_eq!(server.map(ServerAddr::is_on_link), want.then_some(true), "{what}");
            assert_eq!(server.and_then(ServerAddr::socket_addr), want.then(|| text.parse().unwrap()), "{what}");
        }
        assert_eq!(ServerAddr::parse("192.0.2.1:123").map(ServerAddr::is_on_link), Some(false));
    }

    #[test]
    fn nobody_is_asked_more_often_than_every_two_seconds() {
        for exponent in 0..=u8::MAX {
            let poll = (1..=17).contains(&exponent).then_some(exponent);
            assert_eq!(Poll::new(exponent).map(Poll::exponent), poll);
            assert_eq!(Poll::try_from(exponent).ok().map(u8::from), poll, "over a channel");
        }
        assert_eq!(Poll::MIN.interval(), Duration::from_secs(2));
        assert_eq!(PollRange::new(Poll(7), Poll(6)), None);
        assert_eq!(PollRange::USUAL.min().interval(), Duration::from_secs(64));
    }

    #[test]
    fn there_are_as_many_numbers_as_places() {
        assert_eq!(PeerId::all().count(), MAX_PEERS);
        assert_eq!(SourceId::new(u8::MAX), None);
        assert_eq!(Kind::Pool { want: 0 }.want(), 1);
        assert_eq!(Kind::Pool { want: u8::MAX }.want(), MAX_PEERS);
    }
}
