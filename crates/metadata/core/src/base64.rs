//! Base64 (RFC 4648 section 4), for what a provider's rules say is base64.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;

/// The bytes that `text` stands for, in whatever lines it was broken into. Padding is required and no bit may be left over: two
/// texts do not mean the same bytes, and a plain text is seldom taken for base64.
#[must_use]
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let joined: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(joined).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_spelling_is_taken() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9v\r\n Ym\tFy\n", "foobar")]
        {
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(bytes.as_bytes()), "{text:?}");
        }
        for text in ["Zg", "Zg=", "Zh==", "Zm9v=", "Zg==Zg==", "Z-_9", "#cloud-config", "a"] {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
    }
}
