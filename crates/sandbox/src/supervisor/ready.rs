//! Telling whoever started the daemon that it works.
//!
//! The broker, which knows it, says so by an eventfd. It could not tell them itself: the supervisor would still have their
//! descriptor open, so that they never read its end, and a broker that is started anew would tell them again.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use crate::fatal::{Exit, Fatal};
use crate::sys;

/// Somebody who waits until the daemon is ready, or nobody, or nobody any more.
#[derive(Debug)]
pub(super) struct Waiting {
    /// By which a broker says that the daemon is ready, whichever broker that is.
    said: OwnedFd,
    /// Where they read.
    who: Option<OwnedFd>,
}

/// The descriptor that the user named. To be taken before this process has opened anything, because what it opens gets a
/// number that the user has left free.
///
/// # Errors
/// The user has opened nothing there: [`Exit::Usage`].
pub fn inherited(number: i32) -> Result<OwnedFd, Fatal> {
    let open = if number > 2 { sys::take_inherited(number) } else { Err(rustix::io::Errno::BADF.into()) };
    open.map_err(|cause| {
        let problem = format!("descriptor {number} is not open, and so nobody waits there until the daemon is ready");
        Fatal::new(Exit::Usage, problem).cause(cause).help("open one from 3 on for it: --ready-fd 3  3>&1")
    })
}

impl Waiting {
    pub(super) fn new(who: Option<OwnedFd>) -> io::Result<Self> {
        Ok(Self { said: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?, who })
    }

    /// The eventfd for the broker.
    pub(super) fn said(&self) -> BorrowedFd<'_> {
        self.said.as_fd()
    }

    /// The eventfd to listen at, as long as somebody waits.
    pub(super) fn awaited(&self) -> Option<BorrowedFd<'_>> {
        self.who.as_ref().map(|_| self.said())
    }

    /// Tells them, if a broker has said so: for one that has ended since.
    pub(super) fn look(&mut self) {
        if rustix::io::read(&self.said, &mut [0_u8; 8]).is_ok() {
            self.tell();
        }
    }

    /// Writes one line end and closes the descriptor, as s6 and others read it. Nobody is told twice.
    pub(super) fn tell(&mut self) {
        let Some(who) = self.who.take() else { return };
        // Who does not read must not keep the supervisor from what it is told.
        let mut writable = [PollFd::new(&who, PollFlags::OUT)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        if !poll(&mut writable, Some(&at_once)).is_ok_and(|has_room| has_room > 0) {
            tracing::warn!("nobody hears that the daemon is ready: there is no room where it was to be said");
        } else if let Err(errno) = rustix::io::write(&who, b"\n") {
            // A reader that has gone does not want to know any more.
            tracing::debug!(%errno, "nobody reads that the daemon is ready");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use rustix::pipe::{PipeFlags, pipe, pipe_with};

    use super::*;

    fn say(waiting: &Waiting) {
        rustix::io::write(waiting.said(), &1_u64.to_ne_bytes()).unwrap();
    }

    #[test]
    fn a_reader_gets_one_line_end_and_then_the_end() {
        let (reader, writer) = pipe().unwrap();
        let mut waiting = Waiting::new(Some(writer)).unwrap();
        waiting.look();
        assert!(waiting.who.is_some(), "nobody has said it");
        say(&waiting);
        waiting.look();
        say(&waiting);
        waiting.look();
        assert_eq!(io::read_to_string(File::from(reader)).unwrap(), "\n");
        Waiting::new(None).unwrap().tell();
    }

    #[test]
    fn a_reader_that_does_not_read_or_has_gone_holds_up_nobody() {
        let (reader, writer) = pipe_with(PipeFlags::NONBLOCK).unwrap();
        while rustix::io::write(&writer, &[0; 4096]).is_ok() {}
        rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::empty()).unwrap();
        Waiting::new(Some(writer.try_clone().unwrap())).unwrap().tell();
        drop(reader);
        Waiting::new(Some(writer)).unwrap().tell();
    }
}
