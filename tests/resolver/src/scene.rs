//! A host with the daemon's folders.

use std::time::Duration;

use anyhow::Result;
use orlop_testbed::{Host, Launch, Running, Testbed, Trio, Wire, binaries, eventually};
use serde_json::Value;

/// Far longer than anything here takes, so that only a defect and not a busy machine uses it up.
pub const SOON: Duration = Duration::from_secs(30);

/// The program that is started, which becomes supervisor and broker.
const BROKER: &str = "orlop-resolver";
/// The worker's program.
const WORKER: &str = "orlop-resolver-worker";
/// What the worker is called in a list of processes.
const WORKER_ARGV0: &str = "resolver-worker";

const STATUS: &str = "/run/orlop/resolver/status.json";

/// Our resolver, without a server.
#[must_use]
pub fn resolver() -> Launch {
    Launch::of(BROKER)
}

/// Whether its tests can run: [`Testbed::with`] its binaries and these programs.
///
/// # Panics
/// As [`Testbed::with`].
#[must_use]
pub fn testbed(programs: &[&str]) -> Option<Testbed> {
    let ours = binaries::paths(&[BROKER, WORKER]);
    Testbed::with(&programs.iter().copied().chain(ours.iter().map(String::as_str)).collect::<Vec<_>>())
}

/// A machine of its own.
pub struct Scene {
    /// Where the daemon runs, and, unless a test wants a network, its servers too.
    pub host: Host,
}

impl Scene {
    /// A host without a network, and without a resolv.conf.
    ///
    /// # Errors
    /// When the namespaces cannot be made.
    pub fn new() -> Result<Self> {
        let host = Host::new("machine")?;
        // As the image's label has them made; and hosts of this test's own.
        host.shell(
            "mkdir -p /run/resolvconf /run/orlop/resolver /run/orlop/control/resolver /run/orlop/netfacts \
             /run/orlop/claim /run/orlop/metrics; printf '127.0.0.1 localhost\\n' >/etc/hosts",
        )?;
        Ok(Self { host })
    }

    /// Another host, on a wire from `eth0` to `eth0`; it is 192.0.2.1, and ours 192.0.2.10.
    ///
    /// # Errors
    /// When the wire cannot be made.
    pub fn wired(&self) -> Result<Host> {
        let server = Host::new("network")?;
        Wire::veth(&self.host, "eth0", &server, "eth0")?;
        for (host, address) in [(&self.host, "192.0.2.10/24"), (&server, "192.0.2.1/24")] {
            host.disable_ipv6("eth0")?;
            host.add_address("eth0", address)?;
            host.link_up("eth0")?;
        }
        server.wait_operational("eth0")?;
        self.host.wait_operational("eth0")?;
        Ok(server)
    }

    /// What the network of `eth0` names, as the DHCP client leaves it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn network(&self, lines: &str) -> Result<()> {
        self.network_of("eth0", lines)
    }

    /// What the network of an interface names.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn network_of(&self, interface: &str, lines: &str) -> Result<()> {
        let file = format!("/run/orlop/netfacts/dhcp.{interface}");
        self.host.write(&format!("{file}:new"), format!("netfacts 1\ninterface {interface}\n{lines}"))?;
        self.host.shell(&format!("mv {file}:new {file}")).map(drop)
    }

    /// The daemon, once names can be asked for.
    ///
    /// # Errors
    /// When it does not start, or does not serve in time.
    pub fn start(&self, daemon: &Launch) -> Result<Running> {
        self.host.shell(&format!("rm -f {STATUS}"))?;
        let running = daemon.start(&self.host)?;
        self.until(&running, "a worker", |status| status["posture"]["resolver-worker"].is_object())?;
        Ok(running)
    }

    /// One of our program's commands, to its end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn command(&self, args: &[&str]) -> Result<Running> {
        let mut running = resolver().args(args.iter().copied()).start(&self.host)?;
        running.wait_exit(SOON)?;
        Ok(running)
    }

    /// `status.json`, brought up to date.
    ///
    /// # Errors
    /// When there is none or it is not JSON.
    pub fn status(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.command(&["status", "--json"])?.stdout())?)
    }

    /// Waits until the status of `daemon` is as it is wanted, and gives it.
    ///
    /// # Errors
    /// When it does not get so in time; the error has the last status and what the daemon says.
    pub fn until(&self, daemon: &Running, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        daemon.until(what, SOON, || self.status(), wanted)
    }

    /// Waits until resolv.conf names exactly these.
    ///
    /// # Errors
    /// When it does not in time.
    pub fn until_named(&self, what: &str, servers: &[&str]) -> Result<String> {
        eventually(what, SOON, || {
            let text = self.host.read("/run/resolvconf/resolv.conf")?;
            let named: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("nameserver ")).collect();
            anyhow::ensure!(named == servers, "it says\n{text}");
            Ok(Some(text))
        })
    }

    /// The processes of the daemon; waits until all are there.
    ///
    /// # Errors
    /// When they are not there in time.
    pub fn trio(&self, daemon: &Running) -> Result<Trio> {
        Trio::find(&self.host, daemon.pid(), WORKER_ARGV0, SOON)
    }
}

/// Ends a daemon as its user would, with all its processes.
///
/// # Errors
/// When it has ended already, or does not end in time.
pub fn end(daemon: Running) -> Result<()> {
    daemon.end(SOON)
}
