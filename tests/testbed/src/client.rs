//! DHCP clients: our daemon, and Debian's, which prove that the servers and scripts of a test are right.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::host::Host;
use crate::needs::Testbed;
use crate::running::Running;

/// Once, or for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Takes a lease and ends.
    Oneshot,
    /// Takes a lease and renews it.
    Service,
}

/// A DHCP client to run a scenario with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Ours.
    Orlop,
    /// busybox.
    Udhcpc,
    /// dhcpcd, configured as LinuxKit does.
    Dhcpcd,
    /// ISC dhclient.
    Dhclient,
}

/// What LinuxKit ships as `/dhcpcd.conf`, without its explanations: no delay, no ARP check, client id from the hardware address, rapid
/// commit. `slaac` does nothing without router advertisements.
pub const LINUXKIT_DHCPCD_CONF: &str = "\
allowinterfaces eth*
hostname
clientid
#duid
persistent
option rapid_commit
option domain_name_servers, domain_name, domain_search, host_name
option classless_static_routes
option ntp_servers
option interface_mtu
require dhcp_server_identifier
slaac private
nodelay
noarp
waitip 4
";

/// dhclient's script does far more than a test needs and sleeps; this one only sets the address.
const DHCLIENT_SCRIPT: &str = r#"#!/bin/sh
case "$reason" in
BOUND|RENEW|REBIND|REBOOT) ip addr replace "$new_ip_address/${new_subnet_mask:-24}" dev "$interface"
    [ -n "$new_routers" ] && ip route replace default via "${new_routers%% *}" dev "$interface" ;;
EXPIRE|FAIL|RELEASE|STOP) ip addr flush dev "$interface" ;;
PREINIT) ip link set "$interface" up ;;
esac
exit 0
"#;

impl Client {
    /// The reference clients.
    pub const REFERENCES: [Self; 3] = [Self::Udhcpc, Self::Dhcpcd, Self::Dhclient];

    /// The program it needs.
    #[must_use]
    pub fn program(self) -> String {
        match self {
            Self::Orlop => Daemon::binary().to_string_lossy().into_owned(),
            Self::Udhcpc => "udhcpc".to_owned(),
            Self::Dhcpcd => "dhcpcd".to_owned(),
            Self::Dhclient => "dhclient".to_owned(),
        }
    }

    /// Starts it for one interface, which it brings up itself where it can.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(self, host: &Host, interface: &str, mode: Mode) -> Result<Running> {
        let once = mode == Mode::Oneshot;
        let mut command = host.command(self.program());
        match self {
            Self::Orlop => return Daemon::new().mode(mode).args([interface]).start(host),
            Self::Udhcpc => {
                host.link_up(interface)?;
                command
                    .args(["-f", "-t", "5", "-T", "1", "-i", interface])
                    .args(once.then_some(["-q", "-n"]).into_iter().flatten());
            }
            Self::Dhcpcd => {
                host.write("/run/dhcpcd.conf", LINUXKIT_DHCPCD_CONF)?;
                command
                    .args(["--nobackground", "-4", "-f", "/run/dhcpcd.conf"])
                    .args(once.then_some("-1"))
                    .arg(interface);
            }
            Self::Dhclient => {
                host.write("/etc/dhclient-script", DHCLIENT_SCRIPT)?;
                host.write("/run/dhclient.conf", "timeout 20;\nretry 2;\ninitial-interval 1;\nreboot 2;\n")?;
                host.run("chmod", &["+x", "/etc/dhclient-script"])?;
                command
                    .args([
                        "-d",
                        "-cf",
                        "/run/dhclient.conf",
                        "-sf",
                        "/etc/dhclient-script",
                        "-pf",
                        "/run/dhclient.pid",
                    ])
                    .args(once.then_some("-1"))
                    .arg(interface);
            }
        }
        host.spawn(&self.program(), &mut command)
    }
}

/// Our DHCP daemon with its arguments.
#[derive(Clone, Debug, Default)]
pub struct Daemon {
    args: Vec<String>,
    config: Option<String>,
    argv0: Option<String>,
}

/// Where the configuration of [`Daemon::config`] is put.
const CONFIG: &str = "/run/orlop-dhcp.toml";

impl Daemon {
    /// In service mode, without a configuration.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The broker's binary: in `ORLOP_BIN_DIR`, or else where `cargo xtask build` puts it.
    #[must_use]
    pub fn binary() -> PathBuf {
        Self::folder().join("orlop-dhcp")
    }

    /// Where the release binaries are: `ORLOP_BIN_DIR`, or else where `cargo xtask build` puts them.
    #[must_use]
    pub fn folder() -> PathBuf {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("/"));
        env::var_os("ORLOP_BIN_DIR")
            .map_or_else(|| workspace.join("target/x86_64-unknown-linux-gnu/release"), PathBuf::from)
    }

    /// Whether tests of the daemon can run: [`Testbed::with`] both binaries and these programs.
    ///
    /// # Panics
    /// As [`Testbed::with`].
    #[must_use]
    pub fn testbed(programs: &[&str]) -> Option<Testbed> {
        let worker = Self::folder().join("orlop-dhcp-worker");
        let (broker, worker) = (Self::binary().to_string_lossy().into_owned(), worker.to_string_lossy().into_owned());
        Testbed::with(&[programs, &[&broker, &worker]].concat())
    }

    /// One lease, or for as long as it lives.
    #[must_use]
    pub fn mode(self, mode: Mode) -> Self {
        if mode == Mode::Oneshot { self.args(["--oneshot"]) } else { self }
    }

    /// More arguments, in order.
    #[must_use]
    pub fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.args.extend(args.into_iter().map(str::to_owned));
        self
    }

    /// The content of a configuration file, given with `--config`.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        self.config = Some(toml.to_owned());
        self
    }

    /// Another name to be called by, as an alias in an image would.
    #[must_use]
    pub fn called(mut self, argv0: &str) -> Self {
        self.argv0 = Some(argv0.to_owned());
        self
    }

    /// The command that will run it in a host.
    ///
    /// # Errors
    /// When the configuration cannot be written.
    pub fn command(&self, host: &Host) -> Result<Command> {
        let mut command = match &self.argv0 {
            None => host.command(Self::binary()),
            Some(argv0) => {
                let mut command = host.command("bash");
                command.args(["-c", r#"exec -a "$0" "$@""#, argv0]).arg(Self::binary());
                command
            }
        };
        if let Some(config) = &self.config {
            host.write(CONFIG, config)?;
            command.args(["--config", CONFIG]);
        }
        command.args(&self.args);
        Ok(command)
    }

    /// Starts it in a host.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, host: &Host) -> Result<Running> {
        host.spawn("orlop-dhcp", &mut self.command(host)?)
            .with_context(|| format!("is {} built? (cargo xtask build)", Self::binary().display()))
    }
}
