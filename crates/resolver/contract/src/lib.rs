//! What a worker of the resolver may ask of its broker, and what the broker permits.
//!
//! The worker hears the programs of this machine, at listeners that its broker has bound, and asks the upstream servers that
//! its broker has chosen, through sockets that its broker has connected. It holds these and the cache, and nothing else. Between
//! the two pass only the values in this crate: a [`Notice`] to the worker, a [`Request`] to the broker.
//!
//! A conversation: [`Notice::Begin`], [`Notice::Upstreams`], each [`Notice::Listener`] → [`Request::Refill`] → [`Notice::Pool`]
//! with up to [`MAX_GRANT`] sockets, of which each is used for one question, and so on. Where an answer did not fit into a
//! datagram: [`Request::Connect`] → [`Notice::Stream`].
//!
//! Types say what is well-formed; [`Policy`] says what is allowed now. Only [`Policy::permit`] makes a [`Permitted`].
//!
//! Start at [`Request`], then [`Policy`]. Pure: no I/O, no clock, no parser of network bytes. The parser is
//! `orlop-resolver-core`, which no broker may be linked with.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod conduct;
mod discard;
mod hosts;
mod notice;
mod policy;
mod query;
mod request;
mod status;
mod upstream;
mod why;

pub use conduct::{CacheSize, Conduct};
pub use discard::{Counters, Discard};
pub use hosts::{Address, Host, HostsPart, MAX_HOSTS};
pub use notice::{Listener, Notice};
pub use policy::{Denied, Permitted, Policy};
pub use query::{MAX_RECORDS, OrderId, Queried, QueryType, Record};
pub use request::{Request, SocketCount, StreamId};
pub use status::{CacheStatus, Served, Status, UpstreamState, UpstreamStatus};
pub use upstream::{NEVER_ASKED, NotUpstreams, Route, ServerAddr, Upstream, UpstreamId, Upstreams};
pub use why::{Candidate, Kept, Way, Why};

/// Names this version of the conversation. Broker and worker of different builds must not talk: a mismatch in the first message
/// ends both.
pub const PROTOCOL: u32 = 1;

/// Upstream servers, at most: as many as two interfaces can name. More do not make an answer better, and each has a pool.
pub const MAX_UPSTREAMS: usize = 16;

/// Domains whose names are asked of certain servers, at most: those of a handful of networks.
pub const MAX_ROUTES: usize = 32;

/// Sockets that come with one message, at most: a quarter of what the kernel takes with one (`SCM_MAX_FD`, 253).
pub const MAX_GRANT: usize = 64;

/// Sockets of one upstream that a worker keeps, at most: each is for one question, and a burst of questions should not wait for
/// the broker.
pub const MAX_POOL: usize = 256;

/// Streams to upstream servers that are open at the same time, at most.
pub const MAX_STREAMS: usize = 64;

/// Connections of clients that are open at the same time, at most.
pub const MAX_CLIENT_STREAMS: usize = 128;
