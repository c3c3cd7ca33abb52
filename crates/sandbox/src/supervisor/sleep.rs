//! How a supervisor sleeps: until a signal, a request of its broker, or a moment.

use core::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use orlop_machine::Instant;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::{clock, sys};

/// What wakes a supervisor.
#[derive(Debug)]
pub(super) struct Sleep {
    signals: OwnedFd,
}

/// Why it was woken. Nothing of it, when the moment has come.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Woken {
    /// A signal that has come.
    pub(super) signal: Option<c_int>,
    /// Whether each of the requests was made.
    pub(super) asked: Vec<bool>,
}

/// It looks again after as many seconds at the latest.
const LONGEST: i64 = 3600;

impl Sleep {
    /// Sleeps until one of `signals`, which must be blocked.
    pub(super) fn new(signals: &[c_int]) -> io::Result<Self> {
        Ok(Self { signals: sys::signal_descriptor(signals)? })
    }

    /// Sleeps until a signal has come, one of the eventfds in `requests` has been written to, or it is `wake`.
    pub(super) fn until(&self, wake: Option<Instant>, requests: &[BorrowedFd<'_>]) -> io::Result<Woken> {
        let wait = wake.map(|wake| wake.since(clock::now()));
        let seconds =
            wait.and_then(|wait| i64::try_from(wait.as_secs()).ok()).map_or(LONGEST, |secs| secs.min(LONGEST));
        let limit = Timespec { tv_sec: seconds, tv_nsec: wait.map_or(0, |wait| wait.subsec_nanos().into()) };
        let watched = [self.signals.as_fd()].into_iter().chain(requests.iter().copied());
        let mut watched: Vec<PollFd<'_>> = watched.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        match poll(&mut watched, Some(&limit)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let mut has_news = watched.iter().map(|fd| fd.revents().contains(PollFlags::IN));
        let signal = if has_news.next() == Some(true) { self.signal() } else { None };
        // An eventfd is read to its end in one read: 8 bytes, a number that nobody looks at.
        let asked =
            requests.iter().zip(has_news).map(|(fd, news)| news && rustix::io::read(fd, &mut [0_u8; 8]).is_ok());
        Ok(Woken { signal, asked: asked.collect() })
    }

    /// The next signal. `struct signalfd_siginfo` has 128 bytes, of which the first four are its number.
    fn signal(&self) -> Option<c_int> {
        let mut information = [0; 128];
        rustix::io::read(&self.signals, &mut information).ok()?;
        let [a, b, c, d, ..] = information;
        Some(c_int::from_ne_bytes([a, b, c, d]))
    }
}
