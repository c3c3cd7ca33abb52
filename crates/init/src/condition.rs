//! What a service may wait for, and whether the daemons say that it is so. They say it in files that everybody may read, so a
//! service needs no program of ours, and nothing is asked of a daemon.

use std::collections::BTreeSet;
use std::os::fd::AsFd as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};
use serde::Deserialize;

use crate::run::RUN;

/// One of the words of `orlop.wait`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// An interface has an address: the DHCP client has a lease.
    Online,
    /// The clock is right: the NTP client says that servers vouch for it.
    Clock,
}

/// Several, all of which are meant.
pub type Conditions = BTreeSet<Condition>;

/// The file in a daemon's folder, and more than any of them is long.
const STATUS: &str = "status.json";
const MAX_STATUS: usize = 1 << 18;

/// What is looked at in a DHCP client's file.
#[derive(Deserialize)]
struct Dhcp {
    interfaces: Vec<Interface>,
}

#[derive(Deserialize)]
struct Interface {
    lease: Option<Lease>,
}

#[derive(Deserialize)]
struct Lease {}

/// What is looked at in an NTP client's.
#[derive(Deserialize)]
struct Ntp {
    synchronised: bool,
}

impl Condition {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Online, Self::Clock];

    /// As annotations have it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Clock => "clock",
        }
    }

    /// The daemon that knows, as its folder is called.
    const fn daemon(self) -> &'static str {
        match self {
            Self::Online => "dhcp",
            Self::Clock => "ntp",
        }
    }

    /// Whether the daemon's own words say so. What is no such file says nothing.
    fn is_met(self, status: &str) -> bool {
        match self {
            Self::Online => serde_json::from_str(status)
                .is_ok_and(|status: Dhcp| status.interfaces.iter().any(|interface| interface.lease.is_some())),
            Self::Clock => serde_json::from_str(status).is_ok_and(|status: Ntp| status.synchronised),
        }
    }

    /// The words of an annotation; `None` when one of them is none.
    #[must_use]
    pub fn parse(words: &str) -> Option<Conditions> {
        let known = |word: &str| Self::ALL.into_iter().find(|condition| condition.word() == word);
        words.split_ascii_whitespace().map(known).collect()
    }
}

/// Looks which of them are met now.
#[must_use]
pub fn met() -> Conditions {
    let read = |condition: &Condition| {
        let folder = Path::new(RUN).join(condition.daemon());
        let folder =
            open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).ok()?;
        orlop_wholefile::read(folder.as_fd(), STATUS, MAX_STATUS).ok()
    };
    Condition::ALL.into_iter().filter(|condition| read(condition).is_some_and(|text| condition.is_met(&text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemons_own_words_count() {
        use Condition::{Clock, Online};
        for (what, condition, status, want) in [
            (
                "a lease",
                Online,
                r#"{"schema":1,"interfaces":[{"lease":null},{"name":"a","lease":{"server":1}}]}"#,
                true,
            ),
            ("none yet", Online, r#"{"interfaces":[{"name":"a","lease":null}]}"#, false),
            ("no interface", Online, r#"{"interfaces":[]}"#, false),
            ("a right clock", Clock, r#"{"synchronised":true,"offset_ns":7}"#, true),
            ("a wrong one", Clock, r#"{"synchronised":false}"#, false),
            ("another daemon's", Clock, r#"{"interfaces":[]}"#, false),
            ("half of it", Clock, r#"{"synchronised":true"#, false),
            ("nothing", Online, "", false),
        ] {
            assert_eq!(condition.is_met(status), want, "{what}");
        }
    }

    #[test]
    fn words_are_known_or_all_of_them_have_no_effect() {
        let set = |conditions: &[Condition]| Some(conditions.iter().copied().collect());
        for (words, want) in [
            ("online clock", set(&Condition::ALL)),
            ("clock", set(&[Condition::Clock])),
            (" clock  clock ", set(&[Condition::Clock])),
            ("", set(&[])),
            ("online,clock", None),
            ("online moon", None),
        ] {
            assert_eq!(Condition::parse(words), want, "{words:?}");
        }
    }
}
