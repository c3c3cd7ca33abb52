//! sysctl.d text to a plan, without any I/O.
//!
//! Text goes one way: `lines` (pieces of a file to lines) → `line` (a line to what it says; `spelling` makes a path of a key,
//! `pattern` is glob(7)) → `settings` (what all of them say together) → `search` (which settings the patterns stand for) →
//! `plan` (steps, in order). [`Reader`] is the whole of it: [`Notice`]s in, [`Request`]s out.
//!
//! Covers sysctl.d(5): comments, `-key = value`, exclusions, patterns that never cross a `/`, either separator, the last
//! assignment wins and is written once, explicit keys beat patterns. Differs from systemd-sysctl on purpose: an exclusion
//! takes no line about the key itself away, and may be a pattern; of several patterns that match a setting the last one writes it; an unclosed `[` is an error; a pattern
//! that ends in a wildcard stands for settings, not for folders; a key that leads up is an error, however it is spelled; and
//! what is wrong with the text is said with file and line.
//!
//! Start at [`Reader::handle`]. Never allocates in proportion to its input beyond the bounds of the contract, never panics
//! whatever the text is.
//!
//! ```
//! use orlop_sysctl_contract::{Notice, Request};
//! use orlop_sysctl_core::Reader;
//!
//! let mut reader = Reader::default();
//! let text = b"# as little as possible\nvm.swappiness = 10\n";
//! let said = reader.handle(Notice::Text { source: 0, bytes: text.iter().copied().collect(), last: true });
//! assert!(said.is_empty(), "nothing to complain about");
//! let plan = reader.handle(Notice::EndOfTexts);
//! assert!(matches!(plan.as_slice(), [Request::Steps(steps), Request::Done { unsaid: 0 }] if steps[0].origin.line == 2));
//! ```
//!
//! [`Notice`]: orlop_sysctl_contract::Notice
//! [`Request`]: orlop_sysctl_contract::Request
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod line;
mod lines;
mod looking;
mod pattern;
mod plan;
mod reader;
mod search;
mod settings;
mod spelling;
mod tree;

pub use reader::Reader;
