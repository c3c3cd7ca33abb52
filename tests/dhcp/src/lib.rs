//! The DHCP daemon against real and scripted servers, in network namespaces: the scene that the tests in `tests/` play on.
//!
//! Every test is one behaviour that a user would miss. Where a behaviour is not ours alone, the scenario is played by
//! Debian's clients too: that proves the server side of the test, and that ours does what others do.
//! They need root and the release binaries (`cargo xtask build`); without them they say so, and fail with `SYSTEM_TESTS=require`.
#![forbid(unsafe_code)]

mod daemon;
mod players;
mod scene;

pub use daemon::{dhcp, testbed};
pub use players::{Player, players};
pub use scene::{ADDRESS, SERVER, SOON, Scene, lease_of, leased, leased_on, unleased};
