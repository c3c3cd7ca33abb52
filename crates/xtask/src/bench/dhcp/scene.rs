//! Where the clients run: one veth, a server behind it, and nothing left from the run before.

use std::fs::File;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use orlop_testbed::{Dnsmasq, Host, Running, Wire, eventually};

use super::clients::{Client, INTERFACE};

/// What the client last run said, on its host.
pub(super) const LOG: &str = "/run/client.log";

/// How long killed processes may take to be gone.
const GONE: Duration = Duration::from_secs(5);

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

    /// Ends whatever a client left running.
    ///
    /// # Errors
    /// When something does not go.
    pub(super) fn clear_processes(&self) -> Result<()> {
        eventually("the client's processes to be gone", GONE, || {
            let processes = self.client.processes()?;
            for (pid, _) in &processes {
                // It may have ended in between.
                let _ = kill(Pid::from_raw(i32::try_from(*pid)?), Signal::SIGKILL);
            }
            Ok(processes.is_empty().then_some(()))
        })
    }

    /// Runs `work` in a thread that is on the client's host: network, files and hostname. What it starts is there too,
    /// without a helper program in front of it that would be measured with it.
    ///
    /// # Errors
    /// The error of `work`, or when the host cannot be entered.
    pub(super) fn on_client<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let pid = self.client.pid();
        let namespaces =
            [("net", CloneFlags::CLONE_NEWNET), ("uts", CloneFlags::CLONE_NEWUTS), ("mnt", CloneFlags::CLONE_NEWNS)];
        let opened = namespaces.map(|(name, kind)| (File::open(format!("/proc/{pid}/ns/{name}")), kind));
        let thread = std::thread::spawn(move || {
            // A mount namespace can only be entered by a thread that shares its folder and root with no other.
            unshare(CloneFlags::CLONE_FS).context("cannot have a root of its own")?;
            for (file, kind) in opened {
                setns(file?, kind).context("cannot enter the client's host")?;
            }
            work()
        });
        thread.join().map_err(|_| anyhow!("the thread on the client's host panicked"))?
    }
}
