//! DHCPv4 client protocol: bytes to typed messages to a state machine, without any I/O.
//!
//! A packet goes one way: [`frame`] (IP and UDP) → [`option`] (one canonical byte string per option) → [`message`]
//! (a typed [`message::Reply`]) → [`lease`] (what can be applied) → [`client::Client`], which answers with
//! [`client::Action`]s. Whatever is dropped on the way is counted under its [`orlop_dhcp_contract::Discard`].
//!
//! Covers RFC 2131 section 4.4 (every state but INFORM), RFC 2132 for the options in use, RFC 3396 (long options),
//! RFC 3397 (search list), RFC 3442 (classless routes), RFC 4039 (rapid commit), RFC 6842 (client identifier echo), and RFC 5227
//! (address conflict detection) in [`arp`] and [`conflict`]. Leaves out RFC 3203 (FORCERENEW, dropped).
//!
//! Start at [`client::Client::receive`] and [`client::Client`]'s `handle`. Never reads a clock, never allocates in
//! proportion to input beyond [`frame::MAX_PACKET`], never panics whatever arrives.
//!
//! ```
//! use orlop_dhcp_contract::{Ask, Conduct, HardwareAddr, ServerRule};
//! use orlop_dhcp_core::client::{Action, Client, Event};
//! use orlop_machine::{Instant, Machine, Seed};
//! use orlop_wire::Bounded;
//!
//! let conduct = Conduct {
//!     client_id: Bounded::new(),
//!     rapid_commit: false,
//!     broadcast: false,
//!     fallback_lease_secs: 3600,
//!     servers: ServerRule::default(),
//!     told_as: None,
//! };
//! let hardware = HardwareAddr([2, 0, 0, 0, 0, 1]);
//! let mut client = Client::new(conduct, hardware, None, true, Seed::from_bytes([7; 32]));
//! let actions = client.handle(Instant::from_nanos(0), Event::Started);
//! assert!(matches!(actions.first(), Some(Action::Send { ask: Ask::Discover { .. }, .. })));
//! ```
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

pub mod arp;
pub mod client;
pub mod conflict;
pub mod frame;
pub mod lease;
pub mod message;
pub mod option;
