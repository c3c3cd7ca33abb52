//! What may wait for a file system, done beside the loop: a mount of a server that does not answer, or a folder on a file
//! system that a container provides, holds up the container that wants it and nobody else.
//!
//! Each errand is a thread. One that never comes back stays until the machine goes off, which waits for it a moment only.
//! They are done in order, since one may make a folder where another mounts something; one that hangs loses its turn.

use core::cell::RefCell;
use core::time::Duration;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use orlop_sandbox::clock;
use rustix::event::EventfdFlags;

use crate::boot::Id;

/// How long an errand waits for the one before it: mounts and folders in memory take milliseconds.
const TURN: Duration = Duration::from_secs(2);

/// How often [`Errands::settle`] looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Errands of containers, of which the loop hears when they are done.
#[derive(Debug)]
pub struct Errands {
    sender: Sender<(Id, Result<(), String>)>,
    done: Receiver<(Id, Result<(), String>)>,
    /// Becomes readable when one is done.
    bell: Option<Arc<OwnedFd>>,
    /// Hears when the latest begins, and is closed when it is done.
    latest: RefCell<Option<Receiver<()>>>,
    /// Each that is not done has one, and so have we.
    under_way: Arc<()>,
    turn: Duration,
}

impl Errands {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::with_turn(TURN)
    }

    pub(crate) fn with_turn(turn: Duration) -> Self {
        let (sender, done) = mpsc::channel();
        let bell = rustix::event::eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).ok().map(Arc::new);
        Self { sender, done, bell, latest: RefCell::new(None), under_way: Arc::default(), turn }
    }

    /// Does something for a container.
    ///
    /// # Errors
    /// When there can be no more threads.
    pub fn run(&self, id: Id, work: impl FnOnce() -> Result<(), String> + Send + 'static) -> io::Result<()> {
        let (sender, bell, turn) = (self.sender.clone(), self.bell.clone(), self.turn);
        let under_way = Arc::clone(&self.under_way);
        let (begun, latest) = mpsc::channel();
        let before = self.latest.replace(Some(latest));
        let errand = move || {
            if let Some(before) = before {
                // It begins, which it does in time, and is done when its end is closed.
                let _ = before.recv().and_then(|()| before.recv_timeout(turn).map_err(|_| mpsc::RecvError));
            }
            // Perhaps nobody comes after us.
            let _ = begun.send(());
            // The loop hears us as long as there is one.
            let _ = sender.send((id, work()));
            let _ = bell.map(|bell| rustix::io::write(&*bell, &1_u64.to_ne_bytes()));
            drop::<(Sender<()>, Arc<()>)>((begun, under_way));
        };
        thread::Builder::new().name("errand".to_owned()).spawn(errand).map(drop)
    }

    /// What becomes readable when something is done. Without it there is only [`Self::done`] to ask.
    #[must_use]
    pub fn waits_for(&self) -> Option<BorrowedFd<'_>> {
        self.bell.as_ref().map(|bell| bell.as_fd())
    }

    /// What was done since the last look.
    #[must_use]
    pub fn done(&self) -> Vec<(Id, Result<(), String>)> {
        // First the bell: what is done after this rings it again.
        let _ = self.bell.as_ref().map(|bell| rustix::io::read(&**bell, &mut [0; 8]));
        self.done.try_iter().collect()
    }

    /// Waits until all are done, but no longer than `limit`; says whether they are.
    #[must_use]
    pub fn settle(&self, limit: Duration) -> bool {
        let until = clock::now().after(limit);
        while Arc::strong_count(&self.under_way) > 1 {
            if clock::now() >= until {
                return false;
            }
            thread::sleep(LOOK_EVERY);
        }
        true
    }
}

impl Default for Errands {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec};

    use super::*;

    fn rings(errands: &Errands, seconds: i64) -> bool {
        let mut watched = [PollFd::from_borrowed_fd(errands.waits_for().unwrap(), PollFlags::IN)];
        rustix::event::poll(&mut watched, Some(&Timespec { tv_sec: seconds, tv_nsec: 0 })).unwrap() > 0
    }

    #[test]
    fn the_bell_rings_when_something_is_done_and_not_before() {
        let errands = Errands::new();
        let (go, wait) = mpsc::channel::<()>();
        errands.run(7, move || wait.recv().map_err(|error| error.to_string())).unwrap();
        assert!(!rings(&errands, 0) && errands.done().is_empty(), "it still waits");
        go.send(()).unwrap();
        assert!(rings(&errands, 10));
        assert_eq!(errands.done(), [(7, Ok(()))]);
        assert!(!rings(&errands, 0), "and it is quiet again");
    }

    #[test]
    fn errands_are_done_in_order_and_one_that_hangs_loses_its_turn() {
        let errands = Errands::with_turn(Duration::from_millis(300));
        let (_held, never) = mpsc::channel::<()>();
        let slow = || {
            thread::sleep(Duration::from_millis(50));
            Ok(())
        };
        errands.run(0, slow).unwrap();
        errands.run(1, || Ok(())).unwrap();
        errands.run(2, move || never.recv().map_err(|error| error.to_string())).unwrap();
        errands.run(3, slow).unwrap();
        errands.run(4, || Ok(())).unwrap();
        let mut done = Vec::new();
        while done.len() < 4 {
            assert!(rings(&errands, 10), "{done:?}");
            done.extend(errands.done().into_iter().map(|(id, _)| id));
        }
        assert_eq!(done, [0, 1, 3, 4]);
    }

    #[test]
    fn all_are_waited_for_and_no_longer_than_allowed() {
        let errands = Errands::with_turn(Duration::ZERO);
        let (soon, forever) = (Duration::from_millis(30), Duration::from_secs(10));
        assert!(errands.settle(soon), "there is none");
        let (go, wait) = mpsc::channel::<()>();
        errands.run(0, move || wait.recv().map_err(|error| error.to_string())).unwrap();
        errands.run(1, || Ok(())).unwrap();
        assert!(!errands.settle(soon), "also one that has lost its turn");
        go.send(()).unwrap();
        assert!(errands.settle(forever));
        assert_eq!(errands.done().len(), 2);
    }
}
