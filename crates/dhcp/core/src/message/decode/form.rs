//! What the bytes of each option must look like, and how much of them does.

use crate::option::Join;

/// What the bytes of an option must look like.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// So many bytes. More of them say nothing.
    Fixed(usize),
    /// Members of so many bytes each, one at least.
    List(usize),
    /// Text or an identifier: from one byte to so many.
    Text(usize),
    /// Names of RFC 1035, each complete, in at most so many bytes.
    Names(usize),
    /// Destination descriptors and routers of RFC 3442, each complete.
    Routes,
}

/// The options in use (RFC 2132 unless said otherwise) and their forms.
const FORMS: &[(u8, Form)] = &[
    (1, Form::Fixed(4)),
    (3, Form::List(4)),
    (6, Form::List(4)),
    // A name has 253 characters; some servers count a final zero byte or two.
    (12, Form::Text(255)),
    // Several domains, as people write them.
    (15, Form::Text(1024)),
    (26, Form::Fixed(2)),
    (28, Form::Fixed(4)),
    (33, Form::List(8)),
    (42, Form::List(4)),
    (51, Form::Fixed(4)),
    (53, Form::Fixed(1)),
    (54, Form::Fixed(4)),
    (58, Form::Fixed(4)),
    (59, Form::Fixed(4)),
    (61, Form::Text(255)),
    (80, Form::Fixed(0)),
    // RFC 3397.
    (119, Form::Names(MAX_NAMES)),
    (121, Form::Routes),
    (245, Form::Fixed(4)),
    (249, Form::Routes),
];

/// Bytes of names that are read. Pointers make short bytes long text: this much can decode to half a megabyte for a moment.
const MAX_NAMES: usize = 1024;

/// Whether option `code` is read at all.
pub(in crate::message) fn is_used(code: u8) -> bool {
    form(code).is_some()
}

pub(super) fn form(code: u8) -> Option<Form> {
    FORMS.iter().find(|(have, _)| *have == code).map(|(_, form)| *form)
}

impl Form {
    /// How its instances make one value.
    pub(super) const fn join(self) -> Join {
        match self {
            Self::Text(_) => Join::Cut,
            Self::Fixed(_) | Self::List(_) | Self::Names(_) | Self::Routes => Join::All,
        }
    }

    /// Whether nothing is a value.
    pub(super) const fn may_be_empty(self) -> bool {
        matches!(self, Self::Fixed(0))
    }

    /// How many bytes of `data`, from its start, have this form.
    pub(super) fn whole(self, data: &[u8]) -> usize {
        match self {
            Self::Fixed(len) if data.len() < len => 0,
            Self::Fixed(len) => len,
            Self::List(member) => data.len().saturating_sub(data.len().checked_rem(member).unwrap_or(0)),
            Self::Text(max) if data.len() > max => 0,
            Self::Text(_) => data.len(),
            Self::Names(max) => members(data.get(..max).unwrap_or(data), name).0,
            Self::Routes => members(data, route).0,
        }
    }
}

/// How many names of option 119 are complete, whether or not their pointers lead anywhere.
pub(super) fn count_names(data: &[u8]) -> usize {
    members(data.get(..MAX_NAMES).unwrap_or(data), name).1
}

/// The length and the number of all members that stand complete at the start of `data`. `first` is the length of the first
/// one there.
fn members(data: &[u8], first: fn(&[u8]) -> Option<usize>) -> (usize, usize) {
    let (mut whole, mut count) = (0_usize, 0_usize);
    while let Some(len) = data.get(whole..).and_then(first) {
        whole = whole.saturating_add(len);
        count = count.saturating_add(1);
    }
    (whole, count)
}

/// Labels up to a zero or a pointer.
fn name(data: &[u8]) -> Option<usize> {
    let mut end: usize = 0;
    loop {
        // RFC 1035 section 4.1.4: 00 is a label, 11 a pointer of two bytes, 01 and 10 are reserved.
        let len = *data.get(end)?;
        let (skip, last) = match len {
            0 => (1, true),
            1..=63 => (usize::from(len).saturating_add(1), false),
            64..=191 => return None,
            192..=255 => (2, true),
        };
        end = end.saturating_add(skip);
        if last {
            return (end <= data.len()).then_some(end);
        }
    }
}

/// Width, the significant bytes of the destination, four bytes of router.
fn route(data: &[u8]) -> Option<usize> {
    let width = *data.first()?;
    let len = usize::from(width.div_ceil(8)).saturating_add(5);
    (width <= 32 && len <= data.len()).then_some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_too_short_or_too_long_has_no_part_of_its_form() {
        for (what, form, data, want) in [
            ("too short", Form::Fixed(4), &b"abc"[..], 0),
            ("long enough", Form::Fixed(4), b"abcd", 4),
            ("something behind", Form::Fixed(4), b"abcde", 4),
            ("a text of the longest length", Form::Text(3), b"abc", 3),
            ("a longer text", Form::Text(3), b"abcd", 0),
            ("half a member of a list", Form::List(4), b"abcdef", 4),
        ] {
            assert_eq!(form.whole(data), want, "{what}");
        }
    }
}
