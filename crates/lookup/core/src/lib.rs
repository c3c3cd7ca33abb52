//! Names to addresses, without any I/O: questions to name servers, what they answer, and when to ask whom.
//!
//! An answer goes one way: [`answer::Header`] (is it one, and to what) → [`answer::Reply`] (addresses, or that there are
//! none) → [`Lookups`], which answers with [`Action`]s. Whatever is dropped on the way is counted under its
//! [`Discard`](orlop_lookup_contract::Discard).
//!
//! Covers, of RFC 1035 and its successors, what a stub needs for A and AAAA over UDP and TCP, with EDNS (RFC 6891). Leaves out
//! search lists, `/etc/hosts`, a cache (addresses are asked for again when they have lived their time), and DNSSEC: who
//! answers is believed, as every stub believes its servers, and NTP's own checks come after.
//!
//! # Why not `hickory-resolver`
//! Tried with version 0.26.3 over a `RuntimeProvider` of ours, one instance for each server and no cache, as a static release
//! program with musl: 856 kB where the same program without it has 244 kB, and 502 kB with `Message` of `hickory-proto`. The
//! whole worker made of this crate has 342 kB; with the resolver it would be about 1 MB of the 3.6 MB that the NTP client may
//! have in all. It draws its random numbers from the kernel while it runs, which no worker may; its timers stop while the machine
//! sleeps; it sends to addresses, and thinks of sockets as its own; and of what it would do for us, which server is asked
//! next is what we must not leave to it (it takes SERVFAIL for an answer).
//!
//! Of `hickory-proto` this crate takes what is hard to get right, the compressed names, and reads the rest itself, which is
//! little: an answer that is damaged in a record which nobody asked for is still an answer.
//!
//! Start at [`Lookups`]. Never reads a clock, never holds more than [`stream::MAX_MESSAGE`] bytes of what a server sends on one
//! socket, never panics whatever arrives.
//!
//! ```
//! use orlop_lookup_contract::{NameId, Place, Request, ServerCount, ServerId, Transport};
//! use orlop_lookup_core::{Action, Event, Lookups};
//! use orlop_machine::{Instant, Machine, Seed};
//! use orlop_wire::DomainName;
//!
//! let boot = Instant::from_nanos(0);
//! let mut lookups = Lookups::new(Seed::from_bytes([7; 32]));
//! let (id, server) = (NameId::new(0).unwrap(), ServerId::new(0).unwrap());
//! assert!(lookups.handle(boot, Event::Servers(ServerCount::new(1).unwrap())).is_empty());
//!
//! let wanted = lookups.handle(boot, Event::Wanted(id, DomainName::new("pool.ntp.org").unwrap()));
//! let place = Place { id, server, transport: Transport::Udp };
//! assert_eq!(wanted, [Action::Ask(Request::Connect(place))]);
//! // A and AAAA, each in a datagram of its own.
//! assert_eq!(lookups.handle(boot, Event::Connected(place)).len(), 2);
//! ```
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

pub mod answer;
mod exchange;
mod lookup;
mod lookups;
pub mod question;
pub mod stream;

pub use lookups::{Action, Event, Lookups};
