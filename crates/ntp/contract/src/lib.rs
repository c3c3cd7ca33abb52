//! What an NTP worker may ask of its broker, and what the broker permits.
//!
//! The worker hears the servers and decides what the time is; the broker owns the clock. Between them pass only the values
//! in this crate: a [`Request`] from the worker, a [`Notice`] from the broker. Their types cannot hold what no clock may be
//! told: a [`Frequency`] never exceeds 500 ppm, a [`ServerAddr`] is a unicast address with a port, or this machine's own clock, lists are bounded.
//!
//! Types say what is well-formed; [`Policy`] says what is allowed now: never below the floor (the time of the build), steps
//! only in the directions and at certain occasions, within a budget that outlives the process. Only
//! [`Policy::permit`] makes a [`Permitted`], and only a `Permitted` is ever applied.
//!
//! Time is [`Utc`] and [`Offset`], in whole nanoseconds; every sum is exact or saturates. A [`Timestamp`] of the protocol
//! has no era: [`Timestamp::after`] gives it the one that begins at the floor. What survives a restart is [`State`], as text.
//!
//! Where a source is asked with NTS, a third process exchanges keys ([`KeyNotice`], [`KeyRequest`]) and gives them to the worker
//! that uses them ([`Keys`]); the broker sees no key.
//!
//! Start at [`Request`], then [`Policy`]. Pure: no I/O, no clock, no parser of network bytes, no floating point.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod discard;
mod frequency;
mod handover;
mod keys;
mod mock;
mod negotiated;
mod notice;
mod offset;
mod policy;
mod reading;
mod request;
mod source;
mod state;
mod status;
mod timestamp;
mod utc;

pub use discard::{Counters, Discard};
pub use frequency::Frequency;
pub use handover::Handover;
pub use keys::{
    Cookie, Dates, ExchangeId, Host, KeyFailure, KeyNotice, KeyRequest, Keys, MAX_COOKIE, MAX_COOKIES, Secret,
};
pub use mock::MockClock;
pub use negotiated::negotiated;
pub use notice::{Asked, Conduct, Notice, Occasion};
pub use offset::Offset;
pub use policy::{Account, Permitted, Policy, Refusal, Rules};
pub use reading::{Look, Reading};
pub use request::{Leap, Request, Step, StepReason};
pub use source::{Kind, PeerId, Poll, PollRange, ServerAddr, SourceConduct, SourceId};
pub use state::{BootId, MAX_STATE, State, StateError};
pub use status::{LastStep, NtsState, NtsStatus, PeerState, PeerStatus, Phase, Status};
pub use timestamp::Timestamp;
pub use utc::Utc;

/// Names this version of the conversation, and of that about keys. Broker and worker of different builds must not talk: a mismatch in the
/// first message ends both.
pub const PROTOCOL: u32 = 3;

/// Sources that an operator and the network can name together, at most: bounds memory, and the time of one look-up round.
pub const MAX_SOURCES: usize = 16;

/// Servers that are asked at the same time, at most: each costs a socket, and more than a dozen make no clock better.
pub const MAX_PEERS: usize = 16;

/// Addresses that are kept of one source: a pool name has four to eight, a name with more gives its first ones.
pub const MAX_ADDRESSES: usize = 16;
