//! Names where they stand in a message (RFC 1035 section 4.1.4): checked once, compared and copied without being unpacked.

use core::ops::Range;

use crate::header::HEADER;

/// Bytes of a name on the wire, with its lengths and the final zero (RFC 1035 section 2.3.4).
pub(crate) const MAX_NAME: usize = 255;

/// Bytes of a TTL.
const TTL: usize = 4;

/// Pointers that are followed in one name: a name has 127 labels at most, and who compresses well needs one for each.
const MAX_POINTERS: usize = 127;

/// A name that has been read: every label is within the message, every pointer leads back, all of it is no longer than
/// [`MAX_NAME`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name<'m> {
    message: &'m [u8],
    at: usize,
}

impl<'m> Name<'m> {
    /// Reads the name at `at`, and says where what follows begins. `None` when it is not a name.
    ///
    /// A pointer must lead to before the piece that it ends, so that no name is without end, and not into the header.
    pub(crate) fn read(message: &'m [u8], at: usize) -> Option<(Self, usize)> {
        let (mut end, mut piece, mut position) = (None, at, at);
        let (mut length, mut pointers) = (1_usize, 0_usize);
        loop {
            match Step::of(message, position)? {
                Step::End => {
                    let after = position.checked_add(1)?;
                    return Some((Self { message, at }, end.unwrap_or(after)));
                }
                Step::Label(label) => {
                    let size = label.len().checked_add(1)?;
                    length = length.checked_add(size).filter(|length| *length <= MAX_NAME)?;
                    position = position.checked_add(size)?;
                }
                Step::Pointer(to) => {
                    pointers = pointers.checked_add(1).filter(|pointers| *pointers <= MAX_POINTERS)?;
                    if to >= piece || to < HEADER {
                        return None;
                    }
                    end = end.or(position.checked_add(2));
                    (piece, position) = (to, to);
                }
            }
        }
    }

    /// The name of a question: it is in one piece.
    pub(crate) fn read_whole(message: &'m [u8], at: usize) -> Option<(Self, usize)> {
        let (name, end) = Self::read(message, at)?;
        (name.length().checked_add(at)? == end).then_some((name, end))
    }

    /// Its labels, without the root's.
    pub(crate) fn labels(self) -> impl Iterator<Item = &'m [u8]> {
        let mut position = self.at;
        core::iter::from_fn(move || {
            loop {
                match Step::of(self.message, position)? {
                    Step::End => return None,
                    Step::Pointer(to) => position = to,
                    Step::Label(label) => {
                        position = position.checked_add(label.len())?.checked_add(1)?;
                        return Some(label);
                    }
                }
            }
        })
    }

    /// Bytes of it without pointers.
    pub(crate) fn length(self) -> usize {
        self.labels().fold(1, |length, label| length.saturating_add(label.len()).saturating_add(1))
    }

    /// Where it stands, when it is in one piece.
    pub(crate) fn written_at(self) -> Option<Range<usize>> {
        let end = self.at.checked_add(self.length())?;
        let (_, after) = Self::read(self.message, self.at)?;
        (after == end).then_some(self.at..end)
    }

    /// Whether a pointer has led it through one of these TTLs, which are in order. What they count down would be the name's bytes.
    pub(crate) fn goes_through(self, ttls: &[usize]) -> bool {
        let mut position = self.at;
        while let Some(step) = Step::of(self.message, position) {
            let end = position.saturating_add(step.length());
            let next = ttls.partition_point(|ttl| ttl.saturating_add(TTL) <= position);
            if ttls.get(next).is_some_and(|ttl| *ttl < end) {
                return true;
            }
            position = match step {
                Step::End => return false,
                Step::Pointer(to) => to,
                Step::Label(_) => end,
            };
        }
        false
    }

    /// Writes it without pointers.
    pub(crate) fn write(self, to: &mut Vec<u8>) {
        for label in self.labels() {
            to.push(u8::try_from(label.len()).unwrap_or(0));
            to.extend_from_slice(label);
        }
        to.push(0);
    }
}

/// Case does not count (RFC 4343).
impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        if core::ptr::eq(self.message, other.message) && self.at == other.at {
            return true;
        }
        let (mut ours, mut theirs) = (self.labels(), other.labels());
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return true,
                (Some(one), Some(two)) if one.eq_ignore_ascii_case(two) => {}
                (Some(_), Some(_)) | (None, Some(_)) | (Some(_), None) => return false,
            }
        }
    }
}

/// What stands at one place of a name.
enum Step<'m> {
    End,
    Label(&'m [u8]),
    Pointer(usize),
}

impl<'m> Step<'m> {
    /// Bytes that it has where it stands.
    fn length(&self) -> usize {
        match self {
            Self::End => 1,
            Self::Label(label) => label.len().saturating_add(1),
            Self::Pointer(_) => 2,
        }
    }

    fn of(message: &'m [u8], at: usize) -> Option<Self> {
        let (first, rest) = message.get(at..)?.split_first()?;
        match first {
            0 => Some(Self::End),
            1..=0x3f => Some(Self::Label(rest.get(..usize::from(*first))?)),
            0xc0.. => {
                let low = rest.first()?;
                Some(Self::Pointer(usize::from(u16::from_be_bytes([first & 0x3f, *low]))))
            }
            // The two other kinds of label were never used (RFC 6891 section 5).
            0x40..=0xbf => None,
        }
    }
}

#[cfg(test)]
mod tests;
