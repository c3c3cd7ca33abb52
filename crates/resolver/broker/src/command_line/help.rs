//! What `--help` prints, of the whole program and of each command.

use orlop_broker::{command_line, exit};
use orlop_sandbox::fatal::Exit;

use orlop_resolver_profiles::DAEMON;

/// In lines that fit a terminal of 100 columns.
pub(super) fn help() -> String {
    format!("{WHAT}{}\n{}\n{FILES}", command_line::OPTIONS, exit::table(&DAEMON, &EXITS))
}

const WHAT: &str = "\
Answers the programs of this machine that ask for names (DNS), at 127.0.0.53 and ::1: from a
cache, or by asking the name servers that the configuration or the network names.

Usage: orlop-resolver [OPTIONS] [SERVER]...
       orlop-resolver COMMAND

Commands, to the daemon that runs:
  status             Show servers, answers and cache; with -v, --verbose also what its
                     processes are restricted to; with --json, print status.json as it is
  query NAME [TYPE]  Ask for a name as a program would, and show the answer and where it is from
  why NAME [TYPE]    Show who would be asked for a name, and why, and what is cached of it
  flush [NAME]       Forget what is cached of a name, or everything
  reload             Have the configuration file and the hosts read again

Arguments:
  [SERVER]...  Ask these servers (addresses) instead of those in the configuration

Options, which count more than the configuration:
  -c, --config FILE       Read this configuration file
                          [default: /etc/orlop/resolver.toml, if there is one]
      --check             Only read the configuration, and say whether it is good
      --example           Print a configuration file with every key, its meaning and its default
      --posture           Only show which sandbox layers are in force, per process
";

const EXITS: [(Exit, &str); 5] = [
    (Exit::Done, "done (or the daemon was told to end); the record was found"),
    (Exit::Unconfigured, "there is no such name or record; or no daemon is running"),
    (Exit::AlreadyRunning, "another resolver listens at 127.0.0.53"),
    (Exit::Refused, "the daemon refused an order"),
    (Exit::Config, "the configuration is wrong"),
];

const FILES: &str = "\
Files:
  /etc/orlop/resolver.toml                  configuration (all keys: --example)
  /run/orlop/netfacts/                      servers that the networks name, from the DHCP client
  /run/resolvconf/resolv.conf               names this resolver while it runs
  /run/orlop/resolver/resolv.upstream.conf  the real servers, for whoever cannot ask 127.0.0.53
  /run/orlop/resolver/status.json           what `orlop-resolver status` shows
  /run/orlop/metrics/resolver.prom          metrics for node_exporter's textfile collector
";
