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
    use orlop_sandbox::profile::{LISTENER_SLOTS, Pin, Value};

    use super::*;

    #[test]
    fn the_daemon_is_complete() {
        assert_eq!(DAEMON.incomplete(), None);
    }

    /// What gets the number of a listener could be sent anywhere through.
    #[test]
    fn only_listeners_send_to_an_address_and_none_lets_go_of_its_number() {
        let rule = |name: &str| WORKER.syscalls.iter().find(|rule| rule.syscall.name == name).unwrap();
        let addressed = rule("sendto").pins.iter().filter(|pins| !pins.contains(&Pin::new(4, Value::Null)));
        let descriptors: Vec<Vec<Pin>> = addressed.map(|pins| pins.to_vec()).collect();
        let listeners = LISTENER_SLOTS.map(|slot| Pin::fd(slot.fd));
        assert_eq!(descriptors.iter().map(|pins| pins[0]).collect::<Vec<_>>(), listeners);
        let [[closed]] = rule("close").pins else { panic!("close is pinned in one way") };
        let Value::AtLeast(least) = closed.is else { panic!("close has a least number") };
        assert!(LISTENER_SLOTS.iter().all(|slot| slot.fd.cast_unsigned() < least));
        for other in ["dup", "dup2", "dup3", "fcntl", "sendmsg", "sendmmsg"] {
            assert!(!WORKER.allows(other), "{other}");
        }
    }

    #[test]
    fn the_tables_stay_small() {
        for (profile, most) in [(WORKER, 19), (BROKER, 35)] {
            assert!(profile.syscalls.len() <= most, "{} allows {}", profile.name, profile.syscalls.len());
        }
    }
}
