//! The names that facts hold.

use core::fmt;

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

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// RFC 1035 section 2.3.4: 255 octets on the wire, 253 written out.
pub(crate) const MAX_DOMAIN: usize = 253;
/// RFC 1035 section 2.3.4.
const MAX_LABEL: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_labels_are_a_domain() {
        let label = "a".repeat(63);
        let longest = format!("{label}.{label}.{label}.{}", &label[..61]);
        for (what, text, want) in [
            ("one label", "eth0", true),
            ("two labels", "eth0.100", true),
            ("domain", "corp.example.com", true),
            ("longest domain", &longest, true),
            ("one longer", &format!("{longest}a"), false),
            ("underscore", "_msdcs.example", true),
            ("empty", "", false),
            ("final dot", "example.com.", false),
            ("parent folder", "..", false),
            ("path", "a/b", false),
            ("second line", "a\nb", false),
            ("two words", "a b", false),
            ("leading hyphen", "-a", false),
            ("final hyphen", "a.b-", false),
            ("hyphen inside", "a-b", true),
            ("longest label", &label, true),
            ("a label that is one longer", &format!("{label}a"), false),
            ("not ASCII", "ü", false),
        ] {
            let domain = Domain::new(text);
            assert_eq!(domain.is_some(), want, "{what}");
            assert!(domain.is_none_or(|domain| domain.as_str() == text && domain.to_string() == text), "{what}");
        }
    }
}
