//! The half of the metadata fetcher that acts: command line, supervisor, and the broker, which finds out where the machine runs,
//! opens connections and disks for its workers, and writes what they found.
//!
//! It reads neither a byte of an answer nor a sector of a disk. Start at [`serve`]; [`tree`] is what appears below `/run/config`.
#![forbid(unsafe_code)]

pub mod command_line;
pub mod disks;
pub mod evidence;
pub mod route;
pub mod serve;
pub mod status;
pub mod supervise;
pub mod tree;
pub mod verbs;

/// Where others find what a machine is told.
pub const CONFIG_FOLDER: &str = "/run/config";

/// The status.
pub const OWN_FOLDER: &str = "/run/orlop/metadata";
