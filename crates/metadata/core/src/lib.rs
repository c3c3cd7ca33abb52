//! Metadata of clouds and of seed disks: bytes to what a machine is told about itself.
//!
//! Everything here is read from strangers: answers over HTTP, file systems of disks, documents. Two kinds of sources end in the
//! same value, [`Facts`], and that becomes files below `/run/config`, a [`tree::Tree`].
//!
//! Start at [`fetch::Fetch`], the machine that asks a [`provider::Source`], or at [`seed::read`], which reads a disk. Covers of
//! HTTP what a client of such services needs (RFC 9110, RFC 9112), and leaves out redirects, content codings and TLS.
//!
//! Pure: no clock, socket, file or environment. Never executes user data, never writes out a value in an error, never holds more
//! than the bounds beside each parser allow.
//!
//! ```
//! use orlop_metadata_core::{Facts, tree::Tree};
//!
//! let user_data = br#"{"motd": {"content": "hello", "perm": "0640"}}"#;
//! let tree = Tree::of(Facts { user_data: Some(user_data.to_vec()), ..Facts::default() });
//! let paths: Vec<&str> = tree.entries.iter().map(|entry| entry.path.as_str()).collect();
//! assert_eq!(paths, ["motd", "userdata"]);
//! ```
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
