//! What a worker that looks up names may ask of its broker, and what the broker permits.
//!
//! A daemon that needs addresses for names has one worker for it, which asks the name servers of `/etc/resolv.conf` and reads
//! what they answer; it has no other privilege. Its broker reads that file ([`ResolvConf`]), opens each socket, connected to
//! one of its servers, and says what is to be looked up. The worker never hears where the servers are: it names them by their
//! place in the list. A [`Notice`] goes to the worker, a [`Request`] to the broker.
//!
//! A conversation: [`Notice::Servers`] and [`Notice::Lookup`] → [`Request::Connect`] → [`Notice::Connected`] with the socket →
//! [`Request::Found`], and again for ever, each time that the addresses have lived their time, until [`Notice::Forget`].
//!
//! Types say what is well-formed; [`Policy`] says what is allowed now. Only [`Policy::permit`] makes a [`Permitted`].
//!
//! Start at [`Request`], then [`Policy`]. Pure: no I/O, no clock, no parser of network bytes. The parser is
//! `orlop-lookup-core`, which no broker may be linked with.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod discard;
mod lifetime;
mod notice;
mod number;
mod policy;
mod request;
mod resolv_conf;

pub use discard::{Counters, Discard};
pub use lifetime::{Lifetime, NotALifetime};
pub use notice::Notice;
pub use number::{NameId, ServerCount, ServerId};
pub use policy::{Denied, Permitted, Policy};
pub use request::{Failure, Place, Request, Transport};
pub use resolv_conf::{NameServer, ResolvConf};

/// Names this version of the conversation. Broker and worker of different builds must not talk: a mismatch in the
/// first message ends both.
pub const PROTOCOL: u32 = 2;

/// Names that are looked up at the same time, at most: bounds memory, and sockets, of which each may have one for each server.
pub const MAX_NAMES: usize = 32;

/// Name servers that are asked: every libc reads the first three lines (`MAXNS` of `resolv.h`).
pub const MAX_SERVERS: usize = 3;

/// Addresses of one name that are handed over: a pool name has four to eight.
pub const MAX_ADDRESSES: usize = 16;

/// Sockets that a worker holds at the same time, at most: what `RLIMIT_NOFILE` of its profile has to have room for.
pub const MAX_SOCKETS: usize = MAX_NAMES.saturating_mul(MAX_SERVERS);
