//! What a DHCP worker may ask of its broker, and what the broker permits.
//!
//! The worker hears the network and decides; the broker speaks and acts. Between them pass only the values in this
//! crate: a [`Request`] from the worker, a [`Notice`] from the broker. A message names no path, no command and no
//! raw packet. It carries fields, and their types cannot hold what no lease may contain: [`UnicastAddr`] is never
//! loopback or multicast, [`PrefixLen`] never exceeds 32, lists and names are bounded.
//!
//! Types say what is well-formed; [`Policy`] says what is allowed now. Only [`Policy::permit`] makes a
//! [`Permitted`], and only a `Permitted` is ever applied.
//!
//! Covers the client side of RFC 2131 sections 3 and 4.4 as messages ([`Ask`]), how a lease becomes routes
//! (RFC 3442, off-link gateways), and address conflict detection (RFC 5227: [`Arp`], [`Finding`]). Start at [`Request`], then [`Policy`]. Pure: no I/O, no clock, no parser of
//! network bytes.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod address;
mod conflict;
mod discard;
mod lease;
mod notice;
mod policy;
mod progress;
mod request;
mod routing;
mod server_rule;

pub use address::{HardwareAddr, IfIndex, NotUnicast, PrefixLen, TooLong, UnicastAddr};
pub use conflict::{Arp, Contest, Finding, Stage, timing};
pub use discard::{Counters, Discard};
pub use lease::{BadRoute, Ipv4Broadcast, Lease, Mtu, Route, SmallMtu, Term};
pub use notice::{Command, Conduct, Notice, Refusal, Remembered};
pub use orlop_wire::{DomainName, NameError};
pub use policy::{Denied, Permitted, Policy};
pub use progress::{Phase, Progress};
pub use request::{Ask, Request, Transmission, Withdrawal};
pub use routing::{KernelRoute, plan_routes};
pub use server_rule::{NotServers, ServerNet, ServerRule};

/// Names this version of the conversation. Broker and worker of different builds must not talk: a mismatch in the
/// first message ends both.
pub const PROTOCOL: u32 = 3;

/// Interfaces that one daemon looks after, at most: bounds memory, file descriptors and messages in flight.
pub const MAX_LINKS: usize = 128;
