//! Debian's DHCP clients. They prove that the servers and scripts of a test are right, and ours is compared with them.

use anyhow::Result;

use crate::host::Host;
use crate::running::Running;

/// Once, or for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Takes a lease and ends.
    Oneshot,
    /// Takes a lease and renews it.
    Service,
}

/// A DHCP client of Debian's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
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
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Udhcpc, Self::Dhcpcd, Self::Dhclient];

    /// The program it needs.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Udhcpc => "udhcpc",
            Self::Dhcpcd => "dhcpcd",
            Self::Dhclient => "dhclient",
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
        host.spawn(self.program(), &mut command)
    }
}
