use orlop_wire::{DomainName, MaxSize, Str};
use serde::{Deserialize, Deserializer, Serialize};

/// Bytes of a hostname, at most: `__NEW_UTS_LEN` of the kernel.
const MAX_LEN: usize = 64;

/// A name that the kernel takes as that of the machine, and everybody as that of a host: a [`DomainName`] that programs do not
/// take for an address or a number (RFC 1123 §2.1). It may have underscores, which clouds hand out.
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
        let whole = DomainName::new(word).map_err(|_| NotAHostname)?;
        let first = whole.as_str().split('.').next().unwrap_or_default();
        let name = if whole.as_str().len() > MAX_LEN { DomainName::new(first) } else { Ok(whole) };
        let name = name.ok().filter(|name| !name.is_number());
        name.and_then(|name| Str::new(name.as_str())).map(Self).ok_or(NotAHostname)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
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
#[error("not a hostname: labels of letters, digits and hyphens, of 63 bytes at most, joined by dots, and no number")]
pub struct NotAHostname;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_providers_say_becomes_a_name_that_the_kernel_takes() {
        let long = format!("web-1.{}.internal", "project".repeat(9));
        let [longest, longer] = [MAX_LEN, MAX_LEN + 1].map(|length| format!("web-1.{}", "x".repeat(length - 6)));
        for (said, name) in [
            ("web-1\n", "web-1"),
            ("ip-10-0-0-1.ec2.internal", "ip-10-0-0-1.ec2.internal"),
            ("ip-10-0-0-1.ec2.internal other.example.com", "ip-10-0-0-1.ec2.internal"),
            ("host.example.com.", "host.example.com"),
            ("my_vm", "my_vm"),
            ("7-of-9", "7-of-9"),
            ("10.internal", "10.internal"),
            (long.as_str(), "web-1"),
            (longest.as_str(), longest.as_str()),
            (longer.as_str(), "web-1"),
        ] {
            assert_eq!(Hostname::of(said).expect(said).as_str(), name);
        }
        let number = format!("7.{}", "project".repeat(9));
        let numbers = ["10.0.0.1", "192.0.2.7.", "3221225479", number.as_str()];
        let others = ["", "\n", "-a", "a-", "a..b", "a/b", "a\0", "höst", ".", &"x".repeat(64)];
        for said in others.into_iter().chain(numbers) {
            assert_eq!(Hostname::of(said), Err(NotAHostname), "{said:?}");
        }
    }
}
