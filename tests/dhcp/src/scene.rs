//! Two hosts on one wire, laid out as a LinuxKit machine lays out a daemon's folders.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use orlop_testbed::state::Address;
use orlop_testbed::{Dnsmasq, Host, Launch, Lease, Rogue, Running, Script, Trio, Wire, eventually};
use serde_json::Value;

use crate::daemon::WORKER_ARGV0;

/// Far longer than anything here takes, so that only a defect and not a busy machine uses it up.
pub const SOON: Duration = Duration::from_secs(20);
/// The address that servers of these tests lease.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 77);
/// The server's own.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// A client and a server, joined by a wire from `eth0` to `eth0`.
pub struct Scene {
    /// Where the client runs.
    pub client: Host,
    /// Where the server runs: its interface is up and has [`SERVER`]/24.
    pub server: Host,
}

impl Scene {
    /// Both hosts and the wire, ready at both ends.
    ///
    /// # Errors
    /// When a namespace or link cannot be made.
    pub fn new() -> Result<Self> {
        let scene = Self::with_link_down()?;
        scene.client.link_up("eth0")?;
        scene.server.wait_operational("eth0")?;
        scene.client.wait_operational("eth0")?;
        Ok(scene)
    }

    /// As [`Self::new`], but the client's end is still down, as on a machine that has just booted. The server's end needs a
    /// moment after it comes up, so a first message may stay unanswered.
    ///
    /// # Errors
    /// When a namespace or link cannot be made.
    pub fn with_link_down() -> Result<Self> {
        let scene = Self::without_wire()?;
        Wire::veth(&scene.client, "eth0", &scene.server, "eth0")?;
        scene.server.link_up("eth0")?;
        scene.server.add_address("eth0", &format!("{SERVER}/24"))?;
        Ok(scene)
    }

    /// Both hosts, not joined.
    ///
    /// # Errors
    /// When a namespace cannot be made.
    pub fn without_wire() -> Result<Self> {
        let (client, server) = (Host::new("client")?, Host::new("server")?);
        // As the image's label has them made, and as LinuxKit's init leaves resolv.conf.
        client.shell(
            "mkdir -p /run/resolvconf /run/orlop/dhcp /run/orlop/control/dhcp /run/orlop/claim /run/orlop/netfacts /run/orlop/metrics
             umask 077; : > /run/resolvconf/resolv.conf",
        )?;
        Ok(Self { client, server })
    }

    /// dnsmasq with the one address, a router and a name server.
    ///
    /// # Errors
    /// When it does not start.
    pub fn dnsmasq(&self) -> Result<Running> {
        self.dnsmasq_like(|dnsmasq| dnsmasq)
    }

    /// As [`Self::dnsmasq`], with changes.
    ///
    /// # Errors
    /// When it does not start.
    pub fn dnsmasq_like(&self, change: impl FnOnce(Dnsmasq) -> Dnsmasq) -> Result<Running> {
        let address = ADDRESS.to_string();
        let dnsmasq = Dnsmasq::on("eth0").range(&address, &address).option("3,192.0.2.1").option("6,192.0.2.53");
        change(dnsmasq).start(&self.server)
    }

    /// A scripted server.
    ///
    /// # Errors
    /// When it does not start.
    pub fn rogue(&self, script: Script) -> Result<Rogue> {
        Rogue::start(&self.server, "eth0", script)
    }

    /// Our daemon, once, to its end. Its log is in the result.
    ///
    /// # Errors
    /// When it does not start or does not end in time.
    pub fn oneshot(&self, daemon: &Launch) -> Result<Running> {
        let mut running = daemon.clone().oneshot().start(&self.client)?;
        running.wait_exit(SOON)?;
        Ok(running)
    }

    /// Our daemon as a service, once it has [`ADDRESS`].
    ///
    /// # Errors
    /// When it does not start or gets no lease in time.
    pub fn service(&self, daemon: &Launch) -> Result<Running> {
        let running = daemon.start(&self.client)?;
        leased(&self.client).with_context(|| format!("the daemon says:\n{}", running.text()))?;
        Ok(running)
    }

    /// The processes of our daemon; waits until all are there.
    ///
    /// # Errors
    /// When they are not there `within` the time.
    pub fn trio(&self, daemon: &Running, within: Duration) -> Result<Trio> {
        Trio::find(&self.client, daemon.pid(), WORKER_ARGV0, within)
    }

    /// `status.json` of our daemon.
    ///
    /// # Errors
    /// When there is none or it is not JSON.
    pub fn status(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.client.read("/run/orlop/dhcp/status.json")?)?)
    }
}

/// A lease of [`ADDRESS`] by [`SERVER`], with it as router, for that many seconds.
#[must_use]
pub fn lease_of(seconds: u32) -> Lease {
    Lease::new(ADDRESS, seconds).with(orlop_testbed::dhcp::code::ROUTER, SERVER.octets())
}

/// Waits until `eth0` has an address.
///
/// # Errors
/// When it gets none in time.
pub fn leased(client: &Host) -> Result<Address> {
    leased_on(client, "eth0")
}

/// Waits until an interface has an address.
///
/// # Errors
/// When it gets none in time.
pub fn leased_on(client: &Host, interface: &str) -> Result<Address> {
    eventually(&format!("an address on {interface}"), SOON, || Ok(client.addresses(interface)?.first().cloned()))
}

/// Waits until `eth0` has no address.
///
/// # Errors
/// When it keeps one.
pub fn unleased(client: &Host) -> Result<()> {
    eventually("eth0 without an address", SOON, || Ok(client.addresses("eth0")?.is_empty().then_some(())))
}
