use super::MediaError;

/// Fields of a structure on a disk, by their offset as the standards give it.
pub(super) trait Fields {
    /// The `N` bytes at `at`.
    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], MediaError>;

    /// The `len` bytes at `at`.
    fn bytes(&self, at: usize, len: usize) -> Result<&[u8], MediaError>;

    fn byte(&self, at: usize) -> Result<u8, MediaError> {
        self.array::<1>(at).map(|[byte]| byte)
    }

    fn le16(&self, at: usize) -> Result<u16, MediaError> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn le32(&self, at: usize) -> Result<u32, MediaError> {
        self.array(at).map(u32::from_le_bytes)
    }
}

const SHORT: MediaError = MediaError::Broken("a structure ends inside one of its fields");

impl Fields for [u8] {
    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], MediaError> {
        self.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or(SHORT)
    }

    fn bytes(&self, at: usize, len: usize) -> Result<&[u8], MediaError> {
        self.get(at..).and_then(|rest| rest.get(..len)).ok_or(SHORT)
    }
}

/// Text of 16-bit characters, the high byte first, up to the first NUL. What is no character becomes U+FFFD.
pub(super) fn utf16_be(bytes: &[u8]) -> String {
    utf16(bytes.as_chunks().0.iter().map(|pair| u16::from_be_bytes(*pair)))
}

/// Text of 16-bit characters, up to the first NUL.
pub(super) fn utf16(units: impl Iterator<Item = u16>) -> String {
    char::decode_utf16(units.take_while(|unit| *unit != 0)).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// A label of bytes, without what fills it up.
pub(super) fn label(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches([' ', '\0']).to_owned()
}
