//! The metadata fetcher as data: [`DAEMON`], with the sandbox profiles of its processes, shared by them, by its image, and by
//! the tests that attack them.
//!
//! [`NETWORK`] speaks with a metadata service, through one connection at a time, and has no disk; [`MEDIA`] reads disks, and
//! has no way to tell anybody what is on them but its broker; [`BROKER`] writes what they found, and reads none of it. Nothing
//! here parses anything, so a broker may depend on it.
#![forbid(unsafe_code)]

mod broker;
mod media;
mod network;

use orlop_sandbox::daemon::{Bind, Daemon, Grant, Processes, Service, Worker};

pub use broker::BROKER;
pub use media::{MAX_DISKS, MEDIA};
pub use network::NETWORK;

/// The metadata fetcher.
pub const DAEMON: Daemon = Daemon {
    name: "metadata",
    title: "metadata fetcher",
    program: "orlop-metadata",
    aliases: &["metadata"],
    broker: &BROKER,
    workers: &WORKERS,
    joined: &[],
    appliers: &[],
    lent: &[],
    capabilities: BROKER.keep,
    binds: &[
        Bind::shared("/run/config"),
        Bind::shared("/run/orlop/metadata"),
        Bind::shared("/run/orlop/metrics"),
        // Where a service is that has no address of its own.
        Bind::read_only("/run/orlop/netfacts"),
        // Its disks. What firmware says is in the /sys that every container has.
        Bind::read_only("/dev"),
    ],
    processes: Processes::Own,
    settings: &["/proc/sys/kernel/hostname"],
};

const WORKERS: [Worker; 2] = [
    Worker {
        program: "orlop-metadata-network",
        profile: &NETWORK,
        service: Service::Renewed,
        grants: &[Grant::Connected],
    },
    Worker { program: "orlop-metadata-media", profile: &MEDIA, service: Service::Optional, grants: &[Grant::Disk] },
];

/// The place of the worker that asks, which is started when there is somebody to ask, or user data to be read that the machine has.
pub const NETWORK_WORKER: usize = 0;

/// The place of the worker that reads disks, which is started when there are any.
pub const MEDIA_WORKER: usize = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemon_is_complete() {
        assert_eq!(DAEMON.incomplete(), None);
    }

    #[test]
    fn the_tables_stay_small() {
        for (profile, most) in [(NETWORK, 18), (MEDIA, 16), (BROKER, 37)] {
            assert!(profile.syscalls.len() <= most, "{} allows {}", profile.name, profile.syscalls.len());
        }
    }

    #[test]
    fn who_reads_disks_has_no_network_and_who_has_the_network_reads_no_disk() {
        assert!(MEDIA.allows("pread64") && !MEDIA.allows("read") && !MEDIA.allows("epoll_ctl"));
        assert!(NETWORK.allows("epoll_ctl") && !NETWORK.allows("pread64"));
    }

    #[test]
    fn nobody_mounts_and_nobody_writes_to_a_disk() {
        for profile in DAEMON.profiles() {
            for absent in ["mount", "ioctl", "sethostname", "pwritev", "linkat", "symlinkat"] {
                assert!(!profile.allows(absent), "{} may {absent}", profile.name);
            }
        }
        assert!(!MEDIA.allows("pwrite64") && !NETWORK.allows("pwrite64"));
    }
}
