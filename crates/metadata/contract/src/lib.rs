//! What the metadata workers may ask of their broker, what the broker permits, and how a platform is known without a packet.
//!
//! One worker reads disks and has no network, another reads one TCP connection and has no disk. Both make the same thing of
//! what they read: files below `/run/config` ([`Entry`]) and a [`Hostname`]. The broker sees none of the bytes that were read;
//! it knows the platform from the firmware ([`Provider`]) and writes what the types of this crate can hold.
//!
//! Pure: no I/O, no clock, no parser of network bytes. The parsers are in `orlop-metadata-core`, which no broker may be linked with.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod credential;
mod detect;
mod discard;
mod endpoint;
mod entry;
mod hostname;
mod location;
mod notice;
mod plan;
mod policy;
mod provider;
mod request;

pub use credential::{CREDENTIAL, Credential, Document};
pub use detect::{CommandLine, Finding, Platform, Sign, Signs, detect, oem_strings};
pub use discard::{Counters, Discard};
pub use endpoint::{Endpoint, PORT, Service, endpoints};
pub use entry::{Entry, EntryPath, Kind, Mode, PathError};
pub use hostname::{Hostname, NotAHostname};
pub use location::{Location, NotAsked};
pub use notice::Notice;
pub use plan::{Plan, Wishes};
pub use policy::{Denied, Errand, PROVIDER, Permitted, Policy, STAGING};
pub use provider::Provider;
pub use request::{Chunk, DiskId, Failure, Place, Request, Seed};

/// Names this version of the conversation. Broker and workers of different builds must not talk: a mismatch in the first message
/// ends both.
pub const PROTOCOL: u32 = 1;

/// Entries of one run, folders included, at most.
pub const MAX_ENTRIES: usize = 4_096;

/// Bytes of all files of one run together, at most.
pub const MAX_TOTAL: usize = 16 << 20;

/// Bytes of one file, at most: user data after it was unpacked (a gzip of [`MAX_RESPONSE`] bytes may come to this).
pub const MAX_FILE: usize = 8 << 20;

/// Bytes of one answer or one file of a disk, before anything is unpacked, at most.
pub const MAX_RESPONSE: usize = 1_048_576;

/// Folders in folders, at most.
pub const MAX_DEPTH: usize = 32;
