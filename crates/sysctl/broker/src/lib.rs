//! The half of the sysctl applier that has the files: command line, supervisor, broker, and the appliers that it forks.
#![forbid(unsafe_code)]

pub mod command_line;
pub mod follow;
pub mod lint;
pub mod reading;
pub mod report;
pub mod serve;
pub mod sources;
pub mod status;
pub mod supervise;
pub mod tree;
pub mod write;
