//! Frames that are used again: an allocator that gives pages back at once would fetch new ones for every message.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Frames that nobody uses at the moment, of one channel.
#[derive(Debug, Default)]
pub(super) struct Frames(Mutex<Vec<Vec<u8>>>);

/// One is received into while another one is sent.
const KEPT: usize = 2;

impl Frames {
    /// A frame of at least `size` bytes. What is in it is of no meaning.
    pub(super) fn take(&self, size: usize) -> Vec<u8> {
        let mut frame = self.kept().pop().unwrap_or_default();
        if frame.len() < size {
            frame.resize(size, 0);
        }
        frame
    }

    /// Keeps `frame` for the next message.
    pub(super) fn give(&self, frame: Vec<u8>) {
        let mut frames = self.kept();
        if frames.len() < KEPT {
            frames.push(frame);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        // Poisoned only by a panic, which ends the process.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_used_again_and_grows_when_it_must() {
        let frames = Frames::default();
        let frame = frames.take(100);
        let place = frame.as_ptr();
        frames.give(frame);
        let again = frames.take(50);
        assert_eq!(again.as_ptr(), place, "the same one");
        frames.give(vec![1; 100]);
        assert_eq!(frames.take(200).len(), 200);
    }

    #[test]
    fn no_more_frames_are_kept_than_are_in_use_at_once() {
        let frames = Frames::default();
        for _ in 0..10 {
            frames.give(vec![0; 10]);
        }
        assert_eq!(frames.kept().len(), KEPT);
    }
}
