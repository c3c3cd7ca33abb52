use orlop_wire::{MaxSize, Str};
use serde::{Deserialize, Deserializer, Serialize};

/// Bytes of a hostname, at most: `__NEW_UTS_LEN` of the kernel.
const MAX_LEN: usize = 64;

/// A name that the kernel takes as that of the machine, and everybody as that of a host: labels of RFC 1123 §2.1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, MaxSize)]
pub struct Hostname(Str<MAX_LEN>);

impl Hostname {
    /// The hostname in what a provider says: the first word, without the dot at its end (AWS may say several names).
    ///
    /// A name longer than the kernel takes is cut to its first label, as everybody does (`gce-instance.c.project.internal`).
    ///
    /// # Errors
    /// When it is none.
    pub fn of(text: &str) -> Result<Self, NotAHostname> {
        let word = text.split_ascii_whitespace().next().unwrap_or_default();
        let name = word.strip_suffix('.').unwrap_or(word);
        if !name.split('.').all(is_label) {
            return Err(NotAHostname);
        }
        let first = name.split('.').next().unwrap_or_default();
        Str::new(name).or_else(|| Str::new(first)).map(Self).ok_or(NotAHostname)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Whether `label` is a label: letters, digits and hyphens, and underscores, which clouds hand out; no hyphen at either end.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl<'de> Deserialize<'de> for Hostname {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Str::<MAX_LEN>::deserialize(deserializer)?;
        let name = Self::of(&text).map_err(serde::de::Error::custom)?;
        if name.0 == text { Ok(name) } else { Err(serde::de::Error::custom(NotAHostname)) }
    }
}

/// What was said is not the name of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a hostname: labels of letters, digits and hyphens, of 63 bytes at most, joined by dots")]
pub struct NotAHostname;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_providers_say_becomes_a_name_that_the_kernel_takes() {
        let long = format!("web-1.{}.internal", "project".repeat(9));
        for (said, name) in [
            ("web-1\n", "web-1"),
            ("ip-10-0-0-1.ec2.internal", "ip-10-0-0-1.ec2.internal"),
            ("ip-10-0-0-1.ec2.internal other.example.com", "ip-10-0-0-1.ec2.internal"),
            ("host.example.com.", "host.example.com"),
            ("my_vm", "my_vm"),
            (long.as_str(), "web-1"),
        ] {
            assert_eq!(Hostname::of(said).expect(said).as_str(), name);
        }
        for said in ["", "\n", "-a", "a-", "a..b", "a/b", "a\0", "höst", ".", &"x".repeat(64)] {
            assert_eq!(Hostname::of(said), Err(NotAHostname), "{said:?}");
        }
    }
}
