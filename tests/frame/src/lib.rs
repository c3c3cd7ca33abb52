//! `orlop-tally`, the smallest daemon: it hears numbers on a UDP port of the loopback, and publishes their sum.
//!
//! Nobody needs it. It is here as a test of the frame that all daemons stand on, and as the place to look at before making a
//! new one: each module stands for the package that a real daemon has in its place, and has nothing that it could do without.
//!
//! | here | a real daemon | what it is |
//! |---|---|---|
//! | [`contract`] | `crates/NAME/contract` | what the worker may ask, and what the broker permits |
//! | [`core`] | `crates/NAME/core` | hostile bytes to values, and what to do about them |
//! | [`profiles`] | `crates/NAME/profiles` | `DAEMON`: the daemon as data |
//! | [`worker`] | `crates/NAME/worker` | the ladder, and a loop |
//! | [`prime`] | another `[[bin]]` of `crates/NAME/worker` | a worker that the daemon can do without |
//! | [`broker`] | `crates/NAME/broker` | command line, and one module per effect |
//!
//! The steps are in `crates/README.md`, "A new daemon".
#![forbid(unsafe_code)]

pub mod broker;
pub mod contract;
pub mod core;
pub mod prime;
pub mod profiles;
pub mod worker;
