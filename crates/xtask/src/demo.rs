//! `demo`: a machine that is put together and booted. `demo NAME`: that daemon at work in namespaces, and what its processes
//! are not able to do, each in a module of its name.
//!
//! All but the machine, which is QEMU's, happens in namespaces that end with this process, whatever ends it (Ctrl-C too).

mod dhcp;
pub(crate) mod leftovers;
pub(crate) mod machine;
mod metadata;
mod ntp;
mod processes;
mod resolver;
mod sysctl;

use std::ffi::OsStr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::builder::PossibleValuesParser;
use orlop_sandbox::daemon::Daemon;
use orlop_testbed::Host;

use crate::build;
use crate::setup::{self, Need};
use crate::workspace::Workspace;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// What to show instead of a whole machine: one daemon, in namespaces
    #[arg(value_parser = PossibleValuesParser::new(DAEMONS.iter().map(|(name, _)| *name)))]
    daemon: Option<String>,
    /// Show the release binaries that are there, without building them first
    #[arg(long)]
    no_build: bool,
}

/// Shows a daemon.
type Show = fn(&Workspace, &Shown) -> Result<()>;

/// The daemons that have a demo of their own.
const DAEMONS: &[(&str, Show)] = &[
    ("dhcp", dhcp::run),
    ("metadata", metadata::run),
    ("ntp", ntp::run),
    ("resolver", resolver::run),
    ("sysctl", sysctl::run),
];

/// The daemon that is shown, and where its program is.
struct Shown {
    daemon: &'static Daemon,
    program: String,
}

/// No daemon of a demo needs longer than ten seconds; this is for a machine that is badly overloaded.
const DEADLINE: Duration = Duration::from_secs(30);

/// Shows the chosen daemon, or a machine.
///
/// # Errors
/// When anything of it does not work.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let Options { daemon, no_build } = options;
    let Some((name, show)) = DAEMONS.iter().find(|(name, _)| daemon.as_deref() == Some(name)) else {
        return machine::run(workspace, *no_build);
    };
    setup::ensure(Need::Demo)?;
    ensure!(rustix::process::geteuid().is_root(), "the demo builds network namespaces; help: run it as root");
    if !no_build {
        heading("Building");
        build::run(workspace, &build::Options::default())?;
    }
    let daemon = daemon_named(name)?;
    let program = build::release_folder(workspace, build::HOST)?.join(daemon.program).display().to_string();
    show(workspace, &Shown { daemon, program })?;
    println!("\nThe namespaces are gone, and with them every process, address, setting and file of this demo.");
    println!("Next: cargo xtask test, cargo xtask bench {name}, and crates/README.md for the code.");
    Ok(())
}

/// The daemon of that name.
fn daemon_named(name: &str) -> Result<&'static Daemon> {
    orlop_fleet::named(name).with_context(|| format!("no daemon is called {name}"))
}

impl Shown {
    /// The daemon as a LinuxKit container on `host`: PID 1 of its own process namespace, the label's capabilities, and no new
    /// privileges.
    fn container<S: AsRef<OsStr>>(&self, host: &Host, arguments: &[S]) -> Command {
        let mut command = host.command("unshare");
        command.args([
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "setpriv",
            "--no-new-privs",
            "--bounding-set",
        ]);
        command.args([&self.bounding_set(), &self.program]).args(arguments);
        command
    }

    /// What is granted to its container, as setpriv wants it for the bounding set.
    fn bounding_set(&self) -> String {
        let granted =
            self.daemon.granted().map(|capability| capability.name().trim_start_matches("CAP_").to_lowercase());
        granted.fold("-all".to_owned(), |set, capability| format!("{set},+{capability}"))
    }
}

/// What comes next.
fn heading(text: &str) {
    println!("\n── {text}\n");
}

/// Somebody else's words.
fn print_indented(text: &str) {
    for line in text.lines() {
        println!("    {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_container_is_granted_is_written_as_setpriv_reads_it() {
        for (name, _) in DAEMONS {
            let shown = Shown { daemon: daemon_named(name).unwrap(), program: String::new() };
            let set = shown.bounding_set();
            assert!(set.starts_with("-all,+setuid,+setgid,+setpcap,+sys_chroot,+kill,+"), "{set}");
            assert_eq!(set.split(',').count(), 1 + shown.daemon.granted().count(), "{set}");
        }
    }
}
