//! Where the clients run: a wire that is as long as it is told to be, and three real servers behind it at two addresses each, where
//! they show this machine's time and a minute more.

use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use orlop_test_ntp::{Chrony, Clock, Lie, script};
use orlop_testbed::relay::{Fate, Match, Relay, Rule, Times};
use orlop_testbed::{Host, Running};

use super::clients::{Client, Kind, Work, Wrong};
use super::guard;

/// By how much the second half of the servers is ahead.
pub(super) const AHEAD: Duration = Duration::from_secs(60);

const INTERFACE: &str = "eth0";
const PORT: u16 = 123;
const HONEST: [Ipv4Addr; 3] = [server(1), server(2), server(3)];
const THOSE_AHEAD: [Ipv4Addr; 3] = [server(11), server(12), server(13)];

const fn server(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, n)
}

/// Two hosts and the wire between them.
pub(super) struct Scene {
    pub(super) client: Host,
    wire: Relay,
    _running: Vec<Running>,
    _server: Host,
}

impl Scene {
    /// Builds it; the servers answer from now on.
    ///
    /// # Errors
    /// Without root or namespaces, or when a server does not start.
    pub(super) fn new() -> Result<Self> {
        let (server, client) = (Host::new("server")?, Host::new("client")?);
        let wire = Relay::between((&client, INTERFACE), (&server, INTERFACE), &[])?;
        for host in [&client, &server] {
            host.disable_ipv6(INTERFACE)?;
        }
        let addresses =
            HONEST.iter().chain(&THOSE_AHEAD).map(|address| format!("address add {address}/24 dev {INTERFACE}\n"));
        server.ip_batch(&addresses.collect::<String>())?;
        client.add_address(INTERFACE, "192.0.2.100/24")?;
        let lie = Lie::Fake(i64::try_from(AHEAD.as_secs())?);
        let honest = HONEST.iter().map(|address| Chrony::at(*address, PORT).start(&server));
        let ahead = THOSE_AHEAD.iter().map(|address| Chrony::at(*address, PORT).lying(lie).start(&server));
        let running = honest.chain(ahead).collect::<Result<_>>()?;
        Ok(Self { client, wire, _running: running, _server: server })
    }

    /// From now on a packet and its answer take so long together.
    pub(super) fn set_round_trip(&self, time: Duration) {
        let fate = if time.is_zero() { Fate::Pass } else { Fate::Delay(time / 2) };
        self.wire.set(&[Rule { what: Match::default(), times: Times::Always, fate }]);
    }

    /// The servers that a client asks for this work.
    pub(super) fn servers(client: &Client, work: Work) -> [Ipv4Addr; 3] {
        if client.asks_servers_that_are_ahead(work) { THOSE_AHEAD } else { HONEST }
    }

    /// Starts a client, with its clock as the work wants it. It cannot touch this machine's clock.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(&self, client: &Client, work: Work) -> Result<Begun> {
        let servers = Self::servers(client, work);
        client.prepare(&self.client, servers)?;
        let clock = match work {
            Work::Set(Wrong::Minute) => Clock::behind(AHEAD),
            Work::Set(Wrong::Years) => Clock::of_1970(),
            Work::Keep => Clock::behind(Duration::ZERO),
        };
        clock.put(&self.client)?;
        let mut command = client.command(work, servers)?;
        let is_ours = client.kind == Kind::Orlop;
        // Those that only keep a clock can bear to be refused; ntpd-rs would end.
        let believes = is_ours || work != Work::Keep || client.kind == Kind::NtpdRs;
        self.client.enter(move || {
            // Ours has a clock of its own, and insists on the capability all the same.
            if !is_ours {
                guard::powerless()?;
            }
            if believes {
                guard::pretend()?;
            }
            let at = Instant::now();
            Ok(Begun { at, running: Running::start(client.name, &mut command)? })
        })
    }

    /// How long three questions and their answers take, asked by nobody but a loop: no client can be faster.
    ///
    /// # Errors
    /// When a server does not answer.
    pub(super) fn floor(&self) -> Result<Duration> {
        self.client.enter(|| {
            let begun = Instant::now();
            let asked: Vec<_> =
                HONEST.map(|server| thread::spawn(move || script::asked((server, PORT)))).into_iter().collect();
            for answer in asked {
                answer.join().map_err(|_| anyhow!("a question panicked"))??;
            }
            Ok(begun.elapsed())
        })
    }
}

/// A client that was started.
pub(super) struct Begun {
    /// Just before.
    pub(super) at: Instant,
    pub(super) running: Running,
}
