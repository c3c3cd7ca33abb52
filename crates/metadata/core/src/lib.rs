//! Metadata of clouds and of seed disks: bytes to what a machine is told about itself.
//!
//! Everything here is read from strangers: answers over HTTP, file systems of disks, documents. Two kinds of sources end in the
//! same value, [`Facts`], and that becomes files below `/run/config`.
//!
//! Pure: no clock, socket, file or environment.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod base64;
mod facts;
pub mod fetch;
pub mod gzip;
pub mod http;
pub mod json;
pub mod left_out;
pub mod media;
pub mod provider;
pub mod seed;
pub mod ssh_key;
pub mod tree;
pub mod xml;
pub mod yaml;

pub use facts::Facts;
