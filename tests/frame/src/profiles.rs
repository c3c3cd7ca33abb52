//! The daemon as data.

use orlop_sandbox::base;
use orlop_sandbox::daemon::{Bind, Daemon, Grant, Processes, Service, Worker};
use orlop_sandbox::profile::{BROKER_SLOTS, Ids, Profile, Rule, Slot, join, request_slot};
use orlop_sandbox::seccomp::{BROKER_BASE, BROKER_ORDERS};

/// The daemon.
pub const DAEMON: Daemon = Daemon {
    name: "tally",
    title: "tally",
    program: "orlop-tally",
    aliases: &[],
    broker: &BROKER,
    workers: &WORKERS,
    joined: &[],
    appliers: &[],
    lent: &[],
    capabilities: BROKER.keep,
    binds: &[
        Bind::shared("/run/orlop/tally"),
        Bind::shared("/run/orlop/control/tally"),
        Bind::shared("/run/orlop/metrics"),
    ],
    processes: Processes::Own,
    settings: &[],
};

const WORKERS: [Worker; 2] = [
    Worker { program: "orlop-tally-worker", profile: &WORKER, service: Service::Vital, grants: &[Grant::Datagram] },
    Worker { program: "orlop-tally-prime", profile: &PRIME, service: Service::Optional, grants: &[] },
];

/// The place of the optional one.
pub const PRIME_WORKER: usize = 1;

/// Hears numbers.
pub const WORKER: Profile =
    Profile { name: "tally-worker", ids: Ids { uid: 64_092, gid: 64_092 }, ..base::TIMELESS_WORKER };

/// Finds out whether a sum is prime, which takes its time: the broker asks it, and can do without.
pub const PRIME: Profile =
    Profile { name: "tally-prime", ids: Ids { uid: 64_091, gid: 64_091 }, ..base::UNGRANTED_WORKER };

/// Adds them up, and publishes the sum.
pub const BROKER: Profile = Profile { name: "tally-broker", slots: &SLOTS, syscalls: &BROKER_CALLS, ..base::BROKER };

/// One more for each optional worker.
const SLOTS: [Slot; BROKER_SLOTS.len() + 1] = join(&[&BROKER_SLOTS, &[request_slot(0)]]);

const BROKER_CALLS: [Rule; BROKER_BASE.len() + BROKER_ORDERS.len()] = join(&[&BROKER_BASE, &BROKER_ORDERS]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemon_is_complete() {
        assert_eq!(DAEMON.incomplete(), None);
    }
}
