//! Extension fields (RFC 7822) and the code that may follow them (RFC 5905 figure 8).

use orlop_ntp_contract::Discard;

/// Extension fields of one packet, at most: NTS sends a handful, and each costs its reader time.
pub const MAX_EXTENSIONS: usize = 16;

/// Shortest field (RFC 7822 section 7.5).
const SHORTEST: usize = 16;

/// Longest message authentication code: a key number and 160 bits. What is not longer than this at the end of a packet is a
/// code, what is longer begins with a field (RFC 7822 section 7.5.1).
const LONGEST_MAC: usize = 24;

/// The lengths that a code has: crypto-NAK, MD5, SHA-1.
const MACS: [usize; 3] = [4, 20, LONGEST_MAC];

/// One extension field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension<'p> {
    /// Field Type.
    pub field_type: u16,
    /// What follows type and length, with its padding.
    pub value: &'p [u8],
}

/// The extension fields of a packet, each of which was found whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extensions<'p>(&'p [u8]);

impl<'p> Extensions<'p> {
    /// What follows a header: the fields, and whether there is a code behind them.
    ///
    /// # Errors
    /// [`Discard::Malformed`] when they do not fill it, or are too many.
    pub(super) fn parse(all: &'p [u8]) -> Result<(Self, bool), Discard> {
        let (fields, code) = Self::walk(all, LONGEST_MAC)?;
        if code.is_empty() || MACS.contains(&code.len()) {
            Ok((fields, !code.is_empty()))
        } else {
            Err(Discard::Malformed)
        }
    }

    /// What an NTS authenticator protects: fields that fill it, without a code behind them.
    ///
    /// # Errors
    /// As for what follows a header.
    pub(crate) fn protected(all: &'p [u8]) -> Result<Self, Discard> {
        Ok(Self::walk(all, 0)?.0)
    }

    /// The fields, as long as more than `behind` bytes are left, and what is left.
    fn walk(all: &'p [u8], behind: usize) -> Result<(Self, &'p [u8]), Discard> {
        let mut fields = Self(all);
        for _ in 0..=MAX_EXTENSIONS {
            if fields.0.len() <= behind {
                let (walked, rest) = all.split_at_checked(all.len().saturating_sub(fields.0.len())).unwrap_or_default();
                return Ok((Self(walked), rest));
            }
            fields.next().ok_or(Discard::Malformed)?;
        }
        Err(Discard::Malformed)
    }
}

impl<'p> Iterator for Extensions<'p> {
    type Item = Extension<'p>;

    fn next(&mut self) -> Option<Extension<'p>> {
        let (field, rest) = split(self.0)?;
        self.0 = rest;
        Some(field)
    }
}

/// The first field, and what follows it.
fn split(bytes: &[u8]) -> Option<(Extension<'_>, &[u8])> {
    let ([a, b, c, d], _) = bytes.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes([*c, *d]));
    if length < SHORTEST || length % 4 != 0 {
        return None;
    }
    let (field, rest) = bytes.split_at_checked(length)?;
    let (_, value) = field.split_first_chunk::<4>()?;
    Some((Extension { field_type: u16::from_be_bytes([*a, *b]), value }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: u16, length: u16, bytes: usize) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &length.to_be_bytes(), &vec![7; bytes - 4]].concat()
    }

    #[test]
    fn what_follows_a_header_fills_the_packet_or_is_refused() {
        let good = || field(0x0104, 36, 36);
        for (what, bytes, want) in [
            ("nothing", vec![], Some((0, false))),
            ("a crypto-NAK", vec![0; 4], Some((0, true))),
            ("MD5", vec![0; 20], Some((0, true))),
            ("SHA-1", vec![0; 24], Some((0, true))),
            ("no code has this length", vec![0; 16], None),
            ("nor this", vec![0; 1], None),
            ("one field", good(), Some((1, false))),
            ("two fields", [good(), good()].concat(), Some((2, false))),
            ("a field and a code", [good(), vec![0; 20]].concat(), Some((1, true))),
            ("the shortest field, before another", [field(1, 16, 16), good()].concat(), Some((2, false))),
            ("length 0", field(1, 0, 28), None),
            ("length 1", field(1, 1, 28), None),
            ("length 3", field(1, 3, 28), None),
            ("length of no whole words", field(1, 30, 30), None),
            ("length beyond the end", field(1, 32, 28), None),
            ("length 65535", field(1, 65_535, 28), None),
            ("as many as are read", field(1, 28, 28).repeat(MAX_EXTENSIONS), Some((MAX_EXTENSIONS, false))),
            ("one more", field(1, 28, 28).repeat(MAX_EXTENSIONS + 1), None),
        ] {
            let read = Extensions::parse(&bytes).ok().map(|(fields, mac)| (fields.count(), mac));
            assert_eq!(read, want, "{what}");
        }
    }

    #[test]
    fn a_field_is_its_type_and_its_value() {
        let bytes = field(0x0204, 28, 28);
        let (mut fields, _) = Extensions::parse(&bytes).unwrap();
        assert_eq!(fields.next(), Some(Extension { field_type: 0x0204, value: &[7; 24] }));
        assert_eq!(fields.next(), None);
    }
}
