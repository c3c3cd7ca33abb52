//! The NTP client against real chronyd servers and scripted ones, in namespaces: the scene that the tests in `tests/` play on.
//!
//! The daemon keeps a [`Clock`] in a file right, never this machine's; a start without one has no capability to set it. The
//! servers show this machine's time, or lie by as much as a test wants.
//! The tests need root, the release binaries (`cargo xtask build`) and chronyd, which `cargo xtask setup` unpacks; without them
//! they say so, and fail with `SYSTEM_TESTS=require`.
#![forbid(unsafe_code)]

mod authority;
mod chrony;
mod clock;
mod daemon;
pub mod key_server;
mod names;
mod relay;
mod scene;
pub mod script;

pub use authority::{Authority, CA, Days, Identity};
pub use chrony::{Chrony, Lie};
pub use clock::Clock;
pub use daemon::{ntp, testbed};
pub use key_server::{KeyServer, Manner};
pub use names::Names;
pub use relay::{Passing, Relay};
pub use scene::{RIGHT, SOON, Scene, end, steps};
pub use script::Scripted;
