//! What a supervisor remembers of a place among the workers, whoever is in it.

use crate::roster::{End, Entry};

/// A place among a daemon's workers, over all the processes that have been in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Seat {
    generation: u32,
    failed: u32,
    last: Option<End>,
}

impl Seat {
    /// A process was started in the place `index`.
    pub(super) fn taken(&mut self, index: usize, pid: i32) -> Entry {
        self.generation = self.generation.saturating_add(1);
        Entry {
            index: u8::try_from(index).unwrap_or(u8::MAX),
            generation: self.generation,
            pid,
            restarts: self.failed,
            last: self.last,
        }
    }

    /// It has ended. An optional worker that ends well has done what it was asked for.
    pub(super) fn left(&mut self, how: End) {
        self.last = Some(how);
        if how != End::Exit(0) {
            self.failed = self.failed.saturating_add(1);
        }
    }
}
