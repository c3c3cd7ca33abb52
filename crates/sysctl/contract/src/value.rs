use core::fmt;

use orlop_wire::{MaxSize, Str};
use serde::{Deserialize, Serialize};

/// Bytes of a value, at most: some ten thousand ports for `net.ipv4.ip_local_reserved_ports`, the longest list that anybody writes.
pub const MAX_VALUE: usize = 64 << 10;

/// What is written to a setting, without the line end.
///
/// No NUL and no line end in it. It may be empty: `key =` writes an empty line, which empties a string and leaves a
/// number as it is.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(try_from = "Str<MAX_VALUE>", into = "Str<MAX_VALUE>")]
pub struct Value(Str<MAX_VALUE>);

/// Why a text is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize, MaxSize)]
pub enum ValueError {
    /// More than [`MAX_VALUE`].
    #[error("the value is longer than {MAX_VALUE} bytes")]
    TooLong,
    /// A NUL or a line end.
    #[error("the value has a NUL or a line end in it")]
    Character,
}

impl Value {
    /// From its text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, ValueError> {
        if text.contains(['\0', '\n']) {
            return Err(ValueError::Character);
        }
        Str::new(text).map(Self).ok_or(ValueError::TooLong)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<Str<MAX_VALUE>> for Value {
    type Error = ValueError;

    fn try_from(text: Str<MAX_VALUE>) -> Result<Self, ValueError> {
        Self::new(&text)
    }
}

impl From<Value> for Str<MAX_VALUE> {
    fn from(value: Value) -> Self {
        value.0
    }
}

impl MaxSize for Value {
    const POSTCARD_MAX_SIZE: usize = <Str<MAX_VALUE> as MaxSize>::POSTCARD_MAX_SIZE;
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_line() {
        let (longest, longer) = ("x".repeat(65_536), "x".repeat(65_537));
        for (what, text, want) in [
            ("a number", "1", Ok(())),
            ("nothing", "", Ok(())),
            ("with an equals sign", "|/bin/x a=b", Ok(())),
            ("the longest", longest.as_str(), Ok(())),
            ("more", longer.as_str(), Err(ValueError::TooLong)),
            ("two lines", "1\n2", Err(ValueError::Character)),
            ("NUL", "1\0", Err(ValueError::Character)),
        ] {
            assert_eq!(Value::new(text).map(|_| ()), want, "{what}");
        }
        assert!(orlop_wire::decode::<Value>(b"\x01\n").is_err(), "checked when it arrives, too");
        assert_eq!(ValueError::TooLong.to_string(), "the value is longer than 65536 bytes");
    }
}
