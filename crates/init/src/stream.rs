//! What a container writes: from its pipe to its log, and to the console if it is shown there.

use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use orlop_machine::Instant;
use rustix::pipe::PipeFlags;

use crate::lines::Lines;
use crate::log_file::LogFile;

/// Read at once: as much as a pipe holds.
pub const CHUNK: usize = 64 << 10;
/// How long a stream that has used up its lines is not read: its container waits, and not the machine.
pub const PAUSE: Duration = Duration::from_millis(100);
/// Lines that are remembered to say why a container could not be made.
const REMEMBERED: usize = 3;

/// One of the two streams of one container.
#[derive(Debug)]
pub struct Stream {
    /// `None` when it has ended.
    pipe: Option<OwnedFd>,
    lines: Lines,
    paused_until: Instant,
    log: Option<LogFile>,
    last: VecDeque<String>,
}

impl Stream {
    /// A stream that is kept at `log`, and the end of its pipe that is written to.
    ///
    /// # Errors
    /// When there can be no more pipes. Without a log it is still read, and shown.
    pub fn new(log: &Path, now: Instant) -> io::Result<(Self, OwnedFd)> {
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&read, true)?;
        let (lines, log) = (Lines::new(now), LogFile::open(log).ok());
        let stream = Self { pipe: Some(read), lines, paused_until: now, log, last: VecDeque::new() };
        Ok((stream, write))
    }

    /// Its pipe, until it has ended, and unless it is paused.
    #[must_use]
    pub fn waits_for(&self, now: Instant) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().filter(|_| now >= self.paused_until).map(AsFd::as_fd)
    }

    /// When its pause ends, if it is in one.
    #[must_use]
    pub fn resumes(&self, now: Instant) -> Option<Instant> {
        (self.pipe.is_some() && now < self.paused_until).then_some(self.paused_until)
    }

    /// Takes what was written, if there is something, by way of `chunk`; gives the lines for the console.
    pub fn read(&mut self, chunk: &mut [u8], now: Instant) -> Vec<String> {
        let Some(pipe) = self.pipe.as_ref().filter(|_| now >= self.paused_until) else { return Vec::new() };
        let lines = match rustix::io::read(pipe, &mut *chunk) {
            Ok(0) => return self.close(now),
            Ok(len) => self.lines.take(chunk.get(..len).unwrap_or_default(), now),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Vec::new(),
            Err(_) => return self.close(now),
        };
        if self.lines.is_exhausted() {
            self.paused_until = now.after(PAUSE);
        }
        self.keep(&lines, now);
        lines
    }

    /// Takes what is left of a container that has ended, and closes pipe and log.
    pub fn finish(&mut self, chunk: &mut [u8], now: Instant) -> Vec<String> {
        // At most what the pipe held; nobody is left to write more than that.
        self.paused_until = now;
        let mut lines = self.read(chunk, now);
        lines.extend(self.close(now));
        self.log = None;
        lines
    }

    /// What was said last, as one line.
    #[must_use]
    pub fn last_words(&self) -> Option<String> {
        let words: Vec<&str> = self.last.iter().map(|line| line.trim()).collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    fn close(&mut self, now: Instant) -> Vec<String> {
        self.pipe = None;
        let lines: Vec<_> = self.lines.end().into_iter().collect();
        self.keep(&lines, now);
        lines
    }

    fn keep(&mut self, lines: &[String], now: Instant) {
        for line in lines {
            // A full disk loses lines; there is nobody else to tell them to.
            let _ = self.log.as_mut().map(|log| log.append(now, line));
            if self.last.len() == REMEMBERED {
                self.last.pop_front();
            }
            self.last.push_back(line.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use orlop_testbed::Folder;

    use super::*;

    const NOW: Instant = Instant::from_nanos(0);

    #[test]
    fn what_is_written_is_shown_kept_and_remembered() {
        let folder = Folder::new("init-stream");
        let path = folder.0.join("a.log");
        let (mut stream, pipe) = Stream::new(&path, NOW).unwrap();
        rustix::io::write(&pipe, b"one\ntwo\nthree\n  four\nfi").unwrap();
        assert_eq!(stream.read(&mut [0; 64], NOW), ["one", "two", "three", "  four"]);
        assert_eq!(stream.last_words().as_deref(), Some("two; three; four"));
        assert_eq!(stream.read(&mut [0; 64], NOW), Vec::<String>::new(), "nothing more, and it does not wait");
        drop(pipe);
        assert_eq!(stream.read(&mut [0; 64], NOW), ["fi"], "the end ends the line");
        assert!(stream.waits_for(NOW).is_none());
        assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 5);
    }

    #[test]
    fn a_stream_that_somebody_still_holds_can_be_finished() {
        let folder = Folder::new("init-stream-held");
        let (mut stream, pipe) = Stream::new(&folder.0.join("a.log"), NOW).unwrap();
        rustix::io::write(&pipe, b"last\n").unwrap();
        assert_eq!(stream.finish(&mut [0; 64], NOW), ["last"]);
        assert!(stream.waits_for(NOW).is_none());
        drop(pipe);
    }

    #[test]
    fn a_flood_makes_its_own_container_wait() {
        let folder = Folder::new("init-stream-flood");
        let (mut stream, pipe) = Stream::new(&folder.0.join("a.log"), NOW).unwrap();
        let mut chunk = [0; CHUNK];
        rustix::io::write(&pipe, &b"x\n".repeat(1000)).unwrap();
        assert_eq!(stream.read(&mut chunk, NOW).len(), 400, "the burst");
        rustix::io::write(&pipe, b"later\n").unwrap();
        assert!(stream.waits_for(NOW).is_none());
        assert_eq!(stream.read(&mut chunk, NOW), Vec::<String>::new());
        let then = stream.resumes(NOW).unwrap();
        assert_eq!(then, NOW.after(PAUSE));
        assert!(stream.waits_for(then).is_some());
        assert_eq!(stream.read(&mut chunk, then), ["(600 lines suppressed) later"]);
        assert_eq!(stream.resumes(then), None);
    }
}
