//! What the tests of several packages share. It is a dev-dependency and nothing else: no program of ours is linked with it,
//! and `cargo xtask check` refuses a package that is.
//!
//! - [`page`]: a daemon's page and its help.
//! - [`seeds`]: a fuzz target's committed inputs, given to it by `cargo test` with the stable compiler.
//! - [`traces`]: a folder of text files, each of which is a test that a protocol person can read.
//!
//! Everything here panics when the repository is not as it should be, as tests do.
#![forbid(unsafe_code)]

mod folder;
pub mod page;
pub mod seeds;
pub mod traces;
