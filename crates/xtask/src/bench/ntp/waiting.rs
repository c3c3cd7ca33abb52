//! What a client costs while it keeps a right clock right: memory, and how often it wakes up.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::clients::{Client, Work};
use super::scene::{Begun, Scene};
use crate::bench::processes::{Footprint, end_all, family, sleeps};

/// By then every client has asked what it asks at its start, one question every two seconds for instance.
pub(super) const SETTLE: Duration = Duration::from_secs(40);

/// What was seen of a client.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(super) struct Waiting {
    pub(super) memory: Footprint,
    /// Wake-ups in an hour like the time that was looked at.
    pub(super) wakeups_per_hour: f64,
}

/// Lets all clients keep a clock right for the same time, side by side, and looks at each: its wake-ups `for_so_long` after the first
/// questions.
///
/// # Errors
/// When one does not start or ends.
pub(super) fn all(scene: &Scene, clients: &[Client], for_so_long: Duration) -> Result<Vec<Waiting>> {
    let begun: Vec<Begun> = clients.iter().map(|client| scene.start(client, Work::Keep)).collect::<Result<_>>()?;
    thread::sleep(SETTLE);
    let of = |(client, begun): (&Client, &Begun)| {
        let seen = family(begun.running.pid()).and_then(|all| Ok((Instant::now(), sleeps(all)?)));
        seen.with_context(|| format!("{} said:\n{}", client.name, begun.running.text()))
    };
    let before = clients.iter().zip(&begun).map(of).collect::<Result<Vec<_>>>()?;
    thread::sleep(for_so_long);
    let after = clients.iter().zip(&begun).map(of).collect::<Result<Vec<_>>>()?;
    let memory = begun.iter().map(|begun| Footprint::of(family(begun.running.pid())?));
    let memory = memory.collect::<Result<Vec<_>>>()?;
    drop(begun);
    end_all(&scene.client)?;
    let spans = before.into_iter().zip(after).zip(memory);
    Ok(spans
        .map(|(((from, first), (to, last)), memory)| {
            let hours = to.duration_since(from).as_secs_f64() / 3600.0;
            Waiting { memory, wakeups_per_hour: last.saturating_sub(first) as f64 / hours }
        })
        .collect())
}
