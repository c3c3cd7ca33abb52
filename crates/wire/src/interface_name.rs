//! The name of a network interface, as the kernel allows it.

use core::fmt;

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use crate::Str;

/// Longest name: `IFNAMSIZ` is 16 with its final zero.
const MAX_LEN: usize = 15;

/// A name that an interface can have: 1 to 15 bytes of printable ASCII without space, `/` or `:`, and not `.` or `..`.
///
/// Narrower than the kernel, which also takes control characters: this name becomes part of file names, log lines
/// and metric labels.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
#[serde(try_from = "Str<15>", into = "Str<15>")]
pub struct InterfaceName(Str<MAX_LEN>);

impl InterfaceName {
    /// `name`, or `None` when no interface of ours can be called that.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let plain = name.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b':' | b'"' | b'\\'));
        (plain && !matches!(name, "" | "." | "..")).then(|| Str::new(name).map(Self)).flatten()
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<Str<MAX_LEN>> for InterfaceName {
    type Error = NotAnInterfaceName;

    fn try_from(name: Str<MAX_LEN>) -> Result<Self, NotAnInterfaceName> {
        Self::new(&name).ok_or(NotAnInterfaceName)
    }
}

impl From<InterfaceName> for Str<MAX_LEN> {
    fn from(name: InterfaceName) -> Self {
        name.0
    }
}

impl fmt::Debug for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// No interface can have this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an interface (1 to 15 plain characters)")]
pub struct NotAnInterfaceName;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_interface_can_be_called_is_a_name() {
        for (what, name, ok) in [
            ("usual", "eth0", true),
            ("VLAN", "eth0.100", true),
            ("longest", "abcdefghijklmno", true),
            ("one longer", "abcdefghijklmnop", false),
            ("empty", "", false),
            ("this folder", ".", false),
            ("parent folder", "..", false),
            ("path", "a/b", false),
            ("two words", "a b", false),
            ("second line", "a\nb", false),
            ("label quote", "a\"b", false),
            ("alias", "a:b", false),
            ("escape", "a\\b", false),
            ("leading hyphen", "-a", true),
            ("final dot", "example.com.", true),
            ("not ASCII", "ü", false),
        ] {
            assert_eq!(InterfaceName::new(name).is_some(), ok, "{what}");
        }
    }

    #[test]
    fn a_name_is_shown_and_sent_as_it_is_and_arrives_checked() {
        let name = InterfaceName::new("eth0").unwrap();
        assert_eq!(
            (name.as_str(), name.to_string().as_str(), format!("{name:?}").as_str()),
            ("eth0", "eth0", "\"eth0\"")
        );
        assert_eq!(crate::encode(&name, &mut [0; 16]), Ok(&b"\x04eth0"[..]));
        assert_eq!(crate::decode(b"\x04eth0"), Ok(name));
        assert!(crate::decode::<InterfaceName>(b"\x03a/b").is_err());
    }
}
