//! What `--help` prints.

use orlop_broker::{command_line, exit};
use orlop_sandbox::fatal::Exit;

use orlop_sysctl_profiles::DAEMON;

/// Of `orlop-sysctl`.
pub(super) fn help() -> String {
    format!("{WHAT}{}\n{}{FILES}", command_line::OPTIONS, exit::table(&DAEMON, &EXITS))
}

const WHAT: &str = "\
Puts kernel settings in force, and checks that the kernel has really taken them.

Usage: orlop-sysctl [OPTIONS] [FILE | KEY=VALUE | -]...

Without FILE, KEY=VALUE or '-' it reads sysctl.d(5): *.conf in /etc/sysctl.d, /run/sysctl.d, /usr/local/lib/sysctl.d and
/usr/lib/sysctl.d, in the order of their names, whatever folder they are in. A name that is in two folders counts in
the first; an empty file or a link to /dev/null there switches the others off.

Arguments:
  FILE                 Read this file. One without '/' is looked for in those folders
  KEY=VALUE            Put this in force, after all files. Put '--' before one that begins with '-'
  -                    Read standard input

What to do (without one of these: put the settings in force):
      --plan           Show what would be written, in order. Looks at no value
      --diff           Show which values would change. Ends with 1 if there is one
      --check          Only read the text. Ends with 2 if there is an error in it
      --posture        Only show which sandbox layers are in force, per process
      --follow         Put them in force and stay, as a service: what is missing is tried again when an interface or a
                       module comes, and what somebody else changes is reported

Options:
      --config-dir DIR    Read DIR instead of the four folders. Can be given several times; the first counts most
      --profile NAME      Read the profile NAME before everything else: linuxkit, or kspp (hardening)
      --prefix PREFIX     Only keys below PREFIX, as net.ipv4.conf.eth0. Can be given several times
      --root DIR          Look for the folders below DIR, whose links do not lead out of it
      --sysctl-dir DIR    The keys are here [default: /proc/sys]
      --lock              Write also what cannot be taken back before the next boot, last of all
      --interval SECONDS  Look for changes so often, with --follow [default: 60]
      --enforce           Put back what somebody else has changed, with --follow
      --strict            A key that does not exist is a failure
";

const EXITS: [(Exit, &str); 4] = [
    (Exit::Done, "every setting is in force; of a service, it was told to end"),
    (
        Exit::Unmet,
        "at least one is not: the kernel refused it, took another value, or has no such key (only with --strict)",
    ),
    (Exit::Mistaken, "at least one line cannot be understood; the others were put in force"),
    (Exit::Config, "a file cannot be read; the others were put in force"),
];

const FILES: &str = "\
A key with '-' before it counts only for --diff. Of several codes the largest is given.

Files:
  /usr/lib/orlop/sysctl.d/NAME.conf  the profiles
  /run/orlop/sysctl/audit.json       every key: where it was set, before, wanted, after, result
  /run/orlop/sysctl/status.json      what the last run came to, and what each process was restricted by
  /run/orlop/metrics/sysctl.prom     metrics for node_exporter's textfile collector

Started as 'sysctl', it takes the two options of LinuxKit's component, -configDir and -sysctlDir, and is as tolerant.
";

/// Of LinuxKit's command line.
pub(super) const LINUXKIT: &str = "\
Usage: sysctl [-configDir DIR] [-sysctlDir DIR]

  -configDir DIR   All files in DIR are read, in the order of their names [default: /etc/sysctl.d]
  -sysctlDir DIR   The keys are here [default: /proc/sys]

What follows a word that is no option is ignored, as LinuxKit's own does.

This is orlop-sysctl under the name of LinuxKit's component. Unknown keys and refused values are warnings; it ends with 1
only if DIR cannot be read. Called orlop-sysctl, it can do more: orlop-sysctl --help.
";
