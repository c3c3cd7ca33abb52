//! `bench`: ours and its rivals in the same place, in turn, so that noise hits all of them alike.

mod boot;
mod chart;
mod contest;
mod dhcp;
mod installed;
mod metadata;
mod ntp;
mod numbers;
mod peak;
mod processes;
mod resolver;
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
    /// The metadata fetcher: detection beside cloud-init's ds-identify, a cloud beside curl with the same questions, a seed disk
    Metadata(metadata::Options),
    /// The NTP client against chronyd, openntpd, systemd-timesyncd and ntpd-rs; no client can touch this machine's clock
    Ntp(ntp::Options),
    /// The DNS resolver against unbound, dnsmasq, systemd-resolved and kresd: known names, denials, unknown names, memory
    Resolver(resolver::Options),
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
        Contest::Metadata(options) => metadata::run(workspace, options),
        Contest::Ntp(options) => ntp::run(workspace, options),
        Contest::Resolver(options) => resolver::run(workspace, options),
        Contest::Sysctl(options) => sysctl::run(workspace, options),
        Contest::Boot(options) => boot::run(workspace, options),
    }
}

/// Writes a report into the folder of benchmarks: everything as JSON, and its charts by their names.
fn keep(workspace: &Workspace, stem: &str, json: &str, charts: &[(&str, String)]) -> Result<()> {
    let folder = workspace.metadata(build::HOST)?.target_directory.join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let charts = charts.iter().map(|(name, chart)| (format!("{name}.svg"), chart.as_str()));
    for (name, content) in charts.chain([(format!("{stem}.json"), json)]) {
        let path = folder.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        println!("written: {}", path.display());
    }
    Ok(())
}

/// Milliseconds, for people.
fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
