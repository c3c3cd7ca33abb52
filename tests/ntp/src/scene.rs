//! A host with the daemon's folders and its clock, and the servers that it asks.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use orlop_testbed::{Host, Launch, Running, Trio, Wire, eventually};
use serde_json::Value;

use crate::chrony::Chrony;
use crate::clock::Clock;
use crate::daemon::{WORKER_ARGV0, bare};

/// Far longer than anything here takes, so that only a defect and not a busy machine uses it up.
pub const SOON: Duration = Duration::from_secs(30);

/// How right a right clock has to be, in nanoseconds, on a machine whose processors are all busy.
pub const RIGHT: i128 = 50_000_000;

const STATUS: &str = "/run/orlop/ntp/status.json";

/// A machine of its own.
pub struct Scene {
    /// Where the daemon runs, and, unless a test wants a network, its servers too.
    pub host: Host,
}

impl Scene {
    /// The honest servers of [`Self::servers`], as the daemon is told them.
    pub const SERVERS: [&str; 3] = ["127.0.0.1:1121", "127.0.0.1:1122", "127.0.0.1:1123"];

    /// Where the servers of [`Self::wired`] are, all at the same host.
    pub const WIRED: [Ipv4Addr; 3] =
        [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2), Ipv4Addr::new(192, 0, 2, 3)];

    /// A host without a network, whose clock shows this.
    ///
    /// # Errors
    /// When the namespaces cannot be made.
    pub fn new(clock: Clock) -> Result<Self> {
        let host = Host::new("client")?;
        // As the image's label has them made.
        host.shell(
            "mkdir -p /run/resolvconf /run/orlop/ntp /run/orlop/control/ntp /run/orlop/netfacts /run/orlop/metrics \
             /var/lib/orlop/ntp /run/clock",
        )?;
        clock.put(&host)?;
        Ok(Self { host })
    }

    /// The first `count` of [`Self::SERVERS`], honest.
    ///
    /// # Errors
    /// When one does not start.
    pub fn servers(&self, count: usize) -> Result<Vec<Running>> {
        let ports = [1121, 1122, 1123];
        ports.iter().take(count).map(|port| Chrony::on(*port).start(&self.host)).collect()
    }

    /// Another host, on a wire from `eth0` to `eth0`, with all addresses of [`Self::WIRED`]; ours is 192.0.2.10.
    ///
    /// # Errors
    /// When the wire cannot be made.
    pub fn wired(&self) -> Result<Host> {
        let server = Host::new("server")?;
        Wire::veth(&self.host, "eth0", &server, "eth0")?;
        for host in [&self.host, &server] {
            host.disable_ipv6("eth0")?;
        }
        let addresses = Self::WIRED.map(|address| format!("address add {address}/24 dev eth0\n")).concat();
        server.ip_batch(&format!("{addresses}link set eth0 up\n"))?;
        self.host.add_address("eth0", "192.0.2.10/24")?;
        self.host.link_up("eth0")?;
        server.wait_operational("eth0")?;
        self.host.wait_operational("eth0")?;
        Ok(server)
    }

    /// The daemon once, to its end. Its log is in the result.
    ///
    /// # Errors
    /// When it does not start or does not end in time.
    pub fn oneshot(&self, daemon: &Launch) -> Result<Running> {
        let mut running = daemon.clone().oneshot().start(&self.host)?;
        running.wait_exit(SOON)?;
        Ok(running)
    }

    /// The daemon as a service; what an earlier one has said of itself is gone.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(&self, daemon: &Launch) -> Result<Running> {
        self.host.shell(&format!("rm -f {STATUS}"))?;
        daemon.start(&self.host)
    }

    /// The daemon as a service, once it says that the clock is right.
    ///
    /// # Errors
    /// When it does not start, or does not say so in time.
    pub fn service(&self, daemon: &Launch) -> Result<Running> {
        let running = self.start(daemon)?;
        self.until(&running, "a right clock", |status| status["synchronised"] == true)?;
        Ok(running)
    }

    /// One of our program's commands, to its end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn command(&self, args: &[&str]) -> Result<Running> {
        let mut running = bare().args(args.iter().copied()).start(&self.host)?;
        running.wait_exit(SOON)?;
        Ok(running)
    }

    /// Our program by this name, as a daemon for the machine's own clock, which it must not get: without the capability to
    /// set it. To its end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn powerless(&self, name: &str, args: &[&str]) -> Result<Running> {
        let mut command = self.host.command("setpriv");
        command.args(["--bounding-set=-sys_time", "--", "bash", "-c", r#"exec -a "$0" "$@""#, name]);
        let mut running = self.host.spawn(name, command.arg(bare().binary()).args(args))?;
        running.wait_exit(SOON)?;
        Ok(running)
    }

    /// `status.json`.
    ///
    /// # Errors
    /// When there is none or it is not JSON.
    pub fn status(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.host.read(STATUS)?)?)
    }

    /// Waits until the status of `daemon` is as it is wanted, and gives it.
    ///
    /// # Errors
    /// When it does not get so in time; the error has the last status and what the daemon says.
    pub fn until(&self, daemon: &Running, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        daemon.until(what, SOON, || self.status(), wanted)
    }

    /// One value of the state file, as a number.
    ///
    /// # Errors
    /// When there is no such file, or no such line in it.
    pub fn kept(&self, key: &str) -> Result<i128> {
        let state = self.host.read("/var/lib/orlop/ntp/state")?;
        let value = state.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        Ok(value.with_context(|| format!("no {key} in\n{state}"))?.parse()?)
    }

    /// The clock that the daemon keeps.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn clock(&self) -> Result<Clock> {
        Clock::read(&self.host)
    }

    /// The processes of the daemon; waits until all are there.
    ///
    /// # Errors
    /// When they are not there `within` the time.
    pub fn trio(&self, daemon: &Running, within: Duration) -> Result<Trio> {
        Trio::find(&self.host, daemon.pid(), WORKER_ARGV0, within)
    }

    /// Whether the clock follows this server, among others.
    #[must_use]
    pub fn selects(status: &Value, address: &str) -> bool {
        let sources = status["sources"].as_array().into_iter().flatten();
        let mut servers = sources.flat_map(|source| source["servers"].as_array()).flatten();
        servers.any(|server| server["address"] == address && server["state"] == "selected")
    }

    /// What the status says of one server.
    ///
    /// # Panics
    /// When it says nothing of it.
    #[must_use]
    pub fn server<'s>(status: &'s Value, address: &str) -> &'s Value {
        Self::known(status, address).unwrap_or_else(|| panic!("{address} is not in {:#}", status["sources"]))
    }

    /// What the status says of one server, if it says anything of it yet.
    #[must_use]
    pub fn known<'s>(status: &'s Value, address: &str) -> Option<&'s Value> {
        let servers =
            status["sources"].as_array().into_iter().flatten().flat_map(|source| source["servers"].as_array());
        servers.flatten().find(|server| server["address"] == address)
    }
}

/// Ends a daemon as its user would, with all its processes: who is only killed still listens for a moment.
///
/// # Errors
/// When it has ended already, or does not end in time.
pub fn end(daemon: Running) -> Result<()> {
    daemon.end(SOON)
}

/// How often a daemon says that it has set the clock, once that is `expected` times: its log comes through a pipe, and may be read later
/// than the clock and its status.
#[must_use]
pub fn steps(daemon: &Running, expected: usize) -> usize {
    let said = || daemon.text().matches("clock set").count();
    // Where it does not get there in time, what it got to fails the test.
    let _in_time = eventually("the clock to be set", SOON, || Ok((said() >= expected).then_some(())));
    said()
}
