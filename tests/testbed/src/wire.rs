//! Links between hosts, and what `ip` does to them.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::deadline::eventually;
use crate::host::Host;
use crate::running::Running;

/// A veth pair: what one end sends, the other hears. It goes away with its hosts.
pub struct Wire(());

/// Most veth pairs made in one go: the widest test has 64, a typo must not make thousands.
const MAX_WIRES: u16 = 256;

/// The kernel gathers changes of carrier for up to a second; ten times that for a busy machine.
const READY: Duration = Duration::from_secs(10);

impl Wire {
    /// Joins two hosts (or one with itself, under two names). Both ends start down, without addresses.
    ///
    /// # Errors
    /// When `ip` refuses, for instance because a name is taken.
    pub fn veth(a: &Host, a_name: &str, b: &Host, b_name: &str) -> Result<()> {
        let b_pid = b.pid().to_string();
        a.run("ip", &["link", "add", a_name, "type", "veth", "peer", "name", b_name, "netns", &b_pid])?;
        Ok(())
    }

    /// As [`Self::veth`], brings both ends up and waits until both can send. A server whose end waits for the client to
    /// bring up the other loses its first answer: the kernel makes an interface ready some time after its carrier came.
    ///
    /// # Errors
    /// As [`Self::veth`], or when an end does not get ready.
    pub fn veth_up(a: &Host, a_name: &str, b: &Host, b_name: &str) -> Result<()> {
        Self::veth(a, a_name, b, b_name)?;
        b.link_up(b_name)?;
        a.link_up(a_name)?;
        b.wait_operational(b_name)?;
        a.wait_operational(a_name)
    }

    /// `count` wires at once: `<a_prefix>0` to `<b_prefix>0` and so on. The ends of `b` are brought up, those of `a` left down.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn many(a: &Host, a_prefix: &str, b: &Host, b_prefix: &str, count: u16) -> Result<()> {
        anyhow::ensure!(count <= MAX_WIRES, "{count} wires are more than {MAX_WIRES}");
        let mut pairs = String::new();
        let mut ups = String::new();
        for n in 0..count {
            writeln!(pairs, "link add {a_prefix}{n} type veth peer name {b_prefix}{n} netns {}", b.pid())?;
            writeln!(ups, "link set {b_prefix}{n} up")?;
        }
        a.ip_batch(&pairs)?;
        b.ip_batch(&ups)
    }
}

impl Host {
    /// Brings an interface up.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn link_up(&self, interface: &str) -> Result<()> {
        self.run("ip", &["link", "set", interface, "up"]).map(drop)
    }

    /// Waits until an interface that is up, and whose other end is, can send.
    ///
    /// # Errors
    /// When it does not get ready.
    pub fn wait_operational(&self, interface: &str) -> Result<()> {
        let ready = || Ok(self.link(interface)?.operational.then_some(()));
        eventually(&format!("{interface} of {} to be ready", self.name()), READY, ready)
    }

    /// Takes an interface down; the other end of its wire loses its carrier.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn link_down(&self, interface: &str) -> Result<()> {
        self.run("ip", &["link", "set", interface, "down"]).map(drop)
    }

    /// Removes an interface (and, of a veth pair, the other end).
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn link_delete(&self, interface: &str) -> Result<()> {
        self.run("ip", &["link", "delete", interface]).map(drop)
    }

    /// Adds an address such as `192.0.2.1/24`.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn add_address(&self, interface: &str, address: &str) -> Result<()> {
        self.run("ip", &["address", "add", address, "dev", interface]).map(drop)
    }

    /// Makes a bridge, up, with these members.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn add_bridge(&self, name: &str, members: &[String]) -> Result<()> {
        let mut lines = format!("link add {name} type bridge forward_delay 0\nlink set {name} up\n");
        for member in members {
            writeln!(lines, "link set {member} master {name}")?;
        }
        self.ip_batch(&lines)
    }

    /// No IPv6 on an interface: a wire that only forwards must not talk.
    ///
    /// # Errors
    /// When the setting cannot be written.
    pub fn disable_ipv6(&self, interface: &str) -> Result<()> {
        let setting = format!("net.ipv6.conf.{interface}.disable_ipv6=1");
        self.run("sysctl", &["-qw", &setting]).map(drop)
    }

    /// The hardware address of an interface.
    ///
    /// # Errors
    /// When there is no such interface.
    pub fn mac(&self, interface: &str) -> Result<[u8; 6]> {
        let text = self.run("cat", &[&format!("/sys/class/net/{interface}/address")])?;
        let mut mac = [0; 6];
        let mut parts = text.trim().split(':');
        for byte in &mut mac {
            let part = parts.next().with_context(|| format!("{text:?} is not a hardware address"))?;
            *byte = u8::from_str_radix(part, 16)?;
        }
        Ok(mac)
    }

    /// Runs many `ip` commands in one process.
    ///
    /// # Errors
    /// When one of them is refused.
    pub fn ip_batch(&self, lines: &str) -> Result<()> {
        self.write("/run/.ip-batch", lines)?;
        self.run("ip", &["-batch", "/run/.ip-batch"]).map(drop)
    }

    /// Starts `ip monitor` for a person to read; tests use [`crate::Monitor`].
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn ip_monitor(&self) -> Result<Running> {
        self.spawn("ip monitor", self.command("ip").args(["-o", "-ts", "monitor", "link", "address", "route"]))
    }
}
