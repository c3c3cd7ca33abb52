//! The resolver between programs that ask and name servers that answer as a test wants, in namespaces: the scene that the tests in
//! `tests/` play on.
//!
//! The tests need root and the daemon's binaries (`cargo xtask build`); without them they say so, and fail with
//! `SYSTEM_TESTS=require`.
#![forbid(unsafe_code)]

pub mod difference;
mod program;
mod scene;
pub mod server;
pub mod unbound;
pub mod zone;

pub use program::{Answer, Question, STUB, address, raw};
pub use scene::{SOON, Scene, end, resolver, testbed};
pub use server::{Asked, Reply, Server};
