//! The resolver's user side and its broker: command line, configuration, and one module for each effect.
//!
//! [`serve`] is the loop that lets the worker's requests come so far, each through the policy of `orlop-resolver-contract`;
//! [`ownership`] has resolv.conf while the daemon runs. Nothing here reads a byte from the network.
#![forbid(unsafe_code)]

pub mod command_line;
pub mod config;
pub mod control;
pub mod hosts;
pub mod ownership;
pub mod serve;
pub mod servers;
pub mod settings;
pub mod status;
pub mod supervise;
pub mod verbs;

/// Status, the real servers as a resolv.conf, and what resolv.conf said before.
pub const OWN_FOLDER: &str = "/run/orlop/resolver";
