//! Names of images: `HOST/PATH:TAG@DIGEST`.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::digest::Digest;

/// A name with a tag, and perhaps the digest that it stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// `orlop.example/dhcp`
    pub repository: String,
    /// `0.1.0`
    pub tag: Option<String>,
    /// Exactly these bytes.
    pub digest: Option<Digest>,
}

/// A text that names no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text} names no image: {why}")]
pub struct NotAReference {
    text: String,
    why: String,
}

/// Longest tag (distribution specification).
const MAX_TAG: usize = 128;

impl Reference {
    /// Understands a reference as it stands in YAML.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, NotAReference> {
        let bad = |why: String| NotAReference { text: text.to_owned(), why };
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(Digest::parse(digest).map_err(|error| bad(error.to_string()))?)),
            None => (text, None),
        };
        // A colon before the last slash belongs to a port.
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
            Some(_) | None => (name, None),
        };
        let word = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if tag.is_some_and(|tag| tag.is_empty() || tag.len() > MAX_TAG || !tag.bytes().all(word)) {
            return Err(bad("a tag is at most 128 letters, digits, dots, dashes and underscores".to_owned()));
        }
        let part = |part: &str| !part.is_empty() && part.bytes().all(|byte| word(byte) || byte == b':');
        if !repository.split('/').all(part) {
            return Err(bad("a repository is words of letters, digits, dots and dashes between slashes".to_owned()));
        }
        Ok(Self { repository: repository.to_owned(), tag: tag.map(str::to_owned), digest })
    }

    /// The same name, without a digest.
    #[must_use]
    pub fn without_digest(&self) -> Self {
        Self { digest: None, ..self.clone() }
    }

    /// The same name, for exactly this content.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { repository, tag, digest } = self;
        f.write_str(repository)?;
        if let Some(tag) = tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_survives_being_read() {
        let digest = Digest::of(b"x");
        for text in [
            "orlop.example/dhcp:0.1.0".to_owned(),
            format!("orlop.example/dhcp:0.1.0@{digest}"),
            format!("dhcp@{digest}"),
            "localhost:5000/a/b".to_owned(),
            "localhost:5000/a/b:tag_1".to_owned(),
        ] {
            assert_eq!(Reference::parse(&text).map(|reference| reference.to_string()), Ok(text));
        }
    }

    #[test]
    fn a_port_is_no_tag() {
        assert_eq!(Reference::parse("localhost:5000/a").unwrap().tag, None);
    }

    #[test]
    fn what_names_no_image_is_refused() {
        for (what, text) in [
            ("nothing", ""),
            ("a digest that is cut", "a:b@sha256:12"),
            ("an empty tag", "a:"),
            ("a space", "a b:1"),
            ("an empty part", "a//b:1"),
            ("a tag with a slash and a space", "a:b /c"),
        ] {
            assert!(Reference::parse(text).is_err(), "{what}");
        }
    }
}
