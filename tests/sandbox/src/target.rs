//! Whose sandbox is attacked.

use orlop_sandbox::capability::Capability;
use orlop_sandbox::fatal::Fatal;
use orlop_sandbox::privileges::is_permitted;
use orlop_sandbox::profile::{Profile, Role};
use orlop_sysctl_profiles::{
    APPLIER_ADMIN, APPLIER_NET, APPLIER_PTRACE, APPLIER_RAWIO, APPLIER_RESOURCE, APPLIER_ROOT,
};

use crate::attack::{Attack, End};
use crate::contract::Contract;

/// One process of a daemon, as it ships.
#[derive(Debug)]
pub struct Target {
    /// How a person names it, and how the attacking process, which inherits no memory, finds it again.
    pub key: &'static str,
    /// What it is, in words.
    pub title: &'static str,
    /// Its profile.
    pub profile: &'static Profile,
    /// The messages that it may send on its channel.
    pub contract: Contract,
    /// Attacks that end otherwise than under a worker's profile.
    otherwise: &'static [(&'static str, End)],
}

/// Every target; the first is the one that is meant when none is named.
pub const TARGETS: [Target; 8] = [
    worker("dhcp-worker", "DHCP worker", &orlop_dhcp_profiles::WORKER, Contract::Dhcp, &[]),
    worker("sysctl-worker", "sysctl worker", &orlop_sysctl_profiles::WORKER, Contract::Sysctl, SYSCTL_OTHERWISE),
    applier("root applier", &APPLIER_ROOT),
    applier("net applier (CAP_NET_ADMIN)", &APPLIER_NET),
    applier("admin applier (CAP_SYS_ADMIN)", &APPLIER_ADMIN),
    applier("rawio applier (CAP_SYS_RAWIO)", &APPLIER_RAWIO),
    applier("resource applier (CAP_SYS_RESOURCE)", &APPLIER_RESOURCE),
    applier("ptrace applier (CAP_SYS_PTRACE)", &APPLIER_PTRACE),
];

const fn worker(
    key: &'static str,
    title: &'static str,
    profile: &'static Profile,
    contract: Contract,
    otherwise: &'static [(&'static str, End)],
) -> Target {
    Target { key, title, profile, contract, otherwise }
}

/// Where the worker that is granted nothing differs: it reads nothing but its channel.
const SYSCTL_OTHERWISE: &[(&str, End)] = &[("leaked-file", End::Refused(libc::ENOSYS))];

const fn applier(title: &'static str, profile: &'static Profile) -> Target {
    Target { key: profile.name, title, profile, contract: Contract::Trials, otherwise: APPLIERS_OTHERWISE }
}

/// Where appliers differ: they read and write what they are handed, and nobody looks at what they end with.
const APPLIERS_OTHERWISE: &[(&str, End)] = &[
    ("read-granted-file", End::Purpose("it reads what it is handed")),
    ("write-granted-file", End::Purpose("it writes what it is handed")),
    ("end-for-good", End::Contained("its status is nobody's business")),
    // The call is allowed, and the kernel's own refusal is left.
    ("packet-pwrite", End::Refused(libc::ESPIPE)),
    ("udp-pwrite", End::Refused(libc::ESPIPE)),
    // The call is allowed, but not on the log.
    ("rewrite-log", End::Refused(libc::ENOSYS)),
    // It reads only at a position, and may not even ask what time it is.
    ("leaked-file", End::Refused(libc::ENOSYS)),
    ("set-clock", End::Refused(libc::ENOSYS)),
];

impl Target {
    /// The target of that key.
    #[must_use]
    pub fn by_key(key: &str) -> Option<&'static Self> {
        static ALL: [Target; TARGETS.len()] = TARGETS;
        ALL.iter().find(|target| target.key == key)
    }

    /// How `attack` must end here when the sandbox holds.
    #[must_use]
    pub fn end(&self, attack: &Attack) -> End {
        self.otherwise.iter().find(|(name, _)| *name == attack.name).map_or(attack.end, |(_, end)| *end)
    }

    /// The capability that the target has and this process cannot give it, if there is one.
    ///
    /// # Errors
    /// None on a kernel that works.
    pub fn missing(&self) -> Result<Option<Capability>, Fatal> {
        for capability in self.profile.keep {
            if !is_permitted(*capability)? {
                return Ok(Some(*capability));
            }
        }
        Ok(None)
    }

    /// Whether it is an applier of a broker, and no worker.
    #[must_use]
    pub fn is_applier(&self) -> bool {
        self.profile.role == Role::Applier
    }

    /// Whether packet listeners are among what it is granted.
    #[must_use]
    pub fn listens(&self) -> bool {
        self.contract == Contract::Dhcp
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack;

    #[test]
    fn every_target_has_its_own_key_and_every_exception_an_attack() {
        for target in &TARGETS {
            assert_eq!(TARGETS.iter().filter(|other| other.key == target.key).count(), 1, "{}", target.key);
            for (name, end) in target.otherwise {
                let attack = attack::named(name).unwrap_or_else(|| panic!("there is no attack {name}"));
                assert_ne!(attack.end, *end, "{name} is no exception");
            }
        }
    }
}
