//! What a broker finds missing when it looks at a process.

use orlop_dhcp_profiles::WORKER;
use orlop_sandbox::landlock::Enforced;
use orlop_sandbox::posture::{Posture, Status};

/// The gaps between `status` and the DHCP worker's profile, in words; empty when there are none. What a broker cannot observe
/// is taken to be claimed as it should be: an intruder would.
pub(crate) fn gaps(status: &Status) -> String {
    let claimed = Posture {
        status: status.clone(),
        allowed: u16::try_from(WORKER.syscalls.len()).unwrap_or(u16::MAX),
        denied: u16::try_from(WORKER.denied.len()).unwrap_or(u16::MAX),
        landlock: Enforced::Full { abi: 7 },
        empty_root: true,
        limited: true,
        open_files: 0,
    };
    claimed.meets(&WORKER).map_or_else(|gaps| gaps.to_string(), |()| String::new())
}
