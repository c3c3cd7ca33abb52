//! JSON from strangers, into a value that is no deeper and has no more parts than any use.

use core::cell::Cell;
use core::fmt;
use std::collections::BTreeMap;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Objects and lists in each other, at most, in a document of a provider.
pub const MAX_NESTING: usize = 32;

/// Values in one document, those in objects and lists included, at most: enough for 4,096 files, each of which may be four.
pub const MAX_VALUES: usize = 32 << 10;

/// A JSON value. Of two fields with one name, the later counts, as in LinuxKit.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`, which everywhere means that there is nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written in JSON: identifiers of 64 bits stay whole.
    Number(String),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object.
    Object(BTreeMap<String, Json>),
}

/// Why bytes are not a [`Json`] of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// They are no JSON.
    #[error("no JSON: wrong at line {line}, column {column}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
    },
    /// They are, and are more than was asked for.
    #[error("nested too deep, or too many values")]
    TooLarge,
}

impl Json {
    /// The value that `bytes` are, with up to `nesting` objects and lists in each other.
    ///
    /// # Errors
    /// When they are none, or larger than [`MAX_VALUES`] or `nesting` allow.
    pub fn parse(bytes: &[u8], nesting: usize) -> Result<Self, JsonError> {
        let left = Cell::new(MAX_VALUES);
        let is_too_large = Cell::new(false);
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let seed = Seed { nesting, left: &left, is_too_large: &is_too_large };
        let value = seed.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
        value.map_err(|error| {
            if is_too_large.get() {
                JsonError::TooLarge
            } else {
                // The error's own words may show values.
                JsonError::Syntax { line: error.line(), column: error.column() }
            }
        })
    }

    /// What is at the end of a path of field names, unless it is `null`.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        let found = path.iter().try_fold(self, |value, name| match value {
            Self::Object(fields) => fields.get(*name),
            Self::List(items) => items.get(name.parse::<usize>().ok()?),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => None,
        });
        found.filter(|value| **value != Self::Null)
    }

    /// The string or the number at the end of a path.
    #[must_use]
    pub fn text(&self, path: &[&str]) -> Option<&str> {
        match self.at(path)? {
            Self::Text(text) | Self::Number(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// The first string or number at the end of any of these paths that has anything in it.
    #[must_use]
    pub fn first(&self, paths: &[&[&str]]) -> Option<&str> {
        paths.iter().filter_map(|path| self.text(path)).find(|text| !text.is_empty())
    }

    /// The bytes of the string or number at the end of a path, if there are any.
    #[must_use]
    pub fn bytes(&self, path: &[&str]) -> Option<Vec<u8>> {
        self.first(&[path]).map(|text| text.as_bytes().to_vec())
    }

    /// The items of the list at the end of a path; none when there is no list.
    #[must_use]
    pub fn items(&self, path: &[&str]) -> &[Self] {
        match self.at(path) {
            Some(Self::List(items)) => items,
            Some(Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Object(_)) | None => &[],
        }
    }

    /// The strings among the items of the list at the end of a path.
    pub fn texts(&self, path: &[&str]) -> impl Iterator<Item = &str> {
        self.items(path).iter().filter_map(|item| item.text(&[]))
    }
}

impl fmt::Display for Json {
    /// The value as JSON again, without blanks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(bool) => bool.fmt(f),
            Self::Number(number) => f.write_str(number),
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if at == 0 { '[' } else { ',' })?;
                }
                f.write_str(if items.is_empty() { "[]" } else { "]" })
            }
            Self::Object(fields) => {
                for (at, (name, value)) in fields.iter().enumerate() {
                    write!(f, "{}{}:{value}", if at == 0 { '{' } else { ',' }, quoted(name))?;
                }
                f.write_str(if fields.is_empty() { "{}" } else { "}" })
            }
        }
    }
}

/// Reads one value, with what is left of the bounds.
#[derive(Clone, Copy)]
struct Seed<'s> {
    nesting: usize,
    left: &'s Cell<usize>,
    is_too_large: &'s Cell<bool>,
}

impl Seed<'_> {
    /// For what is in an object or list.
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let nesting = self.nesting.checked_sub(1).ok_or_else(|| self.too_large())?;
        Ok(Self { nesting, ..self })
    }

    fn too_large<E: serde::de::Error>(self) -> E {
        self.is_too_large.set(true);
        E::custom("too large")
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| self.too_large())?;
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Json, E> {
        let number = serde_json::Number::from_f64(value).ok_or_else(|| E::custom("no number"))?;
        Ok(Json::Number(number.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Json, A::Error> {
        let inner = self.deeper()?;
        let mut object = BTreeMap::new();
        while let Some(name) = fields.next_key::<String>()? {
            object.insert(name, fields.next_value_seed(inner)?);
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_as_it_is_written() {
        let text = r#"{"a":[1,-2,18446744073709551615,0.5,true,null,"x\u00e9\n"],"b":{"c":{}},"d":[]}"#;
        let json = Json::parse(text.as_bytes(), MAX_NESTING).unwrap();
        assert_eq!(json.text(&["a", "2"]), Some("18446744073709551615"));
        assert_eq!(json.text(&["a", "1"]), Some("-2"));
        assert_eq!(json.text(&["a", "6"]), Some("x\u{e9}\n"));
        assert_eq!(json.at(&["a", "4"]), Some(&Json::Bool(true)));
        assert_eq!((json.at(&["a", "5"]), json.at(&["a", "7"]), json.at(&["a", "x"])), (None, None, None));
        assert_eq!(json.texts(&["a"]).collect::<Vec<_>>(), ["1", "-2", "18446744073709551615", "0.5", "x\u{e9}\n"]);
        assert_eq!((json.items(&["b"]), json.text(&["b"]), json.text(&["b", "c", "d"])), (&[][..], None, None));
        let again = Json::parse(json.to_string().as_bytes(), MAX_NESTING).unwrap();
        assert_eq!(again, json);
        assert_eq!(again.to_string(), r#"{"a":[1,-2,18446744073709551615,0.5,true,null,"xé\n"],"b":{"c":{}},"d":[]}"#);
    }

    #[test]
    fn the_first_text_is_one_that_has_anything_in_it() {
        let json = Json::parse(br#"{"a":"","b":null,"c":[],"d":{"e":7},"f":"x"}"#, 2).unwrap();
        assert_eq!(json.first(&[&["a"], &["b"], &["c"], &["none"], &["d", "e"], &["f"]]), Some("7"));
        assert_eq!((json.first(&[&["a"], &["b"]]), json.first(&[])), (None, None));
        assert_eq!((json.bytes(&["f"]), json.bytes(&["a"])), (Some(b"x".to_vec()), None));
    }

    #[test]
    fn of_two_fields_with_one_name_the_later_counts() {
        let json = Json::parse(br#"{"a":1,"a":2}"#, 1).unwrap();
        assert_eq!(json.text(&["a"]), Some("2"));
    }

    #[test]
    fn what_is_no_json_says_where() {
        for (text, line, column) in [("{\n\"a\": x}", 2, 6), ("", 1, 0), ("{} {}", 1, 4), ("[\"\u{7}\"]", 1, 3)] {
            assert_eq!(Json::parse(text.as_bytes(), 9), Err(JsonError::Syntax { line, column }), "{text:?}");
        }
        assert!(matches!(Json::parse(b"\"\xff\"", 9), Err(JsonError::Syntax { .. })));
    }

    #[test]
    fn what_is_too_large_is_no_syntax_error() {
        let nested = |deep: usize| format!("{}1{}", "[".repeat(deep), "]".repeat(deep));
        assert!(Json::parse(nested(MAX_NESTING).as_bytes(), MAX_NESTING).is_ok());
        assert_eq!(Json::parse(nested(MAX_NESTING + 1).as_bytes(), MAX_NESTING), Err(JsonError::TooLarge));
        assert_eq!(Json::parse(br#"{"a":{}}"#, 1), Err(JsonError::TooLarge));
        let many = |count: usize| format!("[{}0]", "0,".repeat(count - 2));
        assert!(Json::parse(many(MAX_VALUES).as_bytes(), 1).is_ok());
        assert_eq!(Json::parse(many(MAX_VALUES + 1).as_bytes(), 1), Err(JsonError::TooLarge));
    }
}
