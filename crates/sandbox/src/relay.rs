//! A worker's stderr, made harmless on its way to ours.
//!
//! What a worker writes may be written by an intruder. It arrives in the log as lines that are marked as the
//! worker's, escaped, cut to [`MAX_LINE`] and limited in number; it can neither forge a
//! line of the broker nor fill a disk. Its last words, which say why it ends, are written whatever it wrote before.

use core::fmt::Write as _;
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use orlop_machine::Instant;
use tokio::io::Interest;

use crate::clock;
use crate::log::{self, Kind, Line, MAX_LINE};
use crate::sys::Watched;

/// Lines that a worker may write at once, after a silence.
const BURST: u32 = 50;
/// How long until it may write one more: 20 a second.
const PER_LINE: Duration = Duration::from_millis(50);

/// Lines of an error that ends a worker: problem, cause, help.
const LAST_WORDS: usize = 3;

/// Reads that empty a pipe, which has 64 KiB: a worker that goes on writing is not waited for.
const FULL_PIPE: usize = (64 << 10) / MAX_LINE;

/// Reads a worker's stderr and writes it to ours. Clones read from the same pipe. Whoever lets go of one writes down first
/// what is in the pipe by then: a broker that gives up its worker ends, and what the worker said is why.
#[derive(Debug, Clone)]
pub struct Relay(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pipe: Watched,
    lines: Mutex<Lines>,
}

impl Relay {
    /// A relay from `pipe`, which must be non-blocking, of a worker in this `role`. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the loop cannot watch the pipe.
    pub(crate) fn new(pipe: OwnedFd, role: &'static str) -> io::Result<Self> {
        let pipe = Watched::new(pipe, Interest::READABLE)?;
        Ok(Self(Arc::new(Shared { pipe, lines: Mutex::new(Lines::new(role, clock::now())) })))
    }

    /// Relays until the worker has closed its end. Returns how many lines were suppressed.
    pub async fn run(self) -> u64 {
        let mut chunk = [0; MAX_LINE];
        while let Ok(len @ 1..) = self.0.pipe.read(|pipe| Ok(rustix::io::read(pipe, &mut chunk)?)).await {
            self.pass_on(chunk.get(..len).unwrap_or_default());
        }
        self.end();
        self.lines().suppressed
    }

    /// Relays what is in the pipe now, without waiting.
    fn drain(&self) {
        let mut chunk = [0; MAX_LINE];
        for _ in 0..FULL_PIPE {
            match rustix::io::read(self.0.pipe.as_fd(), &mut chunk) {
                Ok(0) => return self.end(),
                Ok(len) => self.pass_on(chunk.get(..len).unwrap_or_default()),
                Err(_) => return,
            }
        }
    }

    fn pass_on(&self, bytes: &[u8]) {
        // Once for all of it: a worker that floods should not cost us more than itself.
        let (now, mut lines) = (clock::now(), self.lines());
        for byte in bytes {
            if let Some(line) = lines.take(*byte, now) {
                lines.write(&line);
            }
        }
    }

    /// The worker writes nothing more.
    fn end(&self) {
        let mut lines = self.lines();
        if let Some(line) = lines.end(clock::now()) {
            lines.write(&line);
        }
        for line in lines.last_words() {
            log::emit(Kind::Error, &line);
        }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        // Poisoned only by a panic, which ends the process.
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.drain();
    }
}

/// Cuts a stream of bytes into lines and decides which of them are let through.
#[derive(Debug)]
struct Lines {
    role: &'static str,
    partial: Vec<u8>,
    allowance: u32,
    refilled: Instant,
    /// In all.
    suppressed: u64,
    /// Since the last line that was let through.
    unreported: u64,
    /// What the last line that was let through was made of.
    passed: Vec<u8>,
    /// What the last ones were made of that were not let through since then, for the case that nothing comes after them.
    last: VecDeque<Vec<u8>>,
}

impl Lines {
    fn new(role: &'static str, now: Instant) -> Self {
        Self {
            role,
            partial: Vec::with_capacity(MAX_LINE),
            allowance: BURST,
            refilled: now,
            suppressed: 0,
            unreported: 0,
            passed: Vec::new(),
            last: VecDeque::with_capacity(LAST_WORDS),
        }
    }

    /// Writes a line that was let through, if the log has room for it.
    fn write(&mut self, line: &[u8]) {
        if !log::emit(Kind::Relayed, line) {
            let passed = core::mem::take(&mut self.passed);
            self.keep(passed);
        }
    }

    fn keep(&mut self, text: Vec<u8>) {
        if self.last.len() == LAST_WORDS {
            self.last.pop_front();
        }
        self.last.push_back(text);
    }

    /// What the worker wrote last, if it was not let through, after how much else was not.
    fn last_words(&mut self) -> Vec<Vec<u8>> {
        let more = self.unreported.saturating_sub(self.last.len() as u64);
        self.unreported = 0;
        let count = (more > 0).then(|| self.line(more, b""));
        let last = core::mem::take(&mut self.last);
        count.into_iter().chain(last.iter().map(|text| self.line(0, text))).collect()
    }

    /// A line of the log made of what a worker wrote, which tells how many were suppressed before it.
    fn line(&self, suppressed: u64, text: &[u8]) -> Vec<u8> {
        let mut line = Line::new();
        let _whole = write!(line, "{}| ", self.role);
        if suppressed > 0 {
            let _whole = write!(line, "({suppressed} lines suppressed) ");
        }
        line.escaped().push_bytes(text);
        line.finish()
    }

    /// Takes one byte; gives a line when it ended one that is let through.
    fn take(&mut self, byte: u8, now: Instant) -> Option<Vec<u8>> {
        if byte != b'\n' {
            // The rest of a line that is too long is dropped: it is not the start of another.
            if self.partial.len() < MAX_LINE {
                self.partial.push(byte);
            }
            return None;
        }
        self.end(now)
    }

    /// Ends the line under way, if there is one.
    fn end(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.partial.is_empty() {
            return None;
        }
        self.refill(now);
        let text = core::mem::replace(&mut self.partial, Vec::with_capacity(MAX_LINE));
        let Some(left) = self.allowance.checked_sub(1) else {
            self.suppressed += 1;
            self.unreported += 1;
            self.keep(text);
            return None;
        };
        self.allowance = left;
        self.last.clear();
        let suppressed = core::mem::take(&mut self.unreported);
        let line = self.line(suppressed, &text);
        self.passed = text;
        Some(line)
    }

    fn refill(&mut self, now: Instant) {
        let waited = now.since(self.refilled).as_nanos() / PER_LINE.as_nanos();
        let more = u32::try_from(waited).unwrap_or(u32::MAX);
        if more == 0 {
            return;
        }
        // Counted from the last whole step while the allowance grows, so that no fraction is lost.
        self.refilled = self.refilled.after(PER_LINE.saturating_mul(more));
        self.allowance = self.allowance.saturating_add(more).min(BURST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    fn feed(lines: &mut Lines, text: &[u8], now: Instant) -> Vec<String> {
        text.iter().filter_map(|byte| lines.take(*byte, now)).map(|line| String::from_utf8(line).unwrap()).collect()
    }

    #[test]
    fn a_line_cannot_pass_for_another_ones() {
        let mut lines = Lines::new("worker", at(0));
        for (what, text, want) in [
            ("plain", &b"INFO hello\n"[..], &["worker| INFO hello\n"][..]),
            ("carriage return", b"a\rERROR broker\n", &["worker| a\\rERROR broker\n"]),
            ("escape sequence", b"\x1b[2Jx\n", &["worker| \\x1b[2Jx\n"]),
            ("not UTF-8", b"\xff\n", &["worker| \\xff\n"]),
            ("empty lines", b"\n\n", &[]),
            ("two lines", b"a\nb\n", &["worker| a\n", "worker| b\n"]),
        ] {
            assert_eq!(feed(&mut lines, text, at(0)), want, "{what}");
        }
    }

    #[test]
    fn a_long_line_is_cut_and_its_rest_dropped() {
        let mut lines = Lines::new("worker", at(0));
        let mut text = vec![b'x'; 5 * MAX_LINE];
        text.push(b'\n');
        let out = feed(&mut lines, &text, at(0));
        assert_eq!(out.len(), 1);
        assert_eq!(out[0].len(), MAX_LINE);
        assert!(out[0].ends_with("x...\n"));
    }

    #[test]
    fn a_flood_is_suppressed_and_counted() {
        let mut lines = Lines::new("worker", at(0));
        let flood = b"x\n".repeat(1000);
        assert_eq!(feed(&mut lines, &flood, at(0)).len(), 50, "the burst");
        assert_eq!(feed(&mut lines, &flood, at(1000)).len(), 20, "a second later");
        assert_eq!(lines.suppressed, 950 + 980);
        let next = feed(&mut lines, b"y\n", at(1050));
        assert_eq!(next, ["worker| (980 lines suppressed) y\n"]);
    }

    #[test]
    fn the_last_words_are_not_lost_in_a_flood() {
        let mut lines = Lines::new("worker", at(0));
        feed(&mut lines, &b"x\n".repeat(100), at(0));
        feed(&mut lines, b"error: it is over\n  caused by: a bug\n  help: report it\n", at(0));
        let words: Vec<String> = lines.last_words().into_iter().map(|line| String::from_utf8(line).unwrap()).collect();
        let want = [
            "worker| (50 lines suppressed) \n",
            "worker| error: it is over\n",
            "worker|   caused by: a bug\n",
            "worker|   help: report it\n",
        ];
        assert_eq!(words, want);
        assert!(lines.last_words().is_empty(), "once");
        feed(&mut lines, b"spoken\n", at(1000));
        assert!(lines.last_words().is_empty(), "what came through is not said twice");
    }
}
