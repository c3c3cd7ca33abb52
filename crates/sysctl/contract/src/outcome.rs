use crate::Class;

/// What became of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Written, and the kernel says so.
    Ok,
    /// It was in force already.
    Unchanged,
    /// `at-least`: the kernel's value is larger already; nothing was written.
    Kept,
    /// Written, and the kernel spells it differently: `0x20` is 32, `010` is 8.
    Normalized,
    /// The kernel took the write, and the value is another one.
    Mismatch,
    /// It was in force, and when everything was done it was not: another setting of the plan, or another program, has
    /// changed it.
    Overtaken,
    /// Written; what came of it cannot be read.
    Unverified,
    /// Only looked: a write would change it.
    Differs,
    /// There is no such key.
    Missing,
    /// The kernel does not let anybody write it, or the file system is mounted read-only.
    ReadOnly,
    /// A capability is missing; which one, if we know.
    Denied(Option<Class>),
    /// The kernel does not take this value.
    Invalid,
    /// It was written once and for all, with another value.
    Locked,
    /// Not tried.
    Skipped(Skipped),
    /// The kernel failed otherwise, with this `errno`.
    Failed(i32),
}

/// Why a setting was not tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skipped {
    /// It cannot be taken back, and `--lock` was not given.
    NeedsLock,
    /// It would forbid modules, and a key of this plan that is missing may come with one.
    KeyMissing,
}

impl Outcome {
    /// Its name in the audit, in the metrics and on the terminal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unchanged => "unchanged",
            Self::Kept => "kept",
            Self::Normalized => "normalized",
            Self::Mismatch => "mismatch",
            Self::Overtaken => "overtaken",
            Self::Unverified => "unverified",
            Self::Differs => "differs",
            Self::Missing => "missing",
            Self::ReadOnly => "readonly",
            Self::Denied(_) => "denied",
            Self::Invalid => "invalid",
            Self::Locked => "locked",
            Self::Skipped(_) => "skipped",
            Self::Failed(_) => "failed",
        }
    }

    /// Every name that [`Outcome::name`] gives: the labels of the counters.
    pub const NAMES: [&'static str; 15] = [
        "ok",
        "unchanged",
        "kept",
        "normalized",
        "mismatch",
        "overtaken",
        "unverified",
        "differs",
        "missing",
        "readonly",
        "denied",
        "invalid",
        "locked",
        "skipped",
        "failed",
    ];

    /// Whether the setting is not in force and somebody should know. `strict`: a missing key counts. `lenient`: the text
    /// said `-key`, so failing to write it does not count; that it would be changed ([`Outcome::Differs`]) still does.
    #[must_use]
    pub const fn is_failure(self, strict: bool, lenient: bool) -> bool {
        match self {
            Self::Ok | Self::Unchanged | Self::Kept | Self::Normalized | Self::Unverified => false,
            Self::Differs => true,
            Self::Missing => strict && !lenient,
            Self::Mismatch
            | Self::Overtaken
            | Self::ReadOnly
            | Self::Denied(_)
            | Self::Invalid
            | Self::Locked
            | Self::Skipped(_)
            | Self::Failed(_) => !lenient,
        }
    }
}

impl Skipped {
    /// Its name in the audit.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeedsLock => "needs-lock",
            Self::KeyMissing => "key-missing",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Outcome; 15] = [
        Outcome::Ok,
        Outcome::Unchanged,
        Outcome::Kept,
        Outcome::Normalized,
        Outcome::Mismatch,
        Outcome::Overtaken,
        Outcome::Unverified,
        Outcome::Differs,
        Outcome::Missing,
        Outcome::ReadOnly,
        Outcome::Denied(None),
        Outcome::Invalid,
        Outcome::Locked,
        Outcome::Skipped(Skipped::NeedsLock),
        Outcome::Failed(5),
    ];

    #[test]
    fn every_outcome_has_its_own_name() {
        assert_eq!(ALL.map(Outcome::name), Outcome::NAMES);
        let unique: std::collections::BTreeSet<_> = Outcome::NAMES.into_iter().collect();
        assert_eq!(unique.len(), Outcome::NAMES.len());
    }

    #[test]
    fn what_is_not_in_force_is_a_failure_unless_nobody_minds() {
        for (what, strict, lenient, want) in [
            ("ordinary", false, false, "mismatch overtaken differs readonly denied invalid locked skipped failed"),
            ("strict", true, false, "mismatch overtaken differs missing readonly denied invalid locked skipped failed"),
            ("lenient", false, true, "differs"),
            ("strict and lenient", true, true, "differs"),
        ] {
            let failures: Vec<_> =
                ALL.into_iter().filter(|outcome| outcome.is_failure(strict, lenient)).map(Outcome::name).collect();
            assert_eq!(failures.join(" "), want, "{what}");
        }
    }
}
