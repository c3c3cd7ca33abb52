//! How much a daemon may write to its log, whatever its peers do: a burst, and then 50 MB a day. Pure.
//!
//! Each kind of line has a share of its own, so that a flood of one kind cannot hide another: a worker that somebody has taken
//! over must not silence what its broker says about it. What is left out is counted, and the count is a line once there is
//! room again.

use orlop_machine::Instant;

/// Whose words a line has, which decides from which share it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A worker's.
    Relayed,
    /// This process's own, up to a warning.
    Ordinary,
    /// This process's own where somebody must act, and the last words of a worker that has ended.
    Error,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is written.
    Write,
    /// It is written, after a line which says that so many of its kind were left out.
    WriteAfter(LeftOut),
    /// It is left out, and counted.
    LeaveOut,
}

/// Lines that were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LeftOut {
    /// How many.
    pub(crate) lines: u64,
    /// Their length together, in bytes.
    pub(crate) bytes: u64,
}

/// What a process may still write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Volume {
    relayed: Share,
    ordinary: Share,
    error: Share,
}

/// Bytes that a process may write at once after a silence: long enough a story to understand what happens.
const BURST: u64 = 1 << 20;
/// Bytes a second of a broker and its workers: 13 MB a day.
const PER_SECOND: u64 = 150;
/// Bytes that a broker may write at once which takes the place of one that has failed: about 30 lines. A set can fail 9,500 times
/// a day at most (seven times with growing waits, then once after it ran for a minute), which makes 29 MB.
const BURST_ANEW: u64 = 3 << 10;
/// A supervisor says little: 4 MB a day.
const SUPERVISOR_BURST: u64 = 64 << 10;
const SUPERVISOR_PER_SECOND: u64 = 50;

impl Volume {
    /// Of a process that is the first in its place.
    pub(crate) const fn first() -> Self {
        Self::new(BURST, BURST, PER_SECOND)
    }

    /// Of a broker that takes the place of one that has failed.
    pub(crate) const fn anew() -> Self {
        Self::new(BURST, BURST_ANEW, PER_SECOND)
    }

    /// Of a supervisor.
    pub(crate) const fn supervisor() -> Self {
        Self::new(SUPERVISOR_BURST, SUPERVISOR_BURST, SUPERVISOR_PER_SECOND)
    }

    const fn new(room: u64, left: u64, per_second: u64) -> Self {
        let quarter = Share::new(room / 4, left / 4, per_second / 4);
        Self { relayed: quarter, ordinary: Share::new(room / 2, left / 2, per_second / 2), error: quarter }
    }

    /// Decides on a line of `len` bytes.
    pub(crate) fn take(&mut self, kind: Kind, len: usize, now: Instant) -> Verdict {
        let share = match kind {
            Kind::Relayed => &mut self.relayed,
            Kind::Ordinary => &mut self.ordinary,
            Kind::Error => &mut self.error,
        };
        share.take(len as u64, now)
    }

    /// What was left out and not told yet: for the end of a process.
    pub(crate) fn untold(&mut self) -> LeftOut {
        let Self { relayed, ordinary, error } = self;
        let mut all = LeftOut::default();
        for share in [relayed, ordinary, error] {
            let LeftOut { lines, bytes } = core::mem::take(&mut share.left_out);
            all.lines += lines;
            all.bytes += bytes;
        }
        all
    }
}

/// One bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Share {
    /// Bytes at most.
    room: u64,
    /// Bytes that may be written now.
    left: u64,
    per_second: u64,
    /// Since when the bytes of the next second are counted; nothing before the first line.
    refilled: Option<Instant>,
    left_out: LeftOut,
}

/// How long a count of what was left out may be.
const COUNT: u64 = 160;
/// After a line was left out, so many bytes must be free until the next one of its kind is written: some lines one after the other
/// tell more than one now and then, each with a count before it.
const AGAIN: u64 = 2 << 10;

impl Share {
    const fn new(room: u64, left: u64, per_second: u64) -> Self {
        Self { room, left, per_second, refilled: None, left_out: LeftOut { lines: 0, bytes: 0 } }
    }

    fn take(&mut self, len: u64, now: Instant) -> Verdict {
        self.refill(now);
        let is_dry = self.left_out.lines > 0;
        let needed = if is_dry { (len + COUNT).max(AGAIN.min(self.room)) } else { len };
        if self.left < needed {
            self.left_out.lines += 1;
            self.left_out.bytes = self.left_out.bytes.saturating_add(len);
            return Verdict::LeaveOut;
        }
        if !is_dry {
            self.left -= len;
            return Verdict::Write;
        }
        self.left = self.left.saturating_sub(len + COUNT);
        Verdict::WriteAfter(core::mem::take(&mut self.left_out))
    }

    fn refill(&mut self, now: Instant) {
        let since = *self.refilled.get_or_insert(now);
        let seconds = now.since(since).as_secs();
        if seconds > 0 {
            // By whole seconds, so that no fraction is lost.
            self.refilled = Some(since.after(core::time::Duration::from_secs(seconds)));
            self.left = self.left.saturating_add(seconds.saturating_mul(self.per_second)).min(self.room);
        }
    }
}

#[cfg(test)]
mod tests;
