//! `bench`: ours and its rivals in the same place, in turn, so that noise hits all of them alike.

mod boot;
mod chart;
mod clients;
mod memory;
mod numbers;
mod report;
mod scene;
mod stopwatch;
mod sysctl;
mod trial;

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::build;
use crate::setup::{self, Need};
use crate::workspace::Workspace;

use clients::Client;
use memory::Footprint;
use numbers::Summary;
use report::{Report, Row};
use scene::{Scene, Start};
use trial::Sample;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    daemon: Daemon,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum Daemon {
    /// The DHCP client against dhcpcd (LinuxKit's configuration), udhcpc and dhclient
    Dhcp {
        /// Runs of each client, cold and again with its lease kept
        #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(3..=1000))]
        rounds: u32,
        /// Only this client (repeatable): orlop-dhcp, dhcpcd, udhcpc, dhclient
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
        /// Measure the release binaries that are there, without building them first
        #[arg(long)]
        no_build: bool,
    },
    /// The sysctl applier against systemd-sysctl, procps and busybox, with 150 and with 1,500 settings
    Sysctl(sysctl::Options),
    /// Whole machines, power-on to a configured network: our DHCP image, and Debian's dhcpcd and udhcpc as images
    Boot(boot::Options),
}

/// Runs to look at memory: it hardly varies.
const MEMORY_ROUNDS: u32 = 3;

/// Runs the chosen benchmark.
///
/// # Errors
/// When a client cannot be run or gets no lease.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    match &options.daemon {
        Daemon::Dhcp { rounds, only, no_build } => dhcp(workspace, *rounds, only, *no_build),
        Daemon::Sysctl(options) => sysctl::run(workspace, options),
        Daemon::Boot(options) => boot::run(workspace, options),
    }
}

fn dhcp(workspace: &Workspace, rounds: u32, only: &[String], no_build: bool) -> Result<()> {
    setup::ensure(Need::Bench)?;
    if !no_build {
        build::run(workspace, &build::Options::default())?;
    }
    let clients = clients::chosen(&build::release_folder(workspace, build::HOST)?, only)?;
    let scene = Scene::new()?;
    let rows = measured(&scene, clients, rounds)?;
    let report = Report::new(rows, rounds)?;
    println!("\n{}", report.table());
    println!("{}", report.goals());
    // A partial result does not replace a whole one.
    keep(workspace, if only.is_empty() { "dhcp" } else { "dhcp-partial" }, report.chart(), report.json()?)
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

fn measured(scene: &Scene, clients: Vec<Client>, rounds: u32) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = clients.into_iter().map(Row::new).collect();
    // One run each that does not count: files into the page cache, the server's first ping and lease.
    for row in &rows {
        trial::run(scene, &row.client, Start::Cold).with_context(|| format!("{} (trying it out)", row.client.name))?;
    }
    for round in 0..rounds {
        println!("  round {}/{rounds}", round + 1);
        let count = rows.len();
        // Each round starts with another one: nobody is always first after the pause.
        for turn in 0..count {
            let row = &mut rows[(turn + round as usize) % count];
            row.cold.push(trial::run(scene, &row.client, Start::Cold)?);
            if row.client.keeps_lease {
                row.again.push(trial::run(scene, &row.client, Start::LeaseKept)?);
            }
        }
    }
    for _ in 0..MEMORY_ROUNDS {
        for row in &mut rows {
            row.memory.push(memory::measure(scene, &row.client)?);
        }
    }
    Ok(rows)
}

/// Milliseconds, for people.
fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
