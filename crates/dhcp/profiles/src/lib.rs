//! The sandbox profiles of the DHCP daemon's two processes, shared by them and by the tests that attack them.
//!
//! [`WORKER`] hears and cannot speak; [`BROKER`] speaks and does not listen. Which system call is allowed to whom,
//! with which arguments and why, is in these two tables and in the ones of [`orlop_sandbox::seccomp`] that every
//! daemon shares. Nothing here parses anything, so a broker may depend on it.
#![forbid(unsafe_code)]

mod broker;
mod worker;

pub use broker::BROKER;
pub use worker::WORKER;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_profiles_are_complete() {
        for profile in [WORKER, BROKER] {
            assert_eq!(profile.incomplete(), None, "{}", profile.name);
        }
    }

    #[test]
    fn the_tables_stay_small() {
        for (profile, most) in [(WORKER, 18), (BROKER, 40)] {
            assert!(profile.syscalls.len() <= most, "{} allows {}", profile.name, profile.syscalls.len());
        }
    }

    #[test]
    fn no_system_call_stands_in_a_table_twice() {
        for profile in [WORKER, BROKER] {
            let mut allowed: Vec<_> = profile.syscalls.iter().map(|rule| rule.syscall).collect();
            let mut denied: Vec<_> = profile.denied.iter().map(|denied| denied.syscall).collect();
            for (what, table) in [("allowed", &mut allowed), ("denied", &mut denied)] {
                let all = table.len();
                table.sort_unstable();
                table.dedup();
                assert_eq!(table.len(), all, "{} of {}", what, profile.name);
            }
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
