//! The sysctl applier beside systemd-sysctl, procps and busybox, in namespaces: the place that the tests in `tests/` play in.
//!
//! Only settings that belong to a network, UTS or IPC namespace are ever changed, and only inside one: see [`settings`].
//! The tests need root, the release binaries (`cargo xtask build`) and the three other programs; without them they say so,
//! and fail with `SYSTEM_TESTS=require`.
//!
//! Start with [`Place`], then [`Program`]; [`generate::tree`] makes the configurations of the differential test.
#![forbid(unsafe_code)]

mod audit;
pub mod chance;
pub mod difference;
pub mod generate;
mod place;
mod program;
pub mod settings;
mod strace;
mod tree;

pub use audit::{Audit, Record};
pub use chance::Chance;
pub use place::Place;
pub use program::{LABEL, Program, Ran, SOON};
pub use settings::Snapshot;
pub use strace::{Strace, TracedCall};
pub use tree::{Content, DIRECTORIES, File, Tree};
