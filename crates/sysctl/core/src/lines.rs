//! Pieces of a file, cut anywhere, to lines.

use orlop_sysctl_contract::{MAX_LINE, Origin};

/// What editors of another system put at the start of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The line that is being collected.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    source: Option<u16>,
    /// Number of the line, from 0.
    number: u32,
    line: Vec<u8>,
    long: bool,
}

/// A line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) origin: Origin,
    pub(crate) bytes: &'a [u8],
    /// The bytes are the first [`MAX_LINE`] of more.
    pub(crate) long: bool,
}

impl Lines {
    /// Takes the next piece of a source, and gives each line that is complete with it to `each`.
    pub(crate) fn feed(&mut self, source: u16, piece: &[u8], last: bool, mut each: impl FnMut(&Line<'_>)) {
        if self.source != Some(source) {
            *self = Self { source: Some(source), ..Self::default() };
        }
        let mut pieces = piece.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            self.append(piece);
            let at_the_end = pieces.peek().is_none();
            // Without a line end at its very end, the last line is one all the same.
            if !at_the_end || (last && !self.line.is_empty()) {
                self.number = self.number.saturating_add(1);
                each(&self.line(source));
                self.line.clear();
                self.long = false;
            }
        }
        if last {
            *self = Self::default();
        }
    }

    fn append(&mut self, piece: &[u8]) {
        let room = MAX_LINE.saturating_sub(self.line.len());
        self.long |= piece.len() > room;
        self.line.extend(piece.iter().take(room));
    }

    fn line(&self, source: u16) -> Line<'_> {
        let mut bytes = self.line.as_slice();
        if self.number == 1 {
            bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        }
        Line { origin: Origin { source, line: self.number }, bytes, long: self.long }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<(u32, Vec<u8>, bool)> {
        let mut lines = Lines::default();
        let mut said = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            let last = index + 1 == pieces.len();
            lines.feed(0, piece, last, |line| said.push((line.origin.line, line.bytes.to_vec(), line.long)));
        }
        said
    }

    #[test]
    fn a_line_ends_at_its_end_or_with_the_source() {
        for (what, pieces, want) in [
            ("with a line end", &[&b"a\nb\n"[..]][..], vec![(1, "a"), (2, "b")]),
            ("without", &[b"a\nb"], vec![(1, "a"), (2, "b")]),
            ("cut in a line", &[b"a\nb", b"c\n"], vec![(1, "a"), (2, "bc")]),
            ("cut before a line end", &[b"a", b"\nb"], vec![(1, "a"), (2, "b")]),
            ("empty lines", &[b"\n\na"], vec![(1, ""), (2, ""), (3, "a")]),
            ("an empty piece at the end", &[b"a", b""], vec![(1, "a")]),
            ("nothing", &[b""], vec![]),
            ("a byte order mark", &[b"\xef\xbb", b"\xbfa\n\xef\xbb\xbfb"], vec![(1, "a"), (2, "\u{feff}b")]),
        ] {
            let want: Vec<_> = want.into_iter().map(|(n, text)| (n, text.as_bytes().to_vec(), false)).collect();
            assert_eq!(lines(pieces), want, "{what}");
        }
    }

    #[test]
    fn a_line_may_be_as_long_as_allowed_and_no_longer() {
        for (what, length, want) in [("the longest", MAX_LINE, false), ("a byte more", MAX_LINE + 1, true)] {
            let text = vec![b'x'; length];
            for pieces in [&[&text[..]][..], &[&text[..7], &text[7..]]] {
                let [(_, bytes, long)] = lines(pieces).try_into().unwrap();
                assert_eq!((bytes.len(), long), (MAX_LINE, want), "{what}");
            }
        }
    }

    #[test]
    fn a_long_line_is_cut_and_does_not_grow_memory() {
        let mut lines = Lines::default();
        let mut said = Vec::new();
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..10 {
            lines.feed(0, &piece, false, |line| said.push(line.origin.line));
            assert!(lines.line.capacity() <= 2 * MAX_LINE, "{}", lines.line.capacity());
        }
        assert!(said.is_empty());
        lines.feed(0, b"\nshort", true, |line| said.push(if line.long { line.origin.line } else { 100 }));
        assert_eq!(said, [1, 100], "one long line, and the next one is its own");
    }

    #[test]
    fn lines_are_counted_in_each_source() {
        let (mut lines, mut said) = (Lines::default(), Vec::new());
        for source in 0..2 {
            lines.feed(source, b"a\nb", true, |line| said.push((line.origin.source, line.origin.line)));
        }
        assert_eq!(said, [(0, 1), (0, 2), (1, 1), (1, 2)]);
    }

    #[test]
    fn what_is_left_of_a_source_that_breaks_off_is_no_part_of_the_next() {
        let (mut lines, mut said) = (Lines::default(), Vec::new());
        for (source, last) in [(0, false), (1, true)] {
            lines.feed(source, b"a\nb", last, |line| {
                said.push((line.origin.source, line.origin.line, line.bytes.to_vec()));
            });
        }
        assert_eq!(said, [(0, 1, b"a".to_vec()), (1, 1, b"a".to_vec()), (1, 2, b"b".to_vec())]);
    }

    proptest! {
        #[test]
        fn where_the_text_is_cut_does_not_matter(
            text in prop::collection::vec(prop::sample::select(b"\n\na\xef\xbb\xbf".to_vec()), 0..40),
            cuts in prop::collection::vec(0_usize..40, 0..5),
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect();
            prop_assert_eq!(lines(&pieces), lines(&[&text]));
        }
    }
}
