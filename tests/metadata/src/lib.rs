//! What the tests of the metadata fetcher share: a cloud that is a namespace with a scripted service in it ([`cloud`], [`aws`]), the
//! machine that runs there ([`scene`]), and the disks that others make ([`disk`]).
#![forbid(unsafe_code)]

pub mod aws;
pub mod cloud;
pub mod disk;
pub mod scene;

use std::time::Duration;

pub use cloud::{Answer, Cloud};
pub use scene::{Ran, Scene};

use orlop_testbed::{Launch, Testbed, binaries};

/// Far longer than anything here takes, so that only a defect and not a busy machine uses it up.
pub const SOON: Duration = Duration::from_secs(30);

/// What the image's label grants: the supervisor's five, and the broker's one.
const LABEL: &str = "-all,+setuid,+setgid,+setpcap,+sys_chroot,+kill,+net_bind_service";

/// The daemon, without arguments, with the capabilities of its image.
#[must_use]
pub fn metadata() -> Launch {
    Launch::of("orlop-metadata").contained(LABEL)
}

/// Whether the tests can run here; the reason was printed if not.
#[must_use]
pub fn testbed(programs: &[&str]) -> Option<Testbed> {
    let ours = binaries::paths(&["orlop-metadata", "orlop-metadata-network", "orlop-metadata-media"]);
    let all: Vec<&str> = ours.iter().map(String::as_str).chain(["setpriv"]).chain(programs.iter().copied()).collect();
    Testbed::with(&all)
}
