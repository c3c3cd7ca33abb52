//! Every daemon there is, for tests and tools: whoever goes through [`ALL`] need not name any.
//!
//! A new daemon adds itself there, and what its processes say on their channels to [`dialect::ALL`].
//!
//! No daemon depends on this: it would know all the others. What holds for each of them is tested here.
#![forbid(unsafe_code)]

pub mod dialect;

use orlop_sandbox::daemon::Daemon;

/// Every daemon, in the order of their names.
pub const ALL: &[&Daemon] = &[
    &orlop_dhcp_profiles::DAEMON,
    &orlop_metadata_profiles::DAEMON,
    &orlop_ntp_profiles::DAEMON,
    &orlop_resolver_profiles::DAEMON,
    &orlop_sysctl_profiles::DAEMON,
];

/// The daemon of that name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Daemon> {
    ALL.iter().copied().find(|daemon| daemon.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use orlop_sandbox::capability::CapabilitySet;
    use orlop_sandbox::profile::{Profile, Role, Syscall};

    use super::*;

    fn profiles() -> impl Iterator<Item = (&'static Daemon, &'static Profile)> {
        ALL.iter().flat_map(|daemon| daemon.profiles().map(|profile| (*daemon, profile)))
    }

    #[test]
    fn every_daemon_is_complete() {
        for daemon in ALL {
            assert_eq!(daemon.incomplete(), None, "{}", daemon.name);
        }
    }

    /// What is not on the list is not attacked, and nobody else would notice.
    #[test]
    fn every_daemon_of_the_tree_is_on_the_list_and_has_its_folders_and_pages() {
        let tree = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let folders = std::fs::read_dir(tree.join("crates")).unwrap().map(|entry| entry.unwrap());
        let daemons = folders.filter(|folder| folder.path().join("profiles/Cargo.toml").exists());
        let there: BTreeSet<String> = daemons.map(|folder| folder.file_name().display().to_string()).collect();
        assert_eq!(ALL.iter().map(|daemon| daemon.name.to_owned()).collect::<BTreeSet<_>>(), there);
        for name in there {
            for path in ["crates/NAME/README.md", "crates/NAME/STATUS.md", "packaging/images/NAME", "tests/NAME"] {
                let path = path.replace("NAME", &name);
                assert!(tree.join(&path).exists(), "there is no {path}");
            }
        }
    }

    #[test]
    fn the_list_is_in_order_and_names_nobody_twice() {
        let names: Vec<&str> = ALL.iter().map(|daemon| daemon.name).collect();
        let sorted: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(names, sorted.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_daemon_is_found_by_its_name_in_everything_it_has() {
        for daemon in ALL {
            let name = daemon.name;
            assert_eq!(daemon.program, format!("orlop-{name}"));
            for worker in daemon.workers {
                assert!(worker.program.starts_with(&format!("orlop-{name}-")), "{}", worker.program);
            }
            for profile in daemon.profiles() {
                assert!(profile.name.starts_with(&format!("{name}-")), "{}", profile.name);
            }
            for shared in [format!("/run/orlop/{name}"), "/run/orlop/metrics".to_owned()] {
                assert!(daemon.binds.iter().any(|bind| bind.path == shared && !bind.read_only), "{name}: {shared}");
            }
        }
    }

    /// Whoever has the folder of a daemon's socket can give it orders.
    #[test]
    fn no_container_shares_the_control_folder_of_another_daemon() {
        for daemon in ALL {
            let own = format!("/run/orlop/control/{}", daemon.name);
            for bind in daemon.binds {
                let holds = |path: &str| format!("{path}/").starts_with(&format!("{}/", bind.path));
                assert!(
                    bind.path == own || !bind.path.starts_with("/run/orlop/control"),
                    "{}: {}",
                    daemon.name,
                    bind.path
                );
                assert!(bind.path == own || !holds(&own), "{}: {} holds every control folder", daemon.name, bind.path);
            }
        }
        assert!(named("dhcp").is_some_and(|dhcp| dhcp.binds.iter().any(|bind| bind.path == "/run/orlop/control/dhcp")));
    }

    /// Whoever shares a user with another process can end it, and read its memory where nothing else forbids it.
    #[test]
    fn no_two_processes_without_root_share_a_user() {
        let mut users: BTreeMap<u32, &str> = BTreeMap::new();
        for (_, Profile { name, ids, .. }) in profiles().filter(|(_, profile)| profile.ids.uid != 0) {
            assert_eq!(ids.uid, ids.gid, "{name}");
            // 64100 and below are for tests.
            assert!((64_101..64_200).contains(&ids.uid), "{name} is {}", ids.uid);
            assert_eq!(users.insert(ids.uid, name), None, "{name} and another are {}", ids.uid);
        }
        assert!(users.len() >= ALL.len());
        // Nobody runs as one of these; who did could use up what is counted for the daemon.
        for daemon in ALL {
            assert!((64_601..64_700).contains(&daemon.account()), "{} is {}", daemon.name, daemon.account());
            assert_eq!(users.insert(daemon.account(), daemon.name), None, "{}", daemon.name);
        }
    }

    #[test]
    fn no_system_call_stands_in_a_table_twice() {
        for (_, profile) in profiles() {
            let allowed: Vec<Syscall> = profile.syscalls.iter().map(|rule| rule.syscall).collect();
            let denied: Vec<Syscall> = profile.denied.iter().map(|denied| denied.syscall).collect();
            for (what, table) in [("allowed", allowed), ("denied", denied)] {
                let distinct: BTreeSet<_> = table.iter().collect();
                assert_eq!(distinct.len(), table.len(), "{what} of {}", profile.name);
            }
        }
    }

    #[test]
    fn a_container_is_granted_what_its_broker_keeps_and_nothing_that_nobody_uses() {
        for daemon in ALL {
            let granted: CapabilitySet = daemon.capabilities.iter().copied().collect();
            let used = daemon.broker.keep.iter().chain(daemon.lent).copied().collect::<CapabilitySet>();
            assert!(granted.contains(daemon.broker.capabilities()), "{}: {granted}", daemon.name);
            assert!(used.contains(granted), "{}: {granted} of {used}", daemon.name);
            let kept: CapabilitySet = daemon.appliers.iter().flat_map(|applier| applier.keep).copied().collect();
            assert_eq!(
                kept,
                daemon.lent.iter().copied().collect(),
                "{}: what is lent is what appliers keep",
                daemon.name
            );
        }
    }

    #[test]
    fn only_a_broker_and_appliers_are_root() {
        for (_, profile) in profiles().filter(|(_, profile)| profile.ids.uid == 0) {
            assert!(matches!(profile.role, Role::Broker | Role::Applier), "{}", profile.name);
        }
    }

    #[test]
    fn a_name_that_nobody_has_finds_nobody() {
        assert_eq!(named("dhcp").map(|daemon| daemon.program), Some("orlop-dhcp"));
        assert_eq!(named("no-such-daemon"), None);
    }
}
