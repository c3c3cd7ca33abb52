//! The NTP client beside chronyd, openntpd, systemd-timesyncd and ntpd-rs: how soon a wrong clock is right, what keeping it right costs,
//! and how right it is kept. Nobody's clock is this machine's: see [`guard`].

mod clients;
mod guard;
mod ntpd_rs;
mod report;
mod scene;
mod setting;
mod size;
mod steady;
mod waiting;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::bench::numbers::Summary;
use crate::build;
use crate::compiler::sysroot::NATIVE_MUSL;
use crate::setup::{self, Need};
use crate::workspace::Workspace;

use clients::{Client, Kind, Wrong};
use guard::MachineClock;
use report::{Cell, Report, Row};
use scene::Scene;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Runs of each client with each wrong clock and each way to the servers
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Seconds for which wake-ups are counted; an hour is the same many times
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(10..=86_400))]
    window: u64,
    /// Where clknetsim was built: chronyd then keeps a clock right in it, on the delays of our simulator
    #[arg(long, value_name = "FOLDER")]
    clknetsim: Option<PathBuf>,
    /// Measure the release binaries (musl) that are there, without building them first
    #[arg(long)]
    no_build: bool,
}

/// A clock that is wrong, and how long a packet and its answer take together, as the columns have them.
const TASKS: [(Wrong, Duration); 4] =
    [(Wrong::Minute, Duration::ZERO), (Wrong::Minute, FAR), (Wrong::Years, Duration::ZERO), (Wrong::Years, FAR)];

/// As far as the goal goes.
const FAR: Duration = Duration::from_millis(100);

/// Runs the benchmark.
///
/// # Errors
/// When a client that is there cannot be run or does not do its work, or when this machine's clock was set meanwhile.
pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let Options { rounds, window, clknetsim, no_build } = options;
    let clknetsim = steady::clknetsim(clknetsim.as_ref())?;
    setup::ensure_targets(workspace, &[Need::Bench, Need::Musl])?;
    if !no_build {
        build::run(workspace, &build::Options::of(NATIVE_MUSL.triple))?;
    }
    let release = build::release_folder(workspace, NATIVE_MUSL.triple)?;
    let (clients, missing) = clients::all(workspace, &release)?;
    let image = size::of_image(&release)?;
    let clock = MachineClock::now();
    let scene = Scene::new()?;
    let (rows, floor) = set(&scene, &clients, *rounds)?;
    println!("  waiting: all side by side for {} s", waiting::SETTLE.as_secs() + window);
    scene.set_round_trip(Duration::ZERO);
    let waiting = waiting::all(&scene, &clients, Duration::from_secs(*window))?;
    println!("  steady: simulated");
    let delays = workspace.metadata(build::HOST)?.target_directory.join("bench/delays");
    let steady = steady::all(workspace, &delays, clknetsim.as_deref())?;
    clock.is_untouched()?;
    let rows = rows.into_iter().zip(waiting).map(|(row, waiting)| Row { waiting: Some(waiting), ..row }).collect();
    let report = Report::new(rows, missing, (*rounds, *window), floor, steady, image);
    println!("\n{}", report.table());
    println!("{}", report.goals());
    let charts = [("ntp", report.chart_of_setting()), ("ntp-memory", report.chart_of_memory())];
    super::keep(workspace, "ntp", &report.json()?, &charts)
}

/// Lets every client set every clock, in turn, and gives the floor with each way to the servers.
fn set(scene: &Scene, clients: &[Client], rounds: u32) -> Result<(Vec<Row>, Vec<Summary>)> {
    let mut rows: Vec<Row> = clients.iter().cloned().map(Row::new).collect::<Result<_>>()?;
    let mut floors = Vec::new();
    for (column, (wrong, round_trip)) in TASKS.into_iter().enumerate() {
        scene.set_round_trip(round_trip);
        // The first packets on a wire look for their way; and files come into the page cache.
        scene.floor()?;
        setting::once(scene, clients.first().context("no client")?, wrong)?;
        let floor = (0..rounds).map(|_| Ok(scene.floor()?.as_secs_f64())).collect::<Result<Vec<_>>>()?;
        floors.extend(Summary::of(floor));
        for round in 0..rounds {
            println!("  {wrong:?}, {} ms away, round {}/{rounds}", round_trip.as_millis(), round + 1);
            for turn in 0..clients.len() {
                // Each round starts with another one: nobody is always first after the pause.
                let at = (turn + round as usize) % clients.len();
                let (client, Some(row)) = (&clients[at], rows.get_mut(at)) else { continue };
                // Who has failed once has no figure here, whatever comes after it.
                if matches!(row.cells[column], Cell::NotRun(_)) {
                    continue;
                }
                match client.cannot(wrong, round_trip) {
                    Some(why) => row.cells[column] = Cell::NotRun(why.to_owned()),
                    None if round < client.rounds(rounds) => match setting::once(scene, client, wrong) {
                        Ok(secs) => row.cells[column].push(secs),
                        Err(error) if client.kind == Kind::Orlop => return Err(error),
                        // openntpd at times reads an answer wrong and sets its clock to some other age.
                        Err(error) => {
                            println!("  {error:#}");
                            row.cells[column] = Cell::NotRun(format!("it failed: {}", error.root_cause()));
                        }
                    },
                    None => {}
                }
            }
        }
    }
    Ok((rows, floors))
}
