//! A lossy wire: a host with two legs that forwards frames from one to the other in user space, by a list of rules.
//!
//! (There is no netem on the development machines, and rules on the n-th DHCP message of a type beat percentages.)

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::background::{Background, STOP_EVERY};
use crate::dhcp::{Kind, Message};
use crate::frame::{Udp, complete_udp_checksum};
use crate::host::Host;
use crate::packet::{Hears, PacketSocket, Port};
use crate::wire::Wire;

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client's leg to the server's.
    ToServer,
    /// From the server's leg to the client's.
    ToClient,
}

/// Which frames a rule is about; `None` means any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// The way it goes.
    pub direction: Option<Direction>,
    /// Its DHCP type (then only DHCP messages match).
    pub kind: Option<Kind>,
    /// Whether its IP destination is broadcast (then only UDP matches).
    pub broadcast: Option<bool>,
}

/// Which of the matching frames a rule takes, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// All of them.
    Always,
    /// The first so many.
    First(u32),
    /// Only that one.
    Nth(u32),
    /// That one and all after it.
    From(u32),
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on at once.
    Pass,
    /// It is lost.
    Drop,
    /// It goes on later.
    Delay(Duration),
    /// It goes on so many times.
    Repeat(u8),
}

/// One rule. The first rule that takes a frame decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The frames it is about.
    pub what: Match,
    /// Which of these frames it takes: all of them, or some by their number.
    pub times: Times,
    /// What becomes of them.
    pub fate: Fate,
}

/// What became of the frames so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Sent on, repetitions included, towards the server.
    pub to_server: u64,
    /// Sent on, repetitions included, towards the client.
    pub to_client: u64,
    /// Lost by a rule.
    pub dropped: u64,
    /// Delayed by a rule.
    pub delayed: u64,
    /// Repeated by a rule.
    pub repeated: u64,
}

/// The running relay; its host and its legs go with it.
pub struct Relay {
    shared: Arc<Mutex<Shared>>,
    // Before the host, so that it ends before its legs do.
    _thread: Background,
    host: Host,
}

struct Shared {
    rules: Rules,
    counters: Counters,
}

/// Rules with the count of frames each has matched.
struct Rules(Vec<(Rule, u32)>);

impl Relay {
    /// Joins `client`'s and `server`'s new interfaces through a relay with these rules. Both interfaces are up.
    ///
    /// # Errors
    /// When a namespace, link or socket cannot be had.
    pub fn between(client: (&Host, &str), server: (&Host, &str), rules: &[Rule]) -> Result<Self> {
        let host = Host::new("relay")?;
        for ((end, name), leg) in [(client, CLIENT_LEG), (server, SERVER_LEG)] {
            Wire::veth(&host, leg, end, name)?;
            host.disable_ipv6(leg)?;
            host.link_up(leg)?;
            end.link_up(name)?;
            host.wait_operational(leg)?;
            end.wait_operational(name)?;
        }
        let shared = Arc::new(Mutex::new(Shared { rules: Rules::new(rules), counters: Counters::default() }));
        let thread_shared = Arc::clone(&shared);
        let thread = Background::start(&host, "the forwarder", move |life| {
            let mut forwarder = Forwarder::open()?;
            life.ready()?;
            while life.goes_on() {
                forwarder.step(&thread_shared)?;
            }
            Ok(())
        })?;
        Ok(Self { shared, _thread: thread, host })
    }

    /// Replaces the rules and starts their counts anew.
    pub fn set(&self, rules: &[Rule]) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).rules = Rules::new(rules);
    }

    /// What became of the frames so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).counters
    }

    /// Cuts or mends the wire to the client: its carrier goes or comes.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn set_client_carrier(&self, up: bool) -> Result<()> {
        if up { self.host.link_up(CLIENT_LEG) } else { self.host.link_down(CLIENT_LEG) }
    }
}

impl Rule {
    /// Drops DHCP messages of a type.
    #[must_use]
    pub const fn drop(kind: Kind, times: Times) -> Self {
        Self { what: Match { direction: None, kind: Some(kind), broadcast: None }, times, fate: Fate::Drop }
    }

    /// Drops everything, both ways: a dead wire with a carrier.
    pub const DROP_ALL: Self =
        Self { what: Match { direction: None, kind: None, broadcast: None }, times: Times::Always, fate: Fate::Drop };

    /// Drops what is sent to one address only: a server that hears only broadcasts.
    pub const DROP_UNICAST: Self = Self {
        what: Match { direction: None, kind: None, broadcast: Some(false) },
        times: Times::Always,
        fate: Fate::Drop,
    };
}

impl Match {
    fn matches(&self, direction: Direction, frame: &[u8]) -> bool {
        let udp = || Udp::decode(frame);
        let kind = || udp().filter(Udp::is_dhcp).and_then(|udp| Message::decode(&udp.payload)?.kind());
        self.direction.is_none_or(|wanted| wanted == direction)
            && self.kind.is_none_or(|wanted| kind() == Some(wanted))
            && self.broadcast.is_none_or(|wanted| udp().is_some_and(|udp| udp.destination.is_broadcast() == wanted))
    }
}

impl Times {
    /// Whether the `n`-th matching frame is taken.
    fn takes(self, n: u32) -> bool {
        match self {
            Self::Always => true,
            Self::First(count) => n <= count,
            Self::Nth(nth) => n == nth,
            Self::From(first) => n >= first,
        }
    }
}

impl Rules {
    fn new(rules: &[Rule]) -> Self {
        Self(rules.iter().map(|rule| (*rule, 0)).collect())
    }

    fn decide(&mut self, direction: Direction, frame: &[u8]) -> Fate {
        for (rule, matched) in &mut self.0 {
            if rule.what.matches(direction, frame) {
                *matched += 1;
                if rule.times.takes(*matched) {
                    return rule.fate;
                }
            }
        }
        Fate::Pass
    }
}

const CLIENT_LEG: &str = "client";
const SERVER_LEG: &str = "server";

struct Forwarder {
    socket: PacketSocket,
    client: Port,
    server: Port,
    waiting: BinaryHeap<Reverse<Waiting>>,
    delayed: u64,
}

/// A delayed frame; the one due first goes first, and `number` keeps the order of arrival.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    due: Instant,
    number: u64,
    to_server: bool,
    frame: Vec<u8>,
}

impl Forwarder {
    fn open() -> Result<Self> {
        let (client, server) = (Port::named(CLIENT_LEG)?, Port::named(SERVER_LEG)?);
        Ok(Self {
            socket: PacketSocket::open(Hears::Everything)?,
            client,
            server,
            waiting: BinaryHeap::new(),
            delayed: 0,
        })
    }

    /// Forwards what is due, then at most one frame that arrives.
    fn step(&mut self, shared: &Mutex<Shared>) -> Result<()> {
        while self.waiting.peek().is_some_and(|Reverse(first)| first.due <= Instant::now()) {
            if let Some(Reverse(waiting)) = self.waiting.pop() {
                self.forward(waiting.to_server, &waiting.frame, shared);
            }
        }
        let wait = self
            .waiting
            .peek()
            .map_or(STOP_EVERY, |Reverse(first)| first.due.saturating_duration_since(Instant::now()).min(STOP_EVERY));
        let Some(heard) = self.socket.receive(wait)? else { return Ok(()) };
        let to_server = heard.ifindex == self.client.ifindex();
        if heard.outgoing || !to_server && heard.ifindex != self.server.ifindex() {
            return Ok(());
        }
        let direction = if to_server { Direction::ToServer } else { Direction::ToClient };
        let mut frame = heard.frame;
        complete_udp_checksum(&mut frame);
        let fate = {
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let fate = shared.rules.decide(direction, &frame);
            shared.counters.dropped += u64::from(fate == Fate::Drop);
            shared.counters.delayed += u64::from(matches!(fate, Fate::Delay(_)));
            shared.counters.repeated += u64::from(matches!(fate, Fate::Repeat(_)));
            fate
        };
        match fate {
            Fate::Pass => self.forward(to_server, &frame, shared),
            Fate::Drop => {}
            Fate::Delay(by) => {
                self.delayed += 1;
                let due = Instant::now() + by;
                self.waiting.push(Reverse(Waiting { due, number: self.delayed, to_server, frame }));
            }
            Fate::Repeat(times) => (0..times).for_each(|_| self.forward(to_server, &frame, shared)),
        }
        Ok(())
    }

    /// A frame that cannot be sent because the other leg is down is lost, as on any wire.
    fn forward(&self, to_server: bool, frame: &[u8], shared: &Mutex<Shared>) {
        let port = if to_server { &self.server } else { &self.client };
        if self.socket.send(port, frame).is_ok() {
            let counters = &mut shared.lock().unwrap_or_else(PoisonError::into_inner).counters;
            if to_server { counters.to_server += 1 } else { counters.to_client += 1 }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::frame::{BROADCAST_MAC, CLIENT_PORT, SERVER_PORT};

    fn dhcp(kind: Kind, destination: Ipv4Addr) -> Vec<u8> {
        Udp {
            source_mac: [2; 6],
            destination_mac: BROADCAST_MAC,
            vlan: None,
            source: Ipv4Addr::UNSPECIFIED,
            destination,
            source_port: CLIENT_PORT,
            destination_port: SERVER_PORT,
            payload: Message::request(kind, 1, [2; 6]).encode(),
        }
        .encode()
    }

    #[test]
    fn a_rule_takes_the_frames_it_counts() {
        let discover = dhcp(Kind::Discover, Ipv4Addr::BROADCAST);
        let request = dhcp(Kind::Request, Ipv4Addr::BROADCAST);
        for (what, times, want) in [
            ("always", Times::Always, [true, true, true]),
            ("the first two", Times::First(2), [true, true, false]),
            ("the second", Times::Nth(2), [false, true, false]),
            ("from the second on", Times::From(2), [false, true, true]),
        ] {
            let mut rules = Rules::new(&[Rule::drop(Kind::Discover, times)]);
            let dropped = want.map(|_| {
                assert_eq!(
                    rules.decide(Direction::ToServer, &request),
                    Fate::Pass,
                    "{what}: other types pass and do not count"
                );
                rules.decide(Direction::ToServer, &discover) == Fate::Drop
            });
            assert_eq!(dropped, want, "{what}");
        }
    }

    #[test]
    fn the_first_rule_that_takes_a_frame_decides() {
        let frame = dhcp(Kind::Discover, Ipv4Addr::BROADCAST);
        let delay = Rule { what: Match::default(), times: Times::First(1), fate: Fate::Delay(Duration::from_secs(1)) };
        let mut rules = Rules::new(&[delay, Rule::DROP_ALL]);
        assert_eq!(rules.decide(Direction::ToServer, &frame), Fate::Delay(Duration::from_secs(1)));
        assert_eq!(rules.decide(Direction::ToServer, &frame), Fate::Drop);
    }

    #[test]
    fn direction_and_destination_are_told_apart() {
        let unicast = dhcp(Kind::Request, Ipv4Addr::new(192, 0, 2, 1));
        let broadcast = dhcp(Kind::Request, Ipv4Addr::BROADCAST);
        let to_client = Match { direction: Some(Direction::ToClient), ..Match::default() };
        for (what, rule, frame, want) in [
            ("unicast is dropped", Rule::DROP_UNICAST, &unicast, Fate::Drop),
            ("broadcast is not", Rule::DROP_UNICAST, &broadcast, Fate::Pass),
            (
                "the other way is not",
                Rule { what: to_client, times: Times::Always, fate: Fate::Drop },
                &unicast,
                Fate::Pass,
            ),
        ] {
            assert_eq!(Rules::new(&[rule]).decide(Direction::ToServer, frame), want, "{what}");
        }
    }
}
