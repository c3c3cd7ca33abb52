//! What a container writes: from its pipe to its log, and to the console if it is shown there.

use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use orlop_machine::Instant;
use rustix::pipe::PipeFlags;

use crate::lines::Lines;
use crate::logs::Log;

/// Read at once: as much as a pipe holds, unless somebody has made it larger.
pub const CHUNK: usize = 64 << 10;
/// Read of a container that has ended: as much as anybody without CAP_SYS_RESOURCE can make a pipe hold
/// (`/proc/sys/fs/pipe-max-size`).
const MAX_LEFT: usize = 1 << 20;
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
    /// What was read, and may not be written yet.
    unread: Vec<u8>,
    paused_until: Instant,
    log: Option<Log>,
    last: VecDeque<String>,
}

impl Stream {
    /// A stream that is kept at `log`, and the end of its pipe that is written to.
    ///
    /// # Errors
    /// When there can be no more pipes.
    pub fn new(log: Log, now: Instant) -> io::Result<(Self, OwnedFd)> {
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&read, true)?;
        let (lines, last) = (Lines::new(now), VecDeque::new());
        let stream = Self { pipe: Some(read), lines, unread: Vec::new(), paused_until: now, log: Some(log), last };
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
        if now < self.paused_until {
            return Vec::new();
        }
        let (lines, _) = self.take(chunk, now);
        if self.lines.is_exhausted() {
            self.paused_until = now.after(PAUSE);
        }
        lines
    }

    /// Takes what is left of a container that has ended, and closes pipe and log.
    pub fn finish(&mut self, chunk: &mut [u8], now: Instant) -> Vec<String> {
        let mut lines = Vec::new();
        self.lines.begin_the_last();
        // Somebody may still hold the other end, and write faster than we read.
        let mut left = MAX_LEFT;
        while left > 0 && !self.lines.is_exhausted() {
            let (more, len) = self.take(chunk, now);
            lines.extend(more);
            left = if len == 0 { 0 } else { left.saturating_sub(len) };
        }
        lines.extend(self.left_out(chunk, now));
        lines.extend(self.close(now));
        self.log = None;
        lines
    }

    /// How many lines are left that are too many, as a line.
    fn left_out(&mut self, chunk: &mut [u8], now: Instant) -> Option<String> {
        let mut count = line_ends(&core::mem::take(&mut self.unread));
        let mut left = MAX_LEFT;
        while let Some(len) = self.pipe.as_ref().and_then(|pipe| rustix::io::read(pipe, &mut *chunk).ok())
            && len > 0
            && left > 0
        {
            count += line_ends(chunk.get(..len).unwrap_or_default());
            left = left.saturating_sub(len);
        }
        let line = (count > 0).then(|| format!("({count} lines more)"))?;
        self.keep(std::slice::from_ref(&line), now);
        Some(line)
    }

    /// One look at what was read before, or into the pipe: the lines, and how many bytes were looked at.
    fn take(&mut self, chunk: &mut [u8], now: Instant) -> (Vec<String>, usize) {
        if !self.unread.is_empty() {
            let (lines, taken) = self.lines.take(&self.unread, now);
            self.unread.drain(..taken);
            self.keep(&lines, now);
            return (lines, taken);
        }
        let Some(pipe) = &self.pipe else { return (Vec::new(), 0) };
        match rustix::io::read(pipe, &mut *chunk) {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => (Vec::new(), 0),
            Ok(0) | Err(_) => (self.close(now), 0),
            Ok(len) => {
                let read = chunk.get(..len).unwrap_or_default();
                let (lines, taken) = self.lines.take(read, now);
                self.unread.extend(read.iter().skip(taken));
                self.keep(&lines, now);
                (lines, len)
            }
        }
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
            if let Some(log) = &mut self.log {
                log.append(now, line);
            }
            if self.last.len() == REMEMBERED {
                self.last.pop_front();
            }
            self.last.push_back(line.clone());
        }
    }
}

fn line_ends(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use orlop_testbed::Folder;

    use super::*;
    use crate::logs::Logs;

    const NOW: Instant = Instant::from_nanos(0);

    #[test]
    fn what_is_written_is_shown_kept_and_remembered() {
        let folder = Folder::new("init-stream");
        let path = folder.0.join("a.log");
        let logs = Logs::start();
        let (mut stream, pipe) = Stream::new(logs.log(&path), NOW).unwrap();
        rustix::io::write(&pipe, b"one\ntwo\nthree\n  four\nfi").unwrap();
        assert_eq!(stream.read(&mut [0; 64], NOW), ["one", "two", "three", "  four"]);
        assert_eq!(stream.last_words().as_deref(), Some("two; three; four"));
        assert_eq!(stream.read(&mut [0; 64], NOW), Vec::<String>::new(), "nothing more, and it does not wait");
        drop(pipe);
        assert_eq!(stream.read(&mut [0; 64], NOW), ["fi"], "the end ends the line");
        assert!(stream.waits_for(NOW).is_none());
        assert!(logs.flush(Duration::from_secs(10)));
        assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 5);
    }

    #[test]
    fn a_stream_that_somebody_still_holds_can_be_finished() {
        let folder = Folder::new("init-stream-held");
        let (mut stream, pipe) = Stream::new(Logs::start().log(&folder.0.join("a.log")), NOW).unwrap();
        rustix::io::write(&pipe, b"last\n").unwrap();
        assert_eq!(stream.finish(&mut [0; 64], NOW), ["last"]);
        assert!(stream.waits_for(NOW).is_none());
        drop(pipe);
    }

    #[test]
    fn the_last_words_in_a_pipe_that_was_made_larger_are_heard() {
        let folder = Folder::new("init-stream-large");
        let (mut stream, pipe) = Stream::new(Logs::start().log(&folder.0.join("a.log")), NOW).unwrap();
        rustix::pipe::fcntl_setpipe_size(&pipe, MAX_LEFT).unwrap();
        let mut text = "x".repeat(4 * CHUNK);
        text.push_str("\nlast\n");
        assert_eq!(rustix::io::write(&pipe, text.as_bytes()).unwrap(), text.len());
        assert_eq!(stream.finish(&mut [0; CHUNK], NOW).last().map(String::as_str), Some("last"));
    }

    #[test]
    fn a_stream_that_somebody_still_fills_can_be_finished() {
        let folder = Folder::new("init-stream-filled");
        let (mut stream, pipe) = Stream::new(Logs::start().log(&folder.0.join("a.log")), NOW).unwrap();
        let writer = std::thread::spawn(move || while rustix::io::write(&pipe, &[b'x'; 4096]).is_ok() {});
        assert!(stream.finish(&mut [0; CHUNK], NOW).len() <= 1);
        // Its pipe is closed, which ends it.
        writer.join().unwrap();
    }

    #[test]
    fn all_that_a_container_wrote_before_it_ended_is_there_or_counted() {
        for (what, written, shown, last) in
            [("in one write", 1500, 1500, "1499"), ("more than anybody reads", 9000, 4001, "(5000 lines more)")]
        {
            let folder = Folder::new("init-stream-ended");
            let (mut stream, pipe) = Stream::new(Logs::start().log(&folder.0.join("a.log")), NOW).unwrap();
            let text: String = (0..written).map(|n| format!("{n}\n")).collect();
            assert_eq!(rustix::io::write(&pipe, text.as_bytes()).unwrap(), text.len());
            drop(pipe);
            let lines = stream.finish(&mut [0; CHUNK], NOW);
            assert_eq!((lines.len(), lines.last().map(String::as_str)), (shown, Some(last)), "{what}");
        }
    }

    #[test]
    fn a_flood_makes_its_own_container_wait() {
        let folder = Folder::new("init-stream-flood");
        let (mut stream, pipe) = Stream::new(Logs::start().log(&folder.0.join("a.log")), NOW).unwrap();
        let mut chunk = [0; CHUNK];
        rustix::io::write(&pipe, &b"x\n".repeat(1000)).unwrap();
        assert_eq!(stream.read(&mut chunk, NOW).len(), 400, "the burst");
        rustix::io::write(&pipe, b"later\n").unwrap();
        assert!(stream.waits_for(NOW).is_none());
        assert_eq!(stream.read(&mut chunk, NOW), Vec::<String>::new());
        let then = stream.resumes(NOW).unwrap();
        assert_eq!(then, NOW.after(PAUSE));
        assert!(stream.waits_for(then).is_some());
        assert_eq!(stream.read(&mut chunk, then), ["x"; 5], "fifty a second");
        let much_later = NOW.after(Duration::from_secs(60));
        let lines: Vec<String> = (0..100).flat_map(|n| stream.read(&mut chunk, much_later.after(PAUSE * n))).collect();
        assert_eq!((lines.len(), lines.last().map(String::as_str)), (596, Some("later")), "and nothing is lost");
        assert_eq!(stream.resumes(much_later.after(PAUSE * 100)), None);
    }
}
