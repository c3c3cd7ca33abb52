//! The daemon under test.

use orlop_testbed::{Launch, Testbed, binaries};

/// The program that is started, which becomes supervisor and broker.
const BROKER: &str = "orlop-dhcp";
/// The worker's program.
const WORKER: &str = "orlop-dhcp-worker";
/// What the worker is called in a list of processes.
pub(crate) const WORKER_ARGV0: &str = "dhcp-worker";

/// Our DHCP client as a service, without arguments and configuration.
#[must_use]
pub fn dhcp() -> Launch {
    Launch::of(BROKER)
}

/// Whether its tests can run: [`Testbed::with`] both of its binaries and these programs.
///
/// # Panics
/// As [`Testbed::with`].
#[must_use]
pub fn testbed(programs: &[&str]) -> Option<Testbed> {
    let ours = binaries::paths(&[BROKER, WORKER]);
    let ours = ours.iter().map(String::as_str);
    Testbed::with(&programs.iter().copied().chain(ours).collect::<Vec<_>>())
}
