//! The DNS resolver as data: [`DAEMON`], with the sandbox profiles of its processes, shared by them, by its image, and by the
//! tests that attack them.
//!
//! [`WORKER`] hears the programs of this machine and asks the servers, through sockets that it was granted; [`BROKER`] opens these
//! sockets, owns resolv.conf, and hears nobody. Nothing here parses anything, so a broker may depend on it.
#![forbid(unsafe_code)]

mod broker;
mod worker;

use orlop_sandbox::daemon::{Bind, Daemon, Grant, Processes, Service, Worker};

pub use broker::BROKER;
pub use worker::WORKER;

/// The DNS resolver.
pub const DAEMON: Daemon = Daemon {
    name: "resolver",
    title: "DNS resolver",
    program: "orlop-resolver",
    aliases: &[],
    broker: &BROKER,
    workers: &WORKERS,
    joined: &[],
    appliers: &[],
    lent: &[],
    capabilities: BROKER.keep,
    binds: &[
        Bind::shared("/run/resolvconf"),
        Bind::read_only("/run/orlop/netfacts"),
        Bind::shared("/run/orlop/claim"),
        Bind::shared("/run/orlop/resolver"),
        Bind::shared("/run/orlop/control/resolver"),
        Bind::shared("/run/orlop/metrics"),
    ],
    processes: Processes::Own,
    settings: &[],
};

const WORKERS: [Worker; 1] = [Worker {
    program: "orlop-resolver-worker",
    profile: &WORKER,
    // The broker keeps the listeners and resolv.conf meanwhile: who asks waits a moment longer, and nothing else.
    service: Service::Renewed,
    grants: &[Grant::Answering, Grant::Accepting, Grant::Connected],
}];

/// The place of the worker that serves this machine.
pub const LOOPBACK_WORKER: usize = 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemon_is_complete() {
        assert_eq!(DAEMON.incomplete(), None);
    }

    #[test]
    fn the_tables_stay_small() {
        for (profile, most) in [(WORKER, 19), (BROKER, 35)] {
            assert!(profile.syscalls.len() <= most, "{} allows {}", profile.name, profile.syscalls.len());
        }
    }
}
