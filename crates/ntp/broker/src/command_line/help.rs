//! What `--help` prints, of the whole program and of each command.

use orlop_broker::{command_line, exit};
use orlop_sandbox::fatal::Exit;

use orlop_ntp_profiles::DAEMON;

/// In lines that fit a terminal of 100 columns.
pub(super) fn help() -> String {
    format!("{WHAT}{}\n{}\n{FILES}", command_line::OPTIONS, exit::table(&DAEMON, &EXITS))
}

const WHAT: &str = "\
Sets a wrong clock right by NTP, and keeps it right: once, or for as long as it runs.

Usage: orlop-ntp [OPTIONS] [SOURCE]...
       orlop-ntp COMMAND

Commands, to the daemon that runs:
  status     Show how the clock stands and who says so; with -v, --verbose also what its
             processes are restricted to; with --json, print status.json as it is
  sources    Show only whom it asks
  step       Set the clock by what the next majority says, also backwards
  reload     Have the configuration file read again
  wait-sync  Wait until the clock is right; with --deadline SECS, no longer than that

Arguments:
  [SOURCE]...  Ask these servers (addresses or names) instead of those in the configuration

Options, which count more than the configuration:
  -1, --oneshot           Set the clock right, say by how much, and end.
                          Without it: keep it right
      --optional          With --oneshot: end with 0 and a warning, instead of 69, where nobody
                          says in time what time it is
  -c, --config FILE       Read this configuration file
                          [default: /etc/orlop/ntp.toml, if there is one]
      --check             Only read the configuration, and say whether it is good
      --example           Print a configuration file with every key, its meaning and its default
      --posture           Only show which sandbox layers are in force, per process
      --deadline SECS     End a one-shot run after SECS seconds
                          [default: that of the configuration, else 15]
      --mock-clock FILE   Keep a clock in FILE right instead of the machine's: for a try
";

const EXITS: [(Exit, &str); 5] = [
    (Exit::Done, "done: the clock is right (or the daemon was told to end)"),
    (Exit::Unconfigured, "nobody said in time what time it is; or no daemon is running"),
    (Exit::AlreadyRunning, "another orlop-ntp keeps this clock"),
    (Exit::Refused, "the servers do not agree, or what they say is refused; or the daemon refused an order"),
    (Exit::Config, "the configuration is wrong"),
];

const FILES: &str = "\
Files:
  /etc/orlop/ntp.toml              configuration (all keys: orlop-ntp --example)
  /run/orlop/netfacts/             servers that the network names, as the DHCP client left them
  /run/orlop/ntp/status.json       what `orlop-ntp status` shows
  /var/lib/orlop/ntp/state         drift, last good time, steps so far; in /run/orlop/ntp
                                   where there is no such folder
  /run/orlop/metrics/ntp.prom      metrics for node_exporter's textfile collector

Started as `ntpd`, it takes openntpd's options and ntpd.conf instead.
";
