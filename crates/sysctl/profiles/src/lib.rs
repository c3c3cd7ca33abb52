//! The sysctl applier as data: [`DAEMON`], with the sandbox profiles of its processes, shared by them, by its image, and by
//! the tests that attack them.
//!
//! [`WORKER`] reads text and can do nothing; [`BROKER`] has the files and no power; each of [`APPLIERS`] has at most one
//! power and nothing that it could name. Which system call is allowed to whom, with which arguments and why, is in these
//! tables and in the ones of [`orlop_sandbox::seccomp`] that every daemon shares. Nothing here parses anything, so a
//! broker may depend on it.
#![forbid(unsafe_code)]

mod applier;
mod broker;
mod worker;

use orlop_sandbox::capability::Capability;
use orlop_sandbox::daemon::{Bind, Daemon, Processes, Service, Worker};
use orlop_sandbox::profile::Profile;

pub use applier::{APPLIER_ADMIN, APPLIER_NET, APPLIER_PTRACE, APPLIER_RAWIO, APPLIER_RESOURCE, APPLIER_ROOT};
pub use broker::{BROKER, BROKER_RESOURCE, LINT_BROKER};
pub use worker::{LINT_WORKER, WORKER};

/// The sysctl applier.
pub const DAEMON: Daemon = Daemon {
    name: "sysctl",
    title: "sysctl applier",
    program: "orlop-sysctl",
    aliases: &["sysctl"],
    broker: &BROKER,
    workers: &WORKERS,
    joined: &[],
    appliers: &APPLIERS,
    lent: &LENT,
    // What LinuxKit grants. The others that are lent are the user's to add.
    capabilities: &[Capability::SysAdmin, Capability::NetAdmin],
    binds: &[Bind::shared("/run/orlop/sysctl"), Bind::shared("/run/orlop/metrics")],
    // Settings belong to namespaces, some of them to that of processes: these are the machine's own.
    processes: Processes::Machine,
    settings: &[],
};

const WORKERS: [Worker; 1] =
    [Worker { program: "orlop-sysctl-worker", profile: &WORKER, service: Service::Vital, grants: &[] }];

/// The part of it that an ordinary user can run: it reads the text and looks at values, and there is nothing in it that writes.
pub const LINT: Daemon = Daemon {
    name: "sysctl-lint",
    broker: &LINT_BROKER,
    workers: &LINT_WORKERS,
    appliers: &[],
    lent: &[],
    capabilities: &[],
    binds: &[],
    ..DAEMON
};

const LINT_WORKERS: [Worker; 1] = [Worker { profile: &LINT_WORKER, ..WORKERS[0] }];

/// Every applier there can be: each runs only where its capability was granted.
pub const APPLIERS: [&Profile; 6] =
    [&APPLIER_ROOT, &APPLIER_NET, &APPLIER_ADMIN, &APPLIER_RAWIO, &APPLIER_RESOURCE, &APPLIER_PTRACE];

/// What a supervisor lends its broker for the appliers, as far as it has it; none is needed to run.
pub const LENT: [Capability; 5] =
    [Capability::NetAdmin, Capability::SysAdmin, Capability::SysRawio, Capability::SysResource, Capability::SysPtrace];

#[cfg(test)]
mod tests {
    use orlop_sandbox::profile::{Layers, Role};

    use super::*;

    #[test]
    fn the_tables_stay_small() {
        for (what, profile, most) in [("worker", WORKER, 16), ("broker", BROKER, 32), ("applier", APPLIER_ROOT, 12)] {
            assert!(profile.syscalls.len() <= most, "{what} allows {}", profile.syscalls.len());
        }
    }

    #[test]
    fn appliers_differ_in_who_they_are_and_in_nothing_else() {
        for applier in APPLIERS {
            let Profile { name: _, ids: _, keep: _, .. } = APPLIER_ROOT;
            let as_root = Profile { name: applier.name, ids: applier.ids, keep: applier.keep, ..APPLIER_ROOT };
            assert_eq!(*applier, as_root, "{}", applier.name);
            assert_eq!(applier.role, Role::Applier, "{}", applier.name);
        }
        let kept: Vec<Capability> = APPLIERS.iter().flat_map(|applier| applier.keep).copied().collect();
        assert_eq!(kept, LENT, "what is lent is what they keep");
    }

    #[test]
    fn who_only_looks_has_nobody_who_writes_and_differs_in_what_takes_privilege_alone() {
        assert_eq!(LINT.incomplete(), None);
        assert!(LINT.appliers.is_empty() && LINT.lent.is_empty() && LINT.capabilities.is_empty());
        for (lint, whole) in [(LINT_WORKER, WORKER), (LINT_BROKER, BROKER)] {
            assert_eq!(Profile { name: whole.name, layers: Layers::ALL, ..lint }, whole);
            assert_eq!(lint.layers, Layers::UNPRIVILEGED);
        }
        assert_eq!(LINT_WORKERS.map(|worker| worker.program), WORKERS.map(|worker| worker.program), "the same parser");
    }

    #[test]
    fn an_applier_can_write_only_what_it_is_handed() {
        for absent in ["openat", "openat2", "socket", "ioctl", "recvfrom", "sendmsg", "pwritev", "dup", "fcntl", "read"]
        {
            assert!(!APPLIER_ROOT.allows(absent), "{absent} is allowed");
        }
        for pinned in ["pwrite64", "close", "write", "sendto"] {
            let rule = APPLIER_ROOT.syscalls.iter().find(|rule| rule.syscall.name == pinned).expect("in the table");
            assert!(!rule.pins.is_empty(), "{pinned} has no pins");
            assert!(rule.pins.iter().all(|pins| pins.iter().any(|pin| pin.arg == 0)), "{pinned} on any descriptor");
        }
    }

    #[test]
    fn a_broker_makes_no_socket_and_no_process_and_empties_no_file() {
        for absent in
            ["socket", "socketpair", "connect", "fork", "clone", "ftruncate", "truncate", "linkat", "symlinkat"]
        {
            assert!(!BROKER.allows(absent), "{absent} is allowed");
        }
    }
}
