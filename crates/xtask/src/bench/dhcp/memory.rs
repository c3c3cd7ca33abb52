//! What a client costs while it waits for its lease to age.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use orlop_testbed::eventually;

use super::clients::Client;
use super::scene::{LOG, Scene, Start};

/// For the lease; after it a client gets [`SETTLE`] to give back what it needed for it.
const DEADLINE: Duration = Duration::from_secs(30);
/// Hooks and scripts have ended by then.
const SETTLE: Duration = Duration::from_millis(500);

/// Memory of all processes of a client.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(super) struct Footprint {
    /// How many processes stay.
    pub(super) processes: usize,
    /// Proportional set size of all of them: shared pages count once.
    pub(super) pss_kib: u64,
    /// Resident set size of the largest.
    pub(super) largest_rss_kib: u64,
}

/// Starts `client` as a service and looks at it once it has its lease.
///
/// # Errors
/// When it gets no lease.
pub(super) fn measure(scene: &Scene, client: &Client) -> Result<Footprint> {
    scene.reset(client, Start::Cold)?;
    let (program, arguments) = (client.program.clone(), client.service.clone());
    let mut child = scene.on_client(move || {
        let log = fs::File::create(LOG)?;
        let mut command = Command::new(&program);
        command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.spawn().with_context(|| format!("cannot start {}", program.display()))
    })?;
    let outcome = eventually("a default route", DEADLINE, || Ok(scene.client.default_routes()?.into_iter().next()))
        .and_then(|_| {
            std::thread::sleep(SETTLE);
            footprint(scene)
        });
    scene.clear_processes()?;
    child.wait()?;
    outcome.with_context(|| format!("{} said:\n{}", client.name, scene.client.read(LOG).unwrap_or_default()))
}

fn footprint(scene: &Scene) -> Result<Footprint> {
    let mut sum = Footprint { processes: 0, pss_kib: 0, largest_rss_kib: 0 };
    for (pid, _) in scene.client.processes()? {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        sum.processes += 1;
        sum.pss_kib += kib(&rollup, "Pss:").context("no Pss")?;
        sum.largest_rss_kib = sum.largest_rss_kib.max(kib(&rollup, "Rss:").context("no Rss")?);
    }
    Ok(sum)
}

fn kib(rollup: &str, field: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_smaps_rollup_is_read_in_kib() {
        let rollup = "5600-7ffc ---p 00000000 00:00 0    [rollup]\nRss:                1234 kB\nPss:                 567 kB\nPss_Anon:  1 kB\n";
        assert_eq!((kib(rollup, "Pss:"), kib(rollup, "Rss:"), kib(rollup, "Swap:")), (Some(567), Some(1234), None));
    }
}
