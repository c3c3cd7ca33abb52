//! A stub resolver of DNS, without any I/O: what clients ask, what upstreams answer, what is kept, and whom to ask when.
//!
//! A client's message goes one way: [`query`] (is it a question that can be answered) → [`cache`] (is the answer kept) → names
//! that are answered here → [`resolver::Resolver`], which asks upstreams and answers with [`resolver::Action`]s. What an upstream
//! says goes the other way: [`reply`] (is it the answer to our question, and what does it say) → [`stored`] (the bytes of the
//! message, with the places of its TTLs) → [`cache`]. Whatever is dropped on the way is counted under its
//! [`Discard`](orlop_resolver_contract::Discard).
//!
//! What is kept and given out is the upstream's message: its records in their order, its code, its extended error. Only what is
//! between neighbours is ours: id, flags, the case of the question, TTLs, OPT.
//!
//! Covers, of RFC 1035 and its successors, what a stub that forwards needs: RFC 2308 (negative answers), RFC 5452 and 0x20 (forged
//! answers), RFC 6761 and those after it (special names), RFC 6891 (EDNS), RFC 8482 (ANY), RFC 8767 (stale answers),
//! RFC 8914 (extended errors, kept and of our own), RFC 9520 (failures are kept). Leaves out validation (RFC 4035: DO, CD and the
//! records pass through, AD only where the operator trusts it), cookies (RFC 7873), client subnets (RFC 7871: neither passed on
//! nor kept), search lists (a stub gets names that are complete), and every other operation than a query.
//!
//! # Why no parser of somebody else
//! A query in the cache is answered in a tenth of a microsecond, without an allocation; hickory-proto takes two tenths to read it.
//! What it reads of a reply it writes in another form; and it knows neither extended errors nor what it has not been taught.
//! In tests it is the judge of what comes out.
//!
//! Start at [`resolver::Resolver::query`], [`resolver::Resolver::receive`], and [`resolver::Resolver`]'s `handle`. Never reads a
//! clock, never holds more than the cache's bytes, [`resolver::MAX_FLIGHTS`] questions and the sockets that it was given, never
//! panics whatever arrives.
//!
//! ```
//! use orlop_machine::{Instant, Machine, Seed};
//! use orlop_resolver_contract::{Conduct, ServerAddr, UpstreamId, Upstreams};
//! use orlop_resolver_core::resolver::{Action, Asker, ClientId, Event, Heard, Resolver, SocketId};
//!
//! let boot = Instant::from_nanos(0);
//! let mut resolver = Resolver::new(Seed::from_bytes([7; 32]), Conduct::default());
//! let server = ServerAddr::new([192, 0, 2, 1].into(), 53).unwrap();
//! let asked = resolver.handle(boot, Event::Upstreams(Upstreams::choose([server], |_| false)));
//! assert!(matches!(asked[..], [Action::Refill { count: 64, .. }]));
//! let upstream = UpstreamId::new(0).unwrap();
//! let _ = resolver.handle(boot, Event::Pool { upstream, sockets: vec![SocketId(1)] });
//!
//! let message = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x07example\0\0\x01\0\x01";
//! let asker = Asker { client: ClientId(1), port: 4000, udp_limit: Some(1232) };
//! let mut answer = Vec::new();
//! let Heard::Open(actions) = resolver.query(boot, asker, message, &mut answer) else { panic!("nothing is kept yet") };
//! assert!(matches!(actions[..], [Action::Send { socket: SocketId(1), .. }, ..]));
//! ```
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod cache;
mod chain;
mod extended_error;
mod flight;
mod header;
mod inside;
mod local;
mod name;
pub mod query;
mod question;
mod record;
pub mod reply;
pub mod resolver;
mod scope;
mod shares;
pub mod stored;
mod upstream;
