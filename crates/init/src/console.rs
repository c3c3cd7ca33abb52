//! The machine's console: it is shown what happens, and never waited for.

use core::time::Duration;
use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use orlop_machine::Instant;
use orlop_sandbox::clock;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::record::{millis, seconds};

/// What may wait for a console that is slower than we are: a serial line takes five seconds for it.
const MAX_PENDING: usize = 64 << 10;

/// How long the last lines may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Lines on their way to the console. One that stands still loses lines, and the loss is shown when it goes on.
#[derive(Debug)]
pub struct Console {
    device: Option<OwnedFd>,
    pending: VecDeque<u8>,
    lost: u64,
}

impl Console {
    /// Opens the console and makes it our own stdin, stdout and stderr. Without one there is nobody to tell.
    #[must_use]
    pub fn open() -> Self {
        let open = |flags| rustix::fs::open("/dev/console", flags | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty());
        if let Ok(standard) = open(OFlags::RDWR) {
            // What panics is seen there. If it fails we keep what the kernel gave us.
            let _ = rustix::stdio::dup2_stdin(&standard);
            let _ = rustix::stdio::dup2_stdout(&standard);
            let _ = rustix::stdio::dup2_stderr(&standard);
        }
        Self { device: open(OFlags::WRONLY | OFlags::NONBLOCK).ok(), pending: VecDeque::new(), lost: 0 }
    }

    /// A console that nobody sees.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self { device: None, pending: VecDeque::new(), lost: 0 }
    }

    /// Shows a line of ours.
    pub fn say(&mut self, now: Instant, line: &str) {
        self.show(now, "orlop-init", line);
    }

    /// Shows a line of somebody's.
    pub fn show(&mut self, now: Instant, who: &str, line: &str) {
        if self.pending.len() > MAX_PENDING {
            self.lost = self.lost.saturating_add(1);
            return;
        }
        if self.lost > 0 {
            let text = format!("[{:>9}] orlop-init: {} lines are not shown\n", seconds(millis(now)), self.lost);
            self.pending.extend(text.bytes());
            self.lost = 0;
        }
        self.pending.extend(format!("[{:>9}] {who}: {line}\n", seconds(millis(now))).bytes());
        self.flush();
    }

    /// Writes as much as the console takes.
    pub fn flush(&mut self) {
        let Some(device) = &self.device else {
            self.pending.clear();
            return;
        };
        while !self.pending.is_empty() {
            let (first, _) = self.pending.as_slices();
            match rustix::io::write(device, first) {
                Ok(0) | Err(Errno::AGAIN | Errno::INTR) => return,
                // A line without a port, or one that was hung up: poll(2) would say at once that there is something to do.
                Err(_) => return self.pending.clear(),
                Ok(len) => drop(self.pending.drain(..len)),
            }
        }
    }

    /// Waits for the console, once: the machine goes off, and there is time for [`PATIENCE`].
    pub fn drain(&mut self) {
        let until = clock::now().after(PATIENCE);
        while let Some(device) = self.waits_for()
            && clock::now() < until
        {
            let mut watched = [PollFd::from_borrowed_fd(device, PollFlags::OUT)];
            let _ = rustix::event::poll(&mut watched, Some(&Timespec { tv_sec: 0, tv_nsec: 100_000_000 }));
            self.flush();
        }
    }

    /// The device, while there is something to write to it.
    #[must_use]
    pub fn waits_for(&self) -> Option<BorrowedFd<'_>> {
        self.device.as_ref().filter(|_| !self.pending.is_empty()).map(AsFd::as_fd)
    }
}

#[cfg(test)]
mod tests {
    use rustix::pipe::{PipeFlags, pipe_with};

    use super::*;

    const NOW: Instant = Instant::from_nanos(0);

    #[test]
    fn a_console_that_stands_still_is_waited_for_and_one_that_is_broken_is_not() {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap();
        let mut console = Console { device: Some(write), pending: VecDeque::new(), lost: 0 };
        let line = "x".repeat(1024);
        for _ in 0..1000 {
            console.show(NOW, "a", &line);
        }
        assert!(console.waits_for().is_some() && console.lost > 0, "it takes no more");
        assert!(console.pending.len() <= MAX_PENDING + 2 * line.len(), "and not all is kept");
        drop(read);
        console.flush();
        assert!(console.waits_for().is_none(), "nobody will ever take it");
    }
}
