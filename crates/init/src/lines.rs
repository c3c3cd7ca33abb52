//! What a container writes, as lines that are safe to show and to keep, and how fast it may write them. Pure.

use core::fmt::Write as _;
use core::time::Duration;

use orlop_machine::Instant;

/// The longest line, as in LinuxKit's own log. The rest of a longer one is dropped, and the cut shows.
pub const MAX_LINE: usize = 1024;
/// Lines that a stream may write at once, after a silence: a program that starts has much to say.
pub const BURST: u32 = 400;
/// How long until it may write one more: 50 a second.
pub const PER_LINE: Duration = Duration::from_millis(20);
/// Lines that a stream may write once more when its container has ended: what it said last says why.
pub const LAST: u32 = 4000;
/// What stands at the end of a line that was cut.
const CUT: &str = "...";

/// Cuts a stream of bytes into lines, and takes no more of it than it may write now.
#[derive(Debug, Clone)]
pub struct Lines {
    partial: String,
    /// The line under way was too long, and what fits has been given.
    cut: bool,
    allowance: u32,
    refilled: Instant,
    /// Bytes that became part of no line: the rest of a long one, empty lines. They cost as much as a line of them would.
    wasted: usize,
}

impl Lines {
    /// A stream that begins now.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { partial: String::new(), cut: false, allowance: BURST, refilled: now, wasted: 0 }
    }

    /// Takes of what came as much as may be written now; gives the lines that it ended, and how many bytes that was. The rest is for
    /// later: nothing is dropped.
    pub fn take(&mut self, bytes: &[u8], now: Instant) -> (Vec<String>, usize) {
        self.refill(now);
        let mut lines = Vec::new();
        for (taken, byte) in bytes.iter().enumerate() {
            if self.is_exhausted() {
                return (lines, taken);
            }
            match byte {
                b'\n' => lines.extend(self.end()),
                // Text comes with carriage returns from programs that think of a terminal.
                b'\r' => self.waste(),
                _ => lines.extend(self.push(*byte)),
            }
        }
        (lines, bytes.len())
    }

    /// What comes from here on is the last that its container has written.
    pub fn begin_the_last(&mut self) {
        self.allowance = self.allowance.max(LAST);
    }

    /// Whether nothing more is taken now.
    #[must_use]
    pub const fn is_exhausted(&self) -> bool {
        self.allowance == 0
    }

    /// Ends the line under way, if there is one.
    pub fn end(&mut self) -> Option<String> {
        if core::mem::take(&mut self.cut) {
            return None;
        }
        let text = core::mem::take(&mut self.partial);
        if text.is_empty() {
            self.waste();
            return None;
        }
        self.allowance = self.allowance.saturating_sub(1);
        Some(text)
    }

    /// Gives the line under way when it is too long, and not when it ends: that may never be.
    fn push(&mut self, byte: u8) -> Option<String> {
        // Printable ASCII as it is; anything else could move a cursor or a colour.
        let len = if is_plain(byte) { 1 } else { 4 };
        if self.cut {
            self.waste();
        } else if self.partial.len() + len > MAX_LINE - CUT.len() {
            self.cut = true;
            self.waste();
            self.allowance = self.allowance.saturating_sub(1);
            return Some(core::mem::take(&mut self.partial) + CUT);
        } else if is_plain(byte) {
            self.partial.push(byte.into());
        } else {
            // A String takes whatever is written to it.
            let _ = write!(self.partial, "\\x{byte:02x}");
        }
        None
    }

    fn waste(&mut self) {
        self.wasted += 1;
        if self.wasted >= MAX_LINE {
            self.wasted = 0;
            self.allowance = self.allowance.saturating_sub(1);
        }
    }

    fn refill(&mut self, now: Instant) {
        let steps = now.since(self.refilled).as_nanos() / PER_LINE.as_nanos();
        let more = u32::try_from(steps).unwrap_or(u32::MAX);
        if more > 0 {
            // Counted from the last whole step, so that no fraction is lost.
            self.refilled = self.refilled.after(PER_LINE.saturating_mul(more));
            self.allowance = self.allowance.saturating_add(more).min(BURST);
        }
    }
}

const fn is_plain(byte: u8) -> bool {
    byte == b'\t' || byte == b' ' || byte.is_ascii_graphic()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn bytes_become_lines_that_are_safe_to_show() {
        for (what, text, want) in [
            ("plain", &b"hello\n"[..], &["hello"][..]),
            ("a terminal's line ends", b"a\r\nb\r\n", &["a", "b"]),
            ("a carriage return cannot overwrite", b"good\rbad\n", &["goodbad"]),
            ("an escape sequence", b"\x1b[2Jx\n", &["\\x1b[2Jx"]),
            ("not ASCII", b"\xc3\xa9\n", &["\\xc3\\xa9"]),
            ("tabs", b"a\tb\n", &["a\tb"]),
            ("empty lines", b"\n\n", &[]),
            ("no end", b"a", &[]),
        ] {
            let (lines, taken) = Lines::new(at(0)).take(text, at(0));
            assert_eq!((lines, taken), (want.iter().map(|line| (*line).to_owned()).collect(), text.len()), "{what}");
        }
    }

    #[test]
    fn a_line_may_come_in_pieces_and_lack_its_end() {
        let mut lines = Lines::new(at(0));
        assert_eq!(lines.take(b"ab", at(0)).0, Vec::<String>::new());
        assert_eq!(lines.take(b"c\nd", at(0)).0, ["abc"]);
        assert_eq!(lines.end().as_deref(), Some("d"));
        assert_eq!(lines.end(), None);
    }

    #[test]
    fn a_long_line_is_cut_and_its_rest_dropped() {
        for (what, byte) in [("plain", b'x'), ("escaped", 0)] {
            let mut lines = Lines::new(at(0));
            let mut text = vec![byte; 5 * MAX_LINE];
            text.extend(b"\nnext\n");
            let (out, _) = lines.take(&text, at(0));
            assert_eq!(out.len(), 2, "{what}");
            assert!(out[0].len() <= MAX_LINE && out[0].len() > MAX_LINE - 8, "{what}: {}", out[0].len());
            assert!(out[0].ends_with(CUT), "{what}");
            assert_eq!(out[1], "next", "{what}");
        }
    }

    #[test]
    fn a_line_that_never_ends_is_shown_all_the_same() {
        let mut lines = Lines::new(at(0));
        let shown: Vec<String> = (0..1000).flat_map(|_| lines.take(&[0; MAX_LINE], at(0)).0).collect();
        assert_eq!(shown.len(), 1, "{shown:?}");
        assert!(lines.is_exhausted() && shown[0].starts_with("\\x00") && shown[0].ends_with(CUT), "{shown:?}");
        assert_eq!(lines.end(), None, "nothing is left of it");
    }

    #[test]
    fn of_a_flood_only_so_much_is_taken_at_a_time_and_nothing_is_lost() {
        let mut lines = Lines::new(at(0));
        let flood: Vec<u8> = (0..1000).flat_map(|n| format!("{n}\n").into_bytes()).collect();
        let (mut all, mut taken) = lines.take(&flood, at(0));
        assert_eq!(all.len(), 400, "the burst");
        assert!(lines.is_exhausted());
        assert_eq!(lines.take(&flood[taken..], at(0)), (Vec::new(), 0), "nothing more at once");
        for (millis, count) in [(1000, 50), (1001, 0), (2000, 50)] {
            let (more, bytes) = lines.take(&flood[taken..], at(millis));
            assert_eq!(more.len(), count, "at {millis} ms");
            all.extend(more);
            taken += bytes;
        }
        lines.begin_the_last();
        let (more, _) = lines.take(&flood[taken..], at(2000));
        all.extend(more);
        assert_eq!(all, (0..1000).map(|n| n.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn what_never_becomes_a_line_is_a_flood_as_well() {
        for (what, byte) in [("a line without end", b'x'), ("empty lines", b'\n'), ("carriage returns", b'\r')] {
            let mut lines = Lines::new(at(0));
            let flood = vec![byte; 64 << 10];
            for _ in 0..6 {
                assert!(lines.take(&flood, at(0)).0.len() <= 1 && !lines.is_exhausted(), "{what}: too early");
            }
            let _ = lines.take(&flood, at(0));
            assert!(lines.is_exhausted(), "{what}");
            assert_eq!(
                lines.take(b"\nnext\n", at(60)).0.last().map(String::as_str),
                Some("next"),
                "{what}: it goes on"
            );
        }
    }
}
