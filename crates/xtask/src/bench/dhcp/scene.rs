//! Where the clients run: one veth, a server behind it, and nothing left from the run before.

use anyhow::Result;
use orlop_testbed::{Dnsmasq, Host, Running, Wire};

use super::clients::{Client, INTERFACE};

/// What the client last run said, on its host.
pub(super) const LOG: &str = "/run/client.log";

/// How a run starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Nothing is known: DISCOVER.
    Cold,
    /// The lease of the last run is there: INIT-REBOOT, for those who can.
    LeaseKept,
}

/// Two hosts on one wire.
pub(super) struct Scene {
    pub(super) client: Host,
    _server: Host,
    _dnsmasq: Running,
}

impl Scene {
    /// Builds it; the server answers from now on.
    ///
    /// # Errors
    /// Without root or namespaces, or when the server does not start.
    pub(super) fn new() -> Result<Self> {
        let server = Host::new("server")?;
        let client = Host::new("client")?;
        Wire::veth_up(&client, INTERFACE, &server, INTERFACE)?;
        server.add_address(INTERFACE, "192.0.2.1/24")?;
        let dnsmasq = Dnsmasq::on(INTERFACE).range("192.0.2.10", "192.0.2.99").start(&server)?;
        // LinuxKit's bind of /etc hides the user that dhcpcd would separate its privileges with (facts/linuxkit.md §3.1);
        // without it dhcpcd is the faster, so this is in its favour. The file is this host's own.
        let users = client.read("/etc/passwd")?;
        let without: String =
            users.lines().filter(|line| !line.contains("dhcpcd")).flat_map(|line| [line, "\n"]).collect();
        client.write("/etc/passwd", without)?;
        Ok(Self { client, _server: server, _dnsmasq: dnsmasq })
    }

    /// No address, no route, no memory of a lease (unless it is to be kept), and the client's files in place.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub(super) fn reset(&self, client: &Client, start: Start) -> Result<()> {
        self.client.shell(&format!("ip -4 address flush dev {INTERFACE}; ip -4 route flush dev {INTERFACE}"))?;
        if start == Start::Cold {
            // The state is a list of patterns for the shell.
            self.client.shell(&format!("rm -rf {}", client.state))?;
        }
        for (path, content) in &client.files {
            self.client.write(path, content)?;
        }
        Ok(())
    }
}
