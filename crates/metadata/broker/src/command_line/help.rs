//! What `--help` prints.

use orlop_broker::{command_line, exit};
use orlop_metadata_profiles::DAEMON;
use orlop_sandbox::fatal::Exit;

/// In lines that fit a terminal of 100 columns.
pub(super) fn help() -> String {
    format!("{WHAT}{}\n{}\n{FILES}", command_line::OPTIONS, exit::table(&DAEMON, &EXITS))
}

const WHAT: &str = "\
Finds out where this machine runs, and writes what it is told about itself to /run/config, once.

Usage: orlop-metadata [OPTIONS] [PROVIDER]... [file=PATH]
       orlop-metadata --detect [--root DIR]
       orlop-metadata COMMAND

Commands:
  status    Show what the last run did; with --json, print status.json as it is
  get KEY   Print a file of those that a run wrote: orlop-metadata get hostname

Arguments:
  [PROVIDER]...  Try these and no others, in this order. Without any: the disks of this machine,
                 then the one cloud that its firmware names, and nobody else
  [file=PATH]    Take user data from this file, where nothing else has any

Options:
      --detect            Only say where this machine runs, and how that is known
      --root DIR          Look at the sys and proc below DIR, copied from another machine
      --disk PATH         Read this disk, or image of a disk, and no other
      --no-disks          Read no disk
      --probe             Take a machine that does not say where it runs for an OpenStack's
      --allow-imdsv1      Ask AWS without a token where it gives none
      --require           That nothing is found is an error
      --dry-run           Write nothing, and say what would be written
      --posture           Only show which sandbox layers are in force, per process
      --timeout SECS      End after SECS seconds at the latest [default: 30]
  -v                      The same as --log debug
";

const EXITS: [(Exit, &str); 4] = [
    (Exit::Done, "done: everything is written, or there is nothing (see --require)"),
    (Exit::Unconfigured, "not in time; nothing found, with --require; or no run so far"),
    (Exit::Refused, "the source of metadata is there, and cannot be used"),
    (Exit::Config, "/run/config, or what --disk or file= names, is not what it should be"),
];

const FILES: &str = "\
Files:
  /run/config/                        what the machine is told; `provider` comes last
  /run/orlop/netfacts/                where some services are, as the DHCP client left it
  /run/orlop/metadata/status.json     what `orlop-metadata status` shows
  /run/orlop/metrics/metadata.prom    metrics for node_exporter's textfile collector

Started as `metadata`, as LinuxKit's is, it takes the same arguments.
";
