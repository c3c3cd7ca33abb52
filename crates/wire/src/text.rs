use core::fmt;
use core::ops::Deref;

use postcard::experimental::max_size::MaxSize;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bounded::varint_size;

/// UTF-8 text of at most `N` bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Str<const N: usize>(String);

impl<const N: usize> Str<N> {
    /// `text`, or `None` when it is longer than `N` bytes.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (text.len() <= N).then(|| Self(text.to_owned()))
    }

    /// The start of `text`: as many whole characters as fit in `N` bytes.
    #[must_use]
    pub fn truncated(text: &str) -> Self {
        let end = text.char_indices().map(|(at, c)| at.saturating_add(c.len_utf8())).take_while(|end| *end <= N).last();
        Self(text.get(..end.unwrap_or(0)).unwrap_or_default().to_owned())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> Deref for Str<N> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> fmt::Debug for Str<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const N: usize> fmt::Display for Str<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const N: usize> MaxSize for Str<N> {
    const POSTCARD_MAX_SIZE: usize = N + varint_size(N);
}

impl<const N: usize> Serialize for Str<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Str<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text::<N>)
    }
}

struct Text<const N: usize>;

impl<const N: usize> Visitor<'_> for Text<N> {
    type Value = Str<N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "text of at most {N} bytes")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Str::new(text).ok_or_else(|| E::invalid_length(text.len(), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_fits_or_is_refused() {
        for (what, text, fits) in
            [("empty", "", true), ("full", "abcd", true), ("one over", "abcde", false), ("wide", "ééé", false)]
        {
            assert_eq!(Str::<4>::new(text).is_some(), fits, "{what}");
        }
    }

    #[test]
    fn text_is_shown_as_text_and_takes_its_bytes_and_their_number() {
        let text = Str::<8>::new("a\nb").unwrap();
        assert_eq!((text.to_string(), format!("{text:?}"), text.len()), ("a\nb".to_owned(), "\"a\\nb\"".to_owned(), 3));
        assert_eq!((crate::max_size::<Str<8>>(), crate::max_size::<Str<200>>()), (9, 202));
    }

    #[test]
    fn longer_text_is_refused_with_the_room_there_is() {
        use serde::de::value::{Error, StrDeserializer};
        let read = |text| Str::<4>::deserialize(StrDeserializer::<Error>::new(text));
        assert_eq!(read("abcd"), Ok(Str::truncated("abcd")));
        assert_eq!(read("abcde").unwrap_err().to_string(), "invalid length 5, expected text of at most 4 bytes");
    }

    #[test]
    fn truncation_never_splits_a_character() {
        for (what, text, want) in
            [("short", "ab", "ab"), ("long", "abcdef", "abcd"), ("wide", "aéé", "aé"), ("first too wide", "🦀🦀", "🦀")]
        {
            assert_eq!(Str::<4>::truncated(text).as_str(), want, "{what}");
        }
    }
}
