//! How long a client takes from its start until a wrong clock is right.

use std::time::{Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use orlop_test_ntp::Clock;

use super::clients::{Client, Kind, Sign, Work, Wrong};
use super::scene::{AHEAD, Begun, Scene};
use crate::bench::processes::end_all;

/// How far from right a clock may be set, in seconds.
const RIGHT: f64 = 0.2;

/// One run; seconds. Leaves no process behind.
///
/// # Errors
/// When the client does not set its clock right in time; the error carries what it said.
pub(super) fn once(scene: &Scene, client: &Client, wrong: Wrong) -> Result<f64> {
    let mut begun = scene.start(client, Work::Set(wrong))?;
    let took = judged(scene, client, wrong, &mut begun);
    let took = took.with_context(|| format!("{} said:\n{}", client.name, begun.running.text()));
    drop(begun);
    end_all(&scene.client)?;
    took
}

fn judged(scene: &Scene, client: &Client, wrong: Wrong, begun: &mut Begun) -> Result<f64> {
    let (running, patience) = (&mut begun.running, client.patience());
    let mut ended = match client.sign() {
        Sign::Exit => {
            let status = running.wait_exit(patience)?;
            ensure!(status.success() || client.kind == Kind::Chrony, "ended with {status}");
            Instant::now()
        }
        Sign::Said => Instant::now(),
    };
    match client.says() {
        None => {
            let error = Clock::read(&scene.client)?.error() as f64 * 1e-9;
            ensure!(error.abs() < RIGHT, "the clock is off by {error} s afterwards");
        }
        Some(says) => {
            let line = running.wait_for(says, patience)?;
            let by = number_after(&line.text, says).with_context(|| format!("no number in `{}`", line.text))?;
            let want = match wrong {
                Wrong::Minute => AHEAD.as_secs_f64(),
                Wrong::Years => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64(),
            };
            // How long ago 1970 is was asked in whole seconds, some time before.
            let close = if wrong == Wrong::Years { patience.as_secs_f64() } else { RIGHT };
            ensure!((by - want).abs() < close, "the clock is off by {want} s, and was set by {by} s");
            if client.sign() == Sign::Said {
                ended = line.at;
            }
        }
    }
    Ok(ended.saturating_duration_since(begun.at).as_secs_f64())
}

/// The number behind these words, in seconds: `ms` behind it is milliseconds.
fn number_after(line: &str, words: &str) -> Option<f64> {
    let (_, rest) = line.split_once(words)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c)).unwrap_or(rest.len());
    let (number, unit) = rest.split_at(end);
    let number: f64 = number.parse().ok()?;
    Some(if unit.starts_with("ms") { number / 1000.0 } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_how_much_a_clock_was_set_is_read_from_each_clients_words() {
        for (line, words, want) in [
            ("2026-11-27T15:53:02Z System clock wrong by 60.000019 seconds (ignored)", "wrong by ", Some(60.000_019)),
            ("set local clock to Fri Nov 27 15:56:51 UTC 2026 (offset 60.000410s)", "(offset ", Some(60.000_41)),
            ("adjust (jump): +60.000 sec", "(jump): ", Some(60.0)),
            ("Jumped offset by 60000ms", "Jumped offset by ", Some(60.0)),
            ("Jumped offset by nothing", "Jumped offset by ", None),
            ("no such words", "Jumped offset by ", None),
        ] {
            assert_eq!(number_after(line, words), want, "{line}");
        }
    }
}
