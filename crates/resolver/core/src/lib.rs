//! A stub resolver of DNS, without any I/O.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod cache;
mod chain;
mod flight;
mod header;
pub mod local;
mod name;
pub mod query;
mod question;
mod record;
pub mod reply;
pub mod resolver;
mod shares;
pub mod stored;
mod upstream;
