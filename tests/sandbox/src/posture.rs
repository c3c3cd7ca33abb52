//! What a broker finds missing when it looks at a process.

use orlop_sandbox::landlock::Enforced;
use orlop_sandbox::posture::{Posture, Status};
use orlop_sandbox::profile::Profile;

/// The gaps between `status` and `profile`, in words; empty when there are none. What a broker cannot observe
/// is taken to be claimed as it should be: an intruder would.
pub(crate) fn gaps(profile: &Profile, status: &Status) -> String {
    let claimed = Posture {
        status: status.clone(),
        allowed: u16::try_from(profile.syscalls.len()).unwrap_or(u16::MAX),
        denied: u16::try_from(profile.denied.len()).unwrap_or(u16::MAX),
        landlock: Enforced::Full { abi: 7 },
        empty_root: true,
        limited: true,
        open_files: 0,
    };
    claimed.meets(profile).map_or_else(|gaps| gaps.to_string(), |()| String::new())
}
