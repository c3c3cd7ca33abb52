//! What `--help` prints, of the whole program and of each command.

use orlop_broker::{command_line, exit};
use orlop_sandbox::fatal::Exit;

use orlop_dhcp_profiles::DAEMON;

/// In lines that fit a terminal of 100 columns.
pub(super) fn help() -> String {
    format!("{WHAT}{}\n{}\n{FILES}", command_line::OPTIONS, exit::table(&DAEMON, &EXITS))
}

const WHAT: &str = "\
Obtains IPv4 addresses by DHCP and configures interfaces with them: once, or for as long as it runs.

Usage: orlop-dhcp [OPTIONS] [IFACE]...
       orlop-dhcp COMMAND

Commands, to the daemon that runs:
  status [IFACE]   Show what the running daemon does; with -v, --verbose also what its
                   processes are restricted to; with --json, print status.json as it is
  renew [IFACE]    Have leases extended now, and ask for one where there is none;
                   with --wait [SECS], wait until that is done [default: 10 s]
  release [IFACE]  Give leases back, and stay without until `renew`
  reload           Have the configuration file read again
With IFACE, only on this interface.

Arguments:
  [IFACE]...  Configure these interfaces (names or patterns such as eth*) instead of those in the
              configuration

Options, which count more than the configuration:
  -1, --oneshot           Configure the interfaces, say what was achieved, and end.
                          Without it: keep them configured
  -c, --config FILE       Read this configuration file
                          [default: /etc/orlop/dhcp.toml, if there is one]
      --check             Only read the configuration, and say whether it is good
      --example           Print a configuration file with every key, its meaning and its default
      --posture           Only show which sandbox layers are in force, per process
      --deadline SECS     End a one-shot run after SECS seconds
                          [default: that of the configuration, else 10]
";

const EXITS: [(Exit, &str); 6] = [
    (Exit::Done, "done: every interface with a carrier is configured (or the daemon was told to end)"),
    (
        Exit::Unconfigured,
        "nothing was configured in time: no interface, no carrier, or no server;\nor no daemon is running",
    ),
    (Exit::AlreadyRunning, "another orlop-dhcp looks after this network namespace"),
    (Exit::Partly, "only some of the interfaces were configured in time"),
    (Exit::Refused, "the servers refused, or their leases cannot be used; or the daemon refused an order"),
    (Exit::Config, "the configuration is wrong"),
];

const FILES: &str = "\
Files:
  /etc/orlop/dhcp.toml             configuration (all keys: orlop-dhcp --example)
  /run/resolvconf/resolv.conf      name servers, rewritten in place
  /run/orlop/netfacts/             name and time servers, for the other daemons
  /run/orlop/dhcp/status.json      what `orlop-dhcp status` shows
  /run/orlop/dhcp/lease.IFACE      the lease, for the next process
  /run/orlop/metrics/dhcp.prom     metrics for node_exporter's textfile collector

Started as `dhcpcd`, it takes dhcpcd's options and dhcpcd.conf instead.
";
