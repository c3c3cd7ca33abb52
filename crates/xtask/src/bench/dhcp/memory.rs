//! What a client costs while it waits for its lease to age.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use orlop_testbed::eventually;

use super::clients::Client;
use super::scene::{LOG, Scene, Start};
use crate::bench::processes::{Footprint, end_all};

/// For the lease; after it a client gets [`SETTLE`] to give back what it needed for it.
const DEADLINE: Duration = Duration::from_secs(30);
/// Hooks and scripts have ended by then.
const SETTLE: Duration = Duration::from_millis(500);

/// Starts `client` as a service and looks at it once it has its lease.
///
/// # Errors
/// When it gets no lease.
pub(super) fn measure(scene: &Scene, client: &Client) -> Result<Footprint> {
    scene.reset(client, Start::Cold)?;
    let (program, arguments) = (client.program.clone(), client.service.clone());
    let mut child = scene.client.enter(move || {
        let log = fs::File::create(LOG)?;
        let mut command = Command::new(&program);
        command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.spawn().with_context(|| format!("cannot start {}", program.display()))
    })?;
    let outcome = eventually("a default route", DEADLINE, || Ok(scene.client.default_routes()?.into_iter().next()))
        .and_then(|_| {
            std::thread::sleep(SETTLE);
            Footprint::of(scene.client.processes()?.into_iter().map(|(pid, _)| pid))
        });
    end_all(&scene.client)?;
    child.wait()?;
    outcome.with_context(|| format!("{} said:\n{}", client.name, scene.client.read(LOG).unwrap_or_default()))
}
