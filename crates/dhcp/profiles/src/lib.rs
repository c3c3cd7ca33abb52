//! The DHCP client as data: [`DAEMON`], with the sandbox profiles of its processes, shared by them, by its image, and by the
//! tests that attack them.
//!
//! [`WORKER`] hears and cannot speak; [`BROKER`] speaks and does not listen. Which system call is allowed to whom,
//! with which arguments and why, is in these two tables and in the ones of [`orlop_sandbox::seccomp`] that every
//! daemon shares. Nothing here parses anything, so a broker may depend on it.
#![forbid(unsafe_code)]

mod broker;
mod worker;

use orlop_sandbox::daemon::{Bind, Daemon, Grant, Processes, Service, Worker};

pub use broker::BROKER;
pub use worker::WORKER;

/// The DHCP client.
pub const DAEMON: Daemon = Daemon {
    name: "dhcp",
    title: "DHCP daemon",
    program: "orlop-dhcp",
    aliases: &["dhcpcd"],
    broker: &BROKER,
    workers: &WORKERS,
    joined: &[],
    appliers: &[],
    lent: &[],
    capabilities: BROKER.keep,
    // resolv.conf is bound where it is, and not over /etc as LinuxKit's dhcpcd image does: both forms of the daemon look
    // there first, and /etc stays the image's, so that /etc/orlop/dhcp.toml can be seen, and bound.
    binds: &[
        Bind::shared("/run/resolvconf"),
        Bind::shared("/run/orlop/dhcp"),
        Bind::shared("/run/orlop/control/dhcp"),
        Bind::shared("/run/orlop/claim"),
        Bind::shared("/run/orlop/netfacts"),
        Bind::shared("/run/orlop/metrics"),
    ],
    processes: Processes::Own,
    settings: &["/proc/sys/kernel/hostname"],
};

const WORKERS: [Worker; 1] =
    [Worker { program: "orlop-dhcp-worker", profile: &WORKER, service: Service::Vital, grants: &[Grant::Listener] }];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_stay_small() {
        for (profile, most) in [(WORKER, 18), (BROKER, 40)] {
            assert!(profile.syscalls.len() <= most, "{} allows {}", profile.name, profile.syscalls.len());
        }
    }

    #[test]
    fn a_worker_can_send_only_to_its_broker() {
        let names: Vec<&str> = WORKER.syscalls.iter().map(|rule| rule.syscall.name).collect();
        for speaking in ["writev", "sendmsg", "sendmmsg", "pwritev", "splice", "sendfile", "connect", "setsockopt"] {
            assert!(!names.contains(&speaking), "{speaking} is allowed");
        }
        for pinned in ["write", "sendto"] {
            let rule = WORKER.syscalls.iter().find(|rule| rule.syscall.name == pinned).expect("in the table");
            assert!(!rule.pins.is_empty(), "{pinned} has no pins");
            assert!(rule.pins.iter().all(|pins| pins.iter().any(|pin| pin.arg == 0)), "{pinned} to any descriptor");
        }
    }
}
