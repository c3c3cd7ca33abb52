//! What processes say on their channels, for tests that speak in their place.

use orlop_sandbox::channel::accepts;
use orlop_sandbox::profile::Profile;

/// What some processes may say to their broker.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// The names of their profiles.
    pub processes: &'static [&'static str],
    /// A good message: what it means stands beside it in the list.
    pub good: &'static [u8],
    /// The same in other bytes: a number that is longer than it needs to be.
    pub not_canonical: &'static [u8],
    /// Whether their broker's decoder takes it.
    pub accepts: fn(&[u8]) -> bool,
}

/// Every one.
pub const ALL: &[Dialect] = &[
    Dialect {
        processes: &["dhcp-worker"],
        // Withdraw the lease of interface 1, because of a NAK.
        good: &[2, 1, 1],
        not_canonical: &[2, 0x81, 0x00, 1],
        accepts: accepts::<orlop_dhcp_contract::Request>,
    },
    Dialect {
        processes: &["metadata-network", "metadata-media"],
        // There is nothing, because nobody answers.
        good: &[7, 1],
        not_canonical: &[7, 0x81, 0x00],
        accepts: accepts::<orlop_metadata_contract::Request>,
    },
    Dialect {
        processes: &["ntp-worker"],
        // Let the clock run as its crystal does.
        good: &[1, 0, 0],
        not_canonical: &[1, 0x80, 0x00, 0],
        accepts: accepts::<orlop_ntp_contract::Request>,
    },
    Dialect {
        processes: &["ntp-lookup"],
        // The first name does not exist.
        good: &[2, 0, 0],
        not_canonical: &[2, 0, 0x80, 0x00],
        accepts: accepts::<orlop_lookup_contract::Request>,
    },
    Dialect {
        processes: &["ntp-ke"],
        // The server has reported error 1.
        good: &[1, 14, 1],
        not_canonical: &[1, 14, 0x81, 0x00],
        accepts: accepts::<orlop_ntp_contract::KeyRequest>,
    },
    Dialect {
        processes: &["resolver-worker"],
        // A stream to the first server, which is called 7.
        good: &[1, 0, 7],
        not_canonical: &[1, 0, 0x87, 0x00],
        accepts: accepts::<orlop_resolver_contract::Request>,
    },
    Dialect {
        processes: &["sysctl-worker"],
        // Done, and nothing was left unsaid; in front, as of each message that may be longer than a frame, its length.
        good: &[2, 0, 0, 0, 3, 0],
        not_canonical: &[3, 0, 0, 0, 3, 0x80, 0x00],
        accepts: accepts::<orlop_sysctl_contract::Request>,
    },
    Dialect {
        processes: &["sysctl-root", "sysctl-net", "sysctl-admin", "sysctl-rawio", "sysctl-resource", "sysctl-ptrace"],
        // Nothing read, nothing written.
        good: &[3, 0, 0, 0, 0, 0, 0],
        not_canonical: &[4, 0, 0, 0, 0, 0x80, 0x00, 0],
        accepts: accepts::<orlop_sysctl_contract::Trial>,
    },
];

/// What the process of this profile may say.
#[must_use]
pub fn of(profile: &Profile) -> Option<&'static Dialect> {
    ALL.iter().find(|dialect| dialect.processes.contains(&profile.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_but_the_brokers_has_one() {
        let mut spoken = 0;
        for daemon in crate::ALL {
            for profile in daemon.profiles().filter(|profile| profile.name != daemon.broker.name) {
                assert!(of(profile).is_some(), "{}", profile.name);
                spoken += 1;
            }
        }
        assert_eq!(ALL.iter().map(|dialect| dialect.processes.len()).sum::<usize>(), spoken, "somebody is named twice");
    }

    #[test]
    fn a_good_message_is_accepted_so_that_a_refusal_means_something() {
        for Dialect { processes, good, not_canonical, accepts } in ALL {
            assert!(accepts(good), "{processes:?}");
            assert!(!accepts(not_canonical), "{processes:?}");
        }
    }
}
