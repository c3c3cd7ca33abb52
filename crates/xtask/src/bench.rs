//! `bench`: ours and its rivals in the same place, in turn, so that noise hits all of them alike.

mod boot;
mod chart;
mod dhcp;
mod installed;
mod numbers;
mod stopwatch;
mod sysctl;

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::build;
use crate::workspace::Workspace;

use numbers::Summary;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    contest: Contest,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum Contest {
    /// The DHCP client against dhcpcd (LinuxKit's configuration), udhcpc and dhclient
    Dhcp(dhcp::Options),
    /// The sysctl applier against systemd-sysctl, procps and busybox, with 150 and with 1,500 settings
    Sysctl(sysctl::Options),
    /// Whole machines, power-on to a configured network: our DHCP image, and Debian's dhcpcd and udhcpc as images
    Boot(boot::Options),
}

/// Runs the chosen benchmark.
///
/// # Errors
/// When a program cannot be run, or does not do its work.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    match &options.contest {
        Contest::Dhcp(options) => dhcp::run(workspace, options),
        Contest::Sysctl(options) => sysctl::run(workspace, options),
        Contest::Boot(options) => boot::run(workspace, options),
    }
}

/// Writes a report into the folder of benchmarks: its chart, and everything as JSON.
fn keep(workspace: &Workspace, stem: &str, chart: String, json: String) -> Result<()> {
    let folder = workspace.metadata(build::HOST)?.target_directory.join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (extension, content) in [("svg", chart), ("json", json)] {
        let path = folder.join(format!("{stem}.{extension}"));
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        println!("written: {}", path.display());
    }
    Ok(())
}

/// Milliseconds, for people.
fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
