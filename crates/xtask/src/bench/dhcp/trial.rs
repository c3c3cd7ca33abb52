//! One run of one client: from its start to an address and a default route, and to its end.

use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use orlop_testbed::Monitor;
use orlop_testbed::state::{Change, Item, TABLE_MAIN};

use super::clients::Client;
use super::millis;
use super::scene::{LOG, Scene, Start};
use super::stopwatch::{self, Timed};
use crate::bench::processes::end_all;

/// No client needs longer than this on an empty wire; one that does has failed.
const DEADLINE: Duration = Duration::from_secs(30);

/// Milliseconds after the start.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(super) struct Sample {
    /// The kernel has both an address and a default route.
    pub(super) configured: f64,
    /// The started process has ended.
    pub(super) exit: f64,
}

/// Runs `client` once and leaves the interface configured and no process behind.
///
/// # Errors
/// When it gets no lease in time; the error carries what it said.
pub(super) fn run(scene: &Scene, client: &Client, start: Start) -> Result<Sample> {
    scene.reset(client, start)?;
    let monitor = Monitor::start(&scene.client)?;
    let mut command = Command::new(&client.program);
    command.args(&client.oneshot);
    let run = scene.client.enter(move || timed(&mut command))?;
    let outcome = judged(scene, &monitor, &run);
    end_all(&scene.client)?;
    outcome.with_context(|| format!("{} said:\n{}", client.name, scene.client.read(LOG).unwrap_or_default()))
}

fn judged(scene: &Scene, monitor: &Monitor, run: &Timed) -> Result<Sample> {
    let Timed { began, ended, status } = *run;
    ensure!(status.signal().is_none(), "did not end within {DEADLINE:?}");
    ensure!(status.success(), "ended with {status}");
    // The kernel told before the client ended; the thread that listens may need a moment.
    let listening = Duration::from_secs(1);
    let address = monitor.wait_for("an address", listening, is_address)?;
    let route = monitor.wait_for("a default route", listening, is_default_route)?;
    ensure!(!scene.client.default_routes()?.is_empty(), "the default route did not stay");
    let configured = address.max(route).saturating_duration_since(began);
    Ok(Sample { configured: millis(configured), exit: millis(ended - began) })
}

/// Starts the command in the calling thread's namespaces, with its output kept, and waits for its end.
fn timed(command: &mut Command) -> Result<Timed> {
    let log = File::create(LOG)?;
    stopwatch::run(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log), DEADLINE)
}

fn is_address(change: &Change) -> bool {
    !change.deleted && matches!(&change.item, Item::Address(address) if !address.address.is_link_local())
}

fn is_default_route(change: &Change) -> bool {
    let is_default =
        |item: &Item| matches!(item, Item::Route(route) if route.destination.1 == 0 && route.table == TABLE_MAIN);
    !change.deleted && is_default(&change.item)
}
