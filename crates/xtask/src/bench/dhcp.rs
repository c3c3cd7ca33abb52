//! The DHCP client beside dhcpcd, udhcpc and dhclient: from start to address and default route, in the same network.

mod clients;
mod memory;
mod report;
mod scene;
mod trial;

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{Summary, millis, stopwatch};
use crate::bench::processes::Footprint;
use crate::build;
use crate::setup::{self, Need};
use crate::workspace::Workspace;

use clients::Client;
use report::{Report, Row};
use scene::{Scene, Start};
use trial::Sample;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Runs of each client, cold and again with its lease kept
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(3..=1000))]
    rounds: u32,
    /// Only this client (repeatable): orlop-dhcp, before, dhcpcd, udhcpc, dhclient
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Measure the release binaries that are there, without building them first
    #[arg(long)]
    no_build: bool,
    /// Also measure the binaries of another tree, in this folder: what a change has cost
    #[arg(long, value_name = "FOLDER")]
    before: Option<PathBuf>,
}

/// Runs to look at memory: it hardly varies.
const MEMORY_ROUNDS: u32 = 3;

/// Runs the benchmark.
///
/// # Errors
/// When a client cannot be run or gets no lease.
pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let Options { rounds, only, no_build, before } = options;
    setup::ensure(Need::Bench)?;
    if !no_build {
        build::run(workspace, &build::Options::default())?;
    }
    let clients = clients::chosen(&build::release_folder(workspace, build::HOST)?, before.as_deref(), only)?;
    let scene = Scene::new()?;
    let rows = measured(&scene, clients, *rounds)?;
    let report = Report::new(rows, *rounds)?;
    println!("\n{}", report.table());
    println!("{}", report.goals());
    // A partial result does not replace a whole one.
    let whole = only.is_empty() && before.is_none();
    let name = if whole { "dhcp" } else { "dhcp-partial" };
    super::keep(workspace, name, &report.json()?, &[(name, report.chart())])
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
