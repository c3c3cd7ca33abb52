//! Host and domain names.

use core::fmt;

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use crate::Str;

/// Longest host or domain name as text (RFC 1035 section 2.3.4: 255 octets on the wire, 253 written out).
const MAX_NAME: usize = 253;
/// Longest label (RFC 1035 section 2.3.4).
const MAX_LABEL: usize = 63;

/// A host or domain name: labels of letters, digits, hyphens and underscores, joined by dots, without a final dot.
///
/// Nothing else gets through, so a name can stand in resolv.conf, in a log line and in the kernel's hostname
/// without quoting: no space, quote, semicolon, newline or escape survives (CVE-2011-0997 and its kind).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
#[serde(try_from = "Str<253>", into = "Str<253>")]
pub struct DomainName(Str<MAX_NAME>);

impl DomainName {
    /// Parses a name; one final dot is dropped.
    ///
    /// # Errors
    /// [`NameError`] says which rule the text breaks.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        for label in text.split('.') {
            if label.is_empty() {
                return Err(NameError::EmptyLabel);
            }
            if label.len() > MAX_LABEL {
                return Err(NameError::LongLabel);
            }
            if label.starts_with('-') || label.ends_with('-') {
                return Err(NameError::Hyphen);
            }
            // Underscores are not host names by RFC 952, but real search domains have them (_msdcs.example.com).
            if !label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
                return Err(NameError::Character);
            }
        }
        Str::new(text).map(Self).ok_or(NameError::Long)
    }

    /// Whether a host can be called this (RFC 1123 section 2.1): without underscores, and not an address or a number, which
    /// programs take for one.
    #[must_use]
    pub fn is_host_name(&self) -> bool {
        !self.as_str().contains('_') && !self.is_number()
    }

    /// Whether programs take it for an address or a number: no label has anything but digits.
    #[must_use]
    pub fn is_number(&self) -> bool {
        self.as_str().bytes().all(|b| b.is_ascii_digit() || b == b'.')
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<Str<MAX_NAME>> for DomainName {
    type Error = NameError;

    // What arrives over the channel must already be in the form that `new` leaves, or two spellings would decode
    // to one value.
    fn try_from(text: Str<MAX_NAME>) -> Result<Self, NameError> {
        if text.ends_with('.') {
            return Err(NameError::EmptyLabel);
        }
        Self::new(&text)
    }
}

impl From<DomainName> for Str<MAX_NAME> {
    fn from(name: DomainName) -> Self {
        name.0
    }
}

impl fmt::Debug for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing, or only a dot.
    #[error("empty name")]
    Empty,
    /// Two dots in a row, or one at the start.
    #[error("empty label")]
    EmptyLabel,
    /// A label over 63 bytes.
    #[error("label over 63 bytes")]
    LongLabel,
    /// Over 253 bytes in all.
    #[error("name over 253 bytes")]
    Long,
    /// A label starts or ends with a hyphen.
    #[error("label starts or ends with a hyphen")]
    Hyphen,
    /// Something other than a letter, digit, hyphen, underscore or dot.
    #[error("character that no host name has")]
    Character,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_names_are_names() {
        let long = "a".repeat(64);
        let longest = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "a".repeat(61));
        let too_long = format!("{longest}a");
        for (what, text, want) in [
            ("host", "node-7", Ok("node-7")),
            ("domain with a final dot", "Example.COM.", Ok("Example.COM")),
            ("underscore", "_msdcs.example.com", Ok("_msdcs.example.com")),
            ("longest", &longest, Ok(longest.as_str())),
            ("one longer", &too_long, Err(NameError::Long)),
            ("empty", "", Err(NameError::Empty)),
            ("only a dot", ".", Err(NameError::Empty)),
            ("two dots", "a..b", Err(NameError::EmptyLabel)),
            ("long label", &long, Err(NameError::LongLabel)),
            ("leading hyphen, an option to many programs", "-rf.example", Err(NameError::Hyphen)),
            ("final hyphen", "a.example-", Err(NameError::Hyphen)),
            ("shell", "a;`id`", Err(NameError::Character)),
            ("substitution", "$(id)", Err(NameError::Character)),
            ("second line", "a\nnameserver 192.0.2.66", Err(NameError::Character)),
            ("two words", "a b", Err(NameError::Character)),
            ("terminal escape", "a\u{1b}[2J", Err(NameError::Character)),
            ("trailing zero", "host\0", Err(NameError::Character)),
            ("not ASCII", "müller", Err(NameError::Character)),
        ] {
            assert_eq!(DomainName::new(text).as_ref().map(DomainName::as_str), want.as_ref().copied(), "{what}");
        }
    }

    #[test]
    fn an_address_or_a_name_with_an_underscore_is_no_host() {
        for (text, host, number) in [
            ("node-7", true, false),
            ("7-eleven.example", true, false),
            ("3com", true, false),
            ("10.example", true, false),
            ("my_host", false, false),
            ("host.my_domain", false, false),
            ("192.0.2.7", false, true),
            ("3221225479", false, true),
        ] {
            let name = DomainName::new(text).unwrap();
            assert_eq!((name.is_host_name(), name.is_number()), (host, number), "{text}");
        }
    }

    #[test]
    fn a_name_is_shown_and_sent_as_it_is_and_arrives_checked() {
        let name = DomainName::new("a.example.").unwrap();
        assert_eq!((name.to_string(), format!("{name:?}")), ("a.example".to_owned(), "\"a.example\"".to_owned()));
        let frame = b"\x09a.example";
        assert_eq!(crate::encode(&name, &mut [0; 16]), Ok(&frame[..]));
        assert_eq!(crate::decode(frame), Ok(name));
        for (what, frame) in [("a final dot", &b"\x0aa.example."[..]), ("a space", b"\x03a b"), ("nothing", b"\x00")] {
            assert!(crate::decode::<DomainName>(frame).is_err(), "{what}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_one_word_of_plain_characters(text in "\\PC{0,40}") {
            if let Ok(name) = DomainName::new(&text) {
                prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_graphic()));
                prop_assert_eq!(DomainName::new(name.as_str()), Ok(name.clone()));
            }
        }
    }
}
