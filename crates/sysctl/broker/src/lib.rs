//! The half of the sysctl applier that has the files: command line, supervisor and broker.
#![forbid(unsafe_code)]

pub mod command_line;
pub mod role;
pub mod sources;
pub mod tree;
