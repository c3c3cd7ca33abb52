use core::fmt;

/// The name of an interface: 1 to 15 printable ASCII characters, none of them a space or a slash, and not `.` or `..`,
/// so that it can be part of a file name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interface(String);

impl Interface {
    /// `text`, or `None` when it is no such name.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=MAX_INTERFACE).contains(&text.len());
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
        (fits && plain && text != "." && text != "..").then(|| Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A domain: labels of letters, digits, hyphens and underscores joined by dots, without a final dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(String);

impl Domain {
    /// `text`, or `None` when it is no such name.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let plain = |label: &str| {
            (1..=MAX_LABEL).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        (text.len() <= MAX_DOMAIN && text.split('.').all(plain)).then(|| Self(text.to_owned()))
    }

    /// The domain as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `IFNAMSIZ` is 16 with its final zero.
const MAX_INTERFACE: usize = 15;
/// RFC 1035 section 2.3.4: 255 octets on the wire, 253 written out.
pub(crate) const MAX_DOMAIN: usize = 253;
/// RFC 1035 section 2.3.4.
const MAX_LABEL: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_words_are_names() {
        let label = "a".repeat(63);
        let longest = format!("{label}.{label}.{label}.{}", &label[..61]);
        for (what, text, domain, interface) in [
            ("usual interface", "eth0", true, true),
            ("VLAN", "eth0.100", true, true),
            ("domain", "corp.example.com", true, false),
            ("longest domain", &longest, true, false),
            ("one longer", &format!("{longest}a"), false, false),
            ("longest interface", "abcdefghijklmno", true, true),
            ("underscore", "_msdcs.example", true, true),
            ("empty", "", false, false),
            ("final dot", "example.com.", false, true),
            ("parent folder", "..", false, false),
            ("path", "a/b", false, false),
            ("second line", "a\nb", false, false),
            ("two words", "a b", false, false),
            ("leading hyphen", "-a", false, true),
            ("not ASCII", "ü", false, false),
        ] {
            assert_eq!(Domain::new(text).is_some(), domain, "{what} as a domain");
            let fits_interface = interface && text.len() <= 15;
            assert_eq!(Interface::new(text).is_some(), fits_interface, "{what} as an interface");
        }
    }
}
