//! Names by content: SHA-256, and the one JSON form that everything here is written in.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// `sha256:` and 64 hexadecimal digits: what the OCI image specification names content by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

/// A text that is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a digest: sha256: and 64 digits of 0-9a-f are")]
pub struct NotADigest(String);

/// What every digest here begins with.
const ALGORITHM: &str = "sha256:";
/// Hexadecimal digits of SHA-256.
const DIGITS: usize = 64;

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    /// Understands a written digest.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, NotADigest> {
        let good = text.strip_prefix(ALGORITHM).is_some_and(|hex| {
            hex.len() == DIGITS && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        });
        if good { Ok(Self(text.to_owned())) } else { Err(NotADigest(text.to_owned())) }
    }

    /// The whole text, `sha256:…`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Only the digits, as a layout names its files.
    #[must_use]
    pub fn hex(&self) -> &str {
        self.0.trim_start_matches(ALGORITHM)
    }
}

/// The digest of bytes that come one after the other.
#[derive(Debug, Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all that was taken.
    #[must_use]
    pub fn finish(self) -> Digest {
        let hash = self.0.finalize();
        Digest(hash.iter().fold(ALGORITHM.to_owned(), |text, byte| text + &format!("{byte:02x}")))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Self, NotADigest> {
        Self::parse(&text)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

/// Compact JSON whose keys are sorted: `serde_json`'s maps are, and everything goes through one. The specification's
/// own types hold annotations and labels in hash maps, whose order changes from run to run.
#[must_use]
pub fn canonical_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_value(value)
        .map(|value| value.to_string().into_bytes())
        .expect("nothing here has a key that is no text, the one thing JSON cannot hold")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn the_digest_of_nothing_is_the_known_one() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").as_str(), empty);
        assert_eq!(Digest::parse(empty).map(|digest| digest.hex().len()), Ok(DIGITS));
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for (what, text) in [
            ("nothing", String::new()),
            ("another algorithm", format!("sha512:{}", "a".repeat(64))),
            ("too short", format!("sha256:{}", "a".repeat(63))),
            ("capitals", format!("sha256:{}", "A".repeat(64))),
            ("a path", format!("sha256:../{}", "a".repeat(61))),
        ] {
            assert!(Digest::parse(&text).is_err(), "{what}");
        }
    }

    #[test]
    fn json_does_not_depend_on_the_order_of_a_hash_map() {
        let map: HashMap<String, u8> = (0..20).map(|n| (format!("key{n:02}"), n)).collect();
        let json = String::from_utf8(canonical_json(&map)).unwrap();
        let positions: Vec<_> = (0..20).map(|n| json.find(&format!("key{n:02}")).unwrap()).collect();
        assert!(positions.is_sorted(), "{json}");
    }
}
