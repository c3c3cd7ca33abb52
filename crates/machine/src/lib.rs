//! What every protocol core of Orlop is made of: one trait, and time and chance as plain values.
//!
//! A core never reads a clock and never asks the kernel for randomness. Both come in as arguments, so the same
//! seed and the same events always give the same actions, a field log can be replayed as a test, and a fuzzer
//! explores the machine rather than the scheduler.
//!
//! Start at [`Machine`]. This crate has no I/O, no clock, no thread and no `unsafe`.
//!
//! ```
//! use core::time::Duration;
//! use orlop_machine::{Chance, Instant, Seed};
//!
//! let boot = Instant::from_nanos(0);
//! assert_eq!(boot.after(Duration::from_secs(2)).since(boot), Duration::from_secs(2));
//!
//! let mut chance = Chance::new(Seed::from_bytes([7; 32]));
//! let mut again = Chance::new(Seed::from_bytes([7; 32]));
//! assert_eq!(chance.number(), again.number());
//! ```
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod backoff;
mod bucket;
mod chance;
mod instant;

pub use backoff::{Backoff, LONGEST_WAIT, STABLE_AFTER};
pub use bucket::Bucket;
pub use chance::{Chance, Seed};
pub use instant::Instant;

/// A protocol state machine: events in, actions out, nothing else.
///
/// One trait, so that one loop, one trace runner and one simulator serve every protocol.
pub trait Machine {
    /// What happened: a message, a link change, the answer to an earlier action.
    type Event;
    /// What should be done about it. An action says what, never how.
    type Action;
    /// The event that says "the instant that [`Machine::deadline`] named has come".
    const DEADLINE: Self::Event;

    /// Takes one event at `now` and says what to do.
    ///
    /// `now` never goes backwards between calls. Calling with [`Machine::DEADLINE`] before the deadline is harmless.
    #[must_use]
    fn handle(&mut self, now: Instant, event: Self::Event) -> Vec<Self::Action>;

    /// When to call [`Machine::handle`] with [`Machine::DEADLINE`]; `None` means: wait for an event.
    ///
    /// There are no timers to set or cancel. Ask again after each `handle`.
    fn deadline(&self) -> Option<Instant>;
}
