//! The daemon under test.

use orlop_testbed::{Launch, Testbed, binaries};

use crate::chrony::{CHRONYD, FAKETIME};
use crate::clock::Clock;

/// The program that is started, which becomes supervisor and broker.
const BROKER: &str = "orlop-ntp";
/// The worker's program.
const WORKER: &str = "orlop-ntp-worker";
/// The program of the worker that looks up names; the supervisor opens it in any case.
const LOOKUP: &str = "orlop-ntp-lookup";
/// The program of the worker that exchanges keys; the same.
const KEYS: &str = "orlop-ntp-ke";
/// What the worker is called in a list of processes.
pub(crate) const WORKER_ARGV0: &str = "ntp-worker";

/// Our NTP client, as a service that keeps the clock in [`Clock::PLACE`] right; without a source.
#[must_use]
pub fn ntp() -> Launch {
    Launch::of(BROKER).args(["--mock-clock", Clock::PLACE])
}

/// Our program for a command to the running daemon; as a daemon of its own, it would keep the machine's clock.
#[must_use]
pub(crate) fn bare() -> Launch {
    Launch::of(BROKER)
}

/// Whether its tests can run: [`Testbed::with`] its binaries, chronyd and these programs.
///
/// # Panics
/// As [`Testbed::with`].
#[must_use]
pub fn testbed(programs: &[&str]) -> Option<Testbed> {
    let ours = binaries::paths(&[BROKER, WORKER, LOOKUP, KEYS]);
    let servers = [orlop_testbed::unpacked::program(CHRONYD), orlop_testbed::unpacked::library(FAKETIME)];
    let servers = servers.map(|path| path.to_string_lossy().into_owned());
    let needed = ours.iter().chain(&servers).map(String::as_str);
    Testbed::with(&programs.iter().copied().chain(needed).collect::<Vec<_>>())
}
