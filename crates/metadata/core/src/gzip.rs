//! Gzip (RFC 1952) from strangers: what it unpacks to is bounded before it is unpacked.

use std::io::Read as _;

use orlop_metadata_contract::MAX_FILE;

/// To how many times its size something may unpack. A text that a person wrote seldom shrinks to a tenth.
const MAX_RATIO: usize = 100;

/// Why something is not unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GzipError {
    /// It is no gzip stream, or a damaged one.
    #[error("damaged")]
    Damaged,
    /// It would be more than [`MAX_FILE`] bytes, or a hundred times what it is.
    #[error("too large")]
    TooLarge,
}

/// Whether `bytes` begin as a gzip stream does.
#[must_use]
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// What `bytes` unpack to: one member or several, as `gzip` reads them.
///
/// # Errors
/// When it is damaged, or too large.
pub fn unpack(bytes: &[u8]) -> Result<Vec<u8>, GzipError> {
    let most = MAX_FILE.min(bytes.len().saturating_mul(MAX_RATIO));
    let mut unpacked = Vec::new();
    let one_more = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut reader = flate2::bufread::MultiGzDecoder::new(bytes).take(one_more);
    reader.read_to_end(&mut unpacked).map_err(|_| GzipError::Damaged)?;
    if unpacked.len() > most { Err(GzipError::TooLarge) } else { Ok(unpacked) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    /// Bytes that do not shrink.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            u8::try_from(state >> 24).unwrap()
        };
        core::iter::repeat_with(next).take(length).collect()
    }

    #[test]
    fn what_was_packed_comes_back() {
        let text = b"#!/bin/sh\necho hello\n";
        assert!(is_gzip(&packed(text)) && !is_gzip(text));
        assert_eq!(unpack(&packed(text)).unwrap(), text);
        let two = [packed(b"a"), packed(b"b")].concat();
        assert_eq!(unpack(&two).unwrap(), b"ab");
        let most = noise(MAX_FILE);
        assert_eq!(unpack(&packed(&most)).unwrap(), most);
    }

    #[test]
    fn a_bomb_does_not_unpack() {
        let bomb = packed(&vec![0; 100 << 20]);
        assert_eq!(unpack(&bomb), Err(GzipError::TooLarge), "a thousand times its size");
        assert_eq!(
            unpack(&packed(&noise(MAX_FILE + 1))),
            Err(GzipError::TooLarge),
            "a byte more than there is room for"
        );
    }

    #[test]
    fn a_damaged_one_is_an_error() {
        let whole = packed(b"some text that is packed");
        assert_eq!(unpack(&whole[..whole.len() - 1]), Err(GzipError::Damaged), "cut off");
        let mut wrong = whole.clone();
        *wrong.last_mut().unwrap() ^= 1;
        assert_eq!(unpack(&wrong), Err(GzipError::Damaged), "another length at its end");
        wrong = whole;
        wrong[12] ^= 0xff;
        assert_eq!(unpack(&wrong), Err(GzipError::Damaged), "another byte in it");
        assert_eq!(unpack(&[0x1f, 0x8b]), Err(GzipError::Damaged), "nothing but its beginning");
    }
}
