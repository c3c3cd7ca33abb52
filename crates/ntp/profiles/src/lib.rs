//! The NTP client as data: [`DAEMON`], with the sandbox profiles of its processes, shared by them, by its image, and by the
//! tests that attack them.
//!
//! [`WORKER`] speaks with servers, through sockets that are connected to one each, and cannot touch the clock; [`LOOKUP`] asks
//! name servers where those of a name are; [`KEYS`] exchanges keys over TLS, where NTS is asked for; [`BROKER`] owns the clock and hears nobody. Nothing here parses anything, so a broker may depend on it.
#![forbid(unsafe_code)]

mod broker;
mod keys;
mod lookup;
mod worker;

use orlop_sandbox::daemon::{Bind, Daemon, Grant, Processes, Service, Worker};

pub use broker::BROKER;
pub use keys::KEYS;
pub use lookup::LOOKUP;
pub use worker::WORKER;

/// The NTP client.
pub const DAEMON: Daemon = Daemon {
    name: "ntp",
    title: "NTP client",
    program: "orlop-ntp",
    aliases: &["ntpd"],
    broker: &BROKER,
    workers: &WORKERS,
    joined: &[],
    appliers: &[],
    lent: &[],
    capabilities: BROKER.keep,
    binds: &[
        Bind::read_only("/run/resolvconf"),
        Bind::read_only("/run/orlop/netfacts"),
        Bind::shared("/run/orlop/ntp"),
        Bind::shared("/run/orlop/control/ntp"),
        Bind::shared("/run/orlop/metrics"),
    ],
    processes: Processes::Own,
    settings: &[],
};

const WORKERS: [Worker; 3] = [
    Worker { program: "orlop-ntp-worker", profile: &WORKER, service: Service::Vital, grants: &[Grant::Connected, Grant::Joint] },
    Worker { program: "orlop-ntp-lookup", profile: &LOOKUP, service: Service::Optional, grants: &[Grant::Connected] },
    Worker {
        program: "orlop-ntp-ke",
        profile: &KEYS,
        service: Service::Optional,
        grants: &[Grant::Connected, Grant::Joint, Grant::File],
    },
];

/// The place of the worker that looks up names, which is started when there is a name.
pub const LOOKUP_WORKER: usize = 1;

/// The place of the worker that exchanges keys, which is started for each exchange.
pub const KEYS_WORKER: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemon_is_complete() {
        assert_eq!(DAEMON.incomplete(), None);
    }

    #[test]
    fn the_tables_stay_small() {
        for (profile, most) in [(WORKER, 18), (LOOKUP, 18), (KEYS, 19), (BROKER, 35)] {
            assert!(profile.syscalls.len() <= most, "{} allows {}", profile.name, profile.syscalls.len());
        }
    }

    #[test]
    fn only_the_broker_touches_the_clock_and_with_three_calls_at_most() {
        let clock = ["adjtimex", "clock_adjtime", "clock_settime", "settimeofday"];
        let touches = |profile: &orlop_sandbox::profile::Profile| {
            profile.syscalls.iter().filter(|rule| clock.contains(&rule.syscall.name)).count()
        };
        assert_eq!([WORKER, LOOKUP, KEYS].map(|worker| touches(&worker)), [0; 3]);
        assert!((1..=3).contains(&touches(&BROKER)));
    }
}
