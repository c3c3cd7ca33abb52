//! NTP client protocol: bytes to answers to a state machine that keeps a clock right, without any I/O.
//!
//! An answer goes one way: [`packet`] (header and extension fields) → [`exchange`] (is it the answer to our question, and may
//! it be believed?) → a [`sample::Sample`] → [`selection`] (who of all those that answered agrees?) → the majority sets the
//! clock, and from then on a filter steers it. [`client::Client`] ties these together and answers with
//! [`client::Action`]s. Whatever is dropped on the way is counted under its [`orlop_ntp_contract::Discard`].
//!
//! Covers the client side of RFC 5905 (modes 3 and 4, unicast), RFC 7822 (extension fields), RFC 8633 section 5.3 for what a
//! question shows of us (nothing but 64 random bits). Leaves out every other mode, symmetric keys (an answer that carries a
//! code is dropped). RFC 8915: what passes through a key exchange, and the fields that protect questions and answers ([`nts`]); TLS is
//! the business of another process.
//!
//! The filter is ntp-proto's, behind one module of ours; nothing of it is seen outside. It never steps a clock: every step is
//! [`client`]'s, from offsets in whole nanoseconds.
//!
//! Start at [`client::Client::receive`] and [`client::Client`]'s `handle`. Never reads a clock, never allocates in
//! proportion to input beyond [`packet::MAX_PACKET`], never panics whatever arrives.
//!
//! ```
//! use orlop_machine::{Instant, Machine, Seed};
//! use orlop_ntp_contract::{Conduct, Frequency, Kind, Notice, Occasion, PollRange, Request, ServerAddr, SourceConduct, SourceId, Utc};
//! use orlop_ntp_core::client::{Action, Client, Event};
//!
//! let boot = Instant::from_nanos(0);
//! let mut client = Client::new(Seed::from_bytes([7; 32]));
//! let floor = Utc::from_secs(1_793_491_200);
//! let conduct = Conduct { floor, occasion: Occasion::Boot, lone_answer_after: None, drift: Frequency::ZERO };
//! let _ = client.handle(boot, Event::Notice(Notice::Begin(conduct)));
//!
//! let source = SourceId::new(0).unwrap();
//! let how = SourceConduct { kind: Kind::Server, prefer: false, polls: PollRange::USUAL, nts: false };
//! let _ = client.handle(boot, Event::Notice(Notice::Source { source, conduct: how }));
//! let servers = ServerAddr::new([192, 0, 2, 1].into(), 123).into_iter().collect();
//! let actions = client.handle(boot, Event::Notice(Notice::Addresses { source, servers }));
//! assert!(actions.iter().any(|action| matches!(action, Action::Ask(Request::Connect { .. }))));
//! ```
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod client;
mod discipline;
pub mod exchange;
pub mod nts;
pub mod packet;
mod peer;
mod pool;
pub mod sample;
pub mod selection;
