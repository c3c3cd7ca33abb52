//! The values that a configuration file can hold. Each refuses what it cannot mean while the file is read, so that
//! the error carries the line.

use core::fmt;

use orlop_dhcp_contract::{DomainName, NameError, NotServers, ServerNet};
use orlop_wire::Str;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Longest [`Pattern`]: an interface name has 15 characters, a pattern may spell each as a small set.
const MAX_PATTERN: usize = 64;

/// What makes a name a pattern.
pub(super) const SPECIAL: [char; 3] = ['*', '?', '['];

/// The pattern of interface names: `*` is any run of characters, `?` any one, `[a-z]` one of a set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(Str<MAX_PATTERN>);

impl Pattern {
    /// Checks a pattern.
    ///
    /// # Errors
    /// It is empty, longer than 64 bytes, has a character that no interface name can have, or a `[` without its `]`.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if let Some(bad) = text.chars().find(|c| !c.is_ascii_graphic() || matches!(c, '/' | ':')) {
            return Err(PatternError::Character(bad));
        }
        let mut rest = text;
        while let Some((_, set)) = rest.split_once('[') {
            // A `]` right after the `[` (or its `!`) is a member of the set.
            let member = set.strip_prefix(['!', '^']).unwrap_or(set);
            let from = set.len() - member.len() + usize::from(member.starts_with(']'));
            let after = set.get(from..).and_then(|tail| tail.split_once(']'));
            rest = after.ok_or(PatternError::OpenSet)?.1;
        }
        Str::new(text).map(Self).ok_or(PatternError::Long)
    }

    /// The one name that it fits, if it is a plain name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        Some(self.as_str()).filter(|text| !text.contains(SPECIAL))
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        Self::new(&text)
    }
}

/// Why a text is not a pattern of interface names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// Nothing, which would match nothing.
    #[error("an empty interface pattern")]
    Empty,
    /// A character that no interface name has.
    #[error("no interface name has the character {0:?}")]
    Character(char),
    /// A set that does not end.
    #[error("a `[` without its `]`")]
    OpenSet,
    /// Longer than any useful pattern.
    #[error("an interface pattern longer than 64 bytes")]
    Long,
}

/// The host name that we tell servers (option 12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendHostname {
    /// `true`: what the kernel says at the time, unless that is a default like `localhost`.
    Current,
    /// `false`: nothing.
    Nothing,
    /// This one.
    Name(DomainName),
}

impl SendHostname {
    /// Tell them this name.
    ///
    /// # Errors
    /// No host can be called that.
    pub fn named(name: &str) -> Result<Self, NotAHostname> {
        let name = DomainName::new(name).map_err(NotAHostname::Name)?;
        if name.is_host_name() { Ok(Self::Name(name)) } else { Err(NotAHostname::Taken) }
    }
}

/// Why a text is not the name of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAHostname {
    /// It is no name at all.
    #[error(transparent)]
    Name(NameError),
    /// It is one that others take for something else.
    #[error("an address, a number, or a name with an underscore is not the name of a host")]
    Taken,
}

impl<'de> Deserialize<'de> for SendHostname {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl Visitor<'_> for Written {
            type Value = SendHostname;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false or a host name")
            }

            fn visit_bool<E: Error>(self, send: bool) -> Result<SendHostname, E> {
                Ok(if send { SendHostname::Current } else { SendHostname::Nothing })
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<SendHostname, E> {
                SendHostname::named(name).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Written)
    }
}

/// Whether the name that a server has for us becomes the name of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetHostname {
    /// Only when the host has no name of its own yet.
    #[default]
    IfDefault,
    /// In any case.
    Always,
    /// Not at all.
    Never,
}

/// Where the MTU of a lease (option 26) goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UseMtu {
    /// Onto the routes of the lease: the link itself, and what it carries besides IPv4, stays as it is.
    #[default]
    Route,
    /// Onto the interface. Some drivers reset the link for that.
    Link,
    /// Nowhere.
    No,
}

/// Whether it is found out that another host has the address of a lease (RFC 5227).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictDetection {
    /// While the lease is in force already.
    #[default]
    Background,
    /// Before it is put in force.
    Blocking,
    /// No.
    Off,
}

/// A server, or a network of servers, as it is written: `192.0.2.66` or `192.0.2.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ServerEntry(pub ServerNet);

impl TryFrom<String> for ServerEntry {
    type Error = NotServers;

    fn try_from(text: String) -> Result<Self, NotServers> {
        text.parse().map(Self)
    }
}

/// Longest vendor class that is sent: leaves room for every other option in 300 bytes.
pub const MAX_VENDOR_CLASS: usize = 64;

/// The vendor class identifier (option 60): 1 to 64 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct VendorClass(Str<MAX_VENDOR_CLASS>);

impl VendorClass {
    /// `text`, if it can be sent.
    ///
    /// # Errors
    /// It is empty, longer than 64 bytes, or has a character outside printable ASCII.
    pub fn new(text: &str) -> Result<Self, VendorClassError> {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        Str::new(text).filter(|_| plain).map(Self).ok_or(VendorClassError)
    }

    /// The class as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<String> for VendorClass {
    type Error = VendorClassError;

    fn try_from(text: String) -> Result<Self, VendorClassError> {
        Self::new(&text)
    }
}

/// The text cannot be a vendor class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a vendor class has 1 to 64 printable ASCII characters")]
pub struct VendorClassError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_refused_for_what_no_name_can_match() {
        for (what, text, want) in [
            ("default", "eth*", None),
            ("exact", "enp0s31f6", None),
            ("one of", "eth[0-3]", None),
            ("none of", "eth[!4-9]", None),
            ("bracket in a set", "a[]]b", None),
            ("negated bracket in a set", "a[!]]b", None),
            ("empty", "", Some(PatternError::Empty)),
            ("path", "eth/0", Some(PatternError::Character('/'))),
            ("space", "eth 0", Some(PatternError::Character(' '))),
            ("open set", "eth[0-", Some(PatternError::OpenSet)),
            ("second set open", "e[t]h[", Some(PatternError::OpenSet)),
            ("only a bracket in the set", "eth[]", Some(PatternError::OpenSet)),
        ] {
            assert_eq!(Pattern::new(text).err(), want, "{what}");
        }
        for (text, name) in
            [("eth0", Some("eth0")), ("eth*", None), ("eth?", None), ("eth[0]", None), ("a]", Some("a]"))]
        {
            assert_eq!(Pattern::new(text).unwrap().name(), name, "{text}");
        }
        assert_eq!(Pattern::new(&"e".repeat(65)).err(), Some(PatternError::Long), "one longer than the longest");
    }

    #[test]
    fn a_vendor_class_is_sent_as_it_is_written() {
        let longest = "x".repeat(MAX_VENDOR_CLASS);
        for (what, text, ok) in [
            ("a class", "orlop 1", true),
            ("the longest", &longest, true),
            ("a byte more", &format!("{longest}x"), false),
            ("none", "", false),
            ("not ASCII", "ö", false),
        ] {
            let class = VendorClass::new(text).ok();
            assert_eq!(class.as_ref().map(VendorClass::as_str), ok.then_some(text), "{what}");
        }
    }
}
