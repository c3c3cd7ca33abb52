//! The differences that are meant. Each is explained in `crates/sysctl/DIFFERENCES.md`, under its name.

use super::{Comparison, Difference};
use crate::audit::{Audit, Record};
use crate::tree::Content;

/// A difference that is meant.
pub struct Rule {
    /// Its heading in the page.
    pub name: &'static str,
    explains: fn(&Case<'_>) -> bool,
}

/// A difference, and what is needed to judge it.
struct Case<'a> {
    comparison: &'a Comparison,
    audit: &'a Audit,
    difference: &'a Difference,
}

/// All of them.
pub const RULES: &[Rule] = &[
    Rule {
        name: "A value that the kernel changed is a failure",
        explains: |case| case.exits(0, 1) && case.failed("mismatch"),
    },
    Rule {
        name: "A value that another setting changed is a failure",
        explains: |case| case.exits(0, 1) && case.failed("overtaken"),
    },
    Rule {
        name: "A setting that may not be written is a failure",
        explains: |case| case.exits(0, 1) && (case.failed("readonly") || case.failed("denied")),
    },
    Rule {
        name: "A value that names nothing is a failure",
        explains: |case| case.exits(0, 1) && case.failed("invalid"),
    },
    Rule {
        name: "A line in error ends with 2",
        explains: |case| {
            case.ends_with(2) && (case.reference_failed() || case.errors(|problem| !problem.contains("no '='")))
        },
    },
    Rule { name: "A folder is a missing key", explains: |case| case.exits(1, 0) && case.folder() },
    Rule { name: "A line that is no UTF-8 has no effect", explains: |case| case.line_in_error("not UTF-8") },
    Rule {
        name: "A byte order mark is no part of a key",
        explains: |case| case.has_line(|line| line.trim_start().starts_with('\u{feff}')),
    },
    Rule { name: "An exclusion takes no line of its own away", explains: |case| case.spares_a_line() },
    Rule { name: "A pattern can be excluded", explains: |case| case.is_excluded_by_pattern() },
    Rule { name: "A prefix may be a path of /proc/sys", explains: |case| case.is_below_a_path() },
    Rule {
        name: "What was refused is tried again",
        explains: |case| case.causes().any(|record| record.retries > 0 && record.result == "ok"),
    },
    Rule {
        name: "A setting is written once",
        explains: |case| case.causes().any(|record| record.pattern && record.replaces),
    },
];

/// The first rule that explains a difference.
pub(super) fn of(comparison: &Comparison, difference: &Difference) -> Option<&'static Rule> {
    let audit = comparison.tested.audit.as_ref()?;
    RULES.iter().find(|rule| (rule.explains)(&Case { comparison, audit, difference }))
}

impl Case<'_> {
    fn exits(&self, reference: i32, tested: i32) -> bool {
        *self.difference == Difference::Exit { reference, tested }
    }

    fn ends_with(&self, code: i32) -> bool {
        matches!(self.difference, Difference::Exit { tested, .. } if *tested == code)
    }

    fn reference_failed(&self) -> bool {
        matches!(self.difference, Difference::Exit { reference: 1, .. })
    }

    /// Whether a setting came to this, and somebody minds.
    fn failed(&self, result: &str) -> bool {
        self.audit.records.iter().any(|record| record.result == result && !record.lenient)
    }

    fn errors(&self, all: impl Fn(&str) -> bool) -> bool {
        let errors = self.audit.errors();
        !errors.is_empty() && errors.iter().all(|(_, _, problem)| all(problem))
    }

    fn folder(&self) -> bool {
        let is_folder = |record: &Record| std::path::Path::new("/proc/sys").join(&record.path).is_dir();
        self.audit.records.iter().any(|record| record.result == "missing" && is_folder(record))
    }

    /// The settings that can have made this setting what it is: itself, and those whose writing changes it. All of them for
    /// an exit code.
    fn touches(&self, path: &str) -> bool {
        match self.difference {
            Difference::Exit { .. } => true,
            Difference::Setting { path: differs, .. } => differs == path || super::is_changed_by(differs, path),
        }
    }

    /// Records of [`Self::touches`].
    fn causes(&self) -> impl Iterator<Item = &Record> {
        self.audit.records.iter().filter(|record| self.touches(&record.path))
    }

    /// Whether a line of the tree that can be about this setting is like this.
    fn has_line(&self, like: impl Fn(&str) -> bool) -> bool {
        self.lines().any(|(_, _, line)| self.is_about(&line) && like(&line))
    }

    /// Whether a line that can be about this setting was in error for this reason.
    fn line_in_error(&self, problem: &str) -> bool {
        let errors = self.audit.errors();
        self.lines().any(|(file, number, line)| {
            let here =
                |error: &(String, u64, String)| error.0 == file && error.1 == number && error.2.contains(problem);
            self.is_about(&line) && errors.iter().any(here)
        })
    }

    /// Every line of the tree: its file, its number, its text.
    fn lines(&self) -> impl Iterator<Item = (String, u64, String)> {
        self.comparison.tree.files.iter().flat_map(|file| {
            let path = format!("{}/{}", file.directory, file.name);
            let lines = if let Content::Lines(lines) = &file.content { lines.as_slice() } else { &[] };
            (1..)
                .zip(lines)
                .map(move |(number, line)| (path.clone(), number, String::from_utf8_lossy(line).into_owned()))
        })
    }

    /// Whether a line can be about this setting, or one that changes it: it names the last part, or has a pattern.
    fn is_about(&self, line: &str) -> bool {
        let Difference::Setting { path, .. } = self.difference else { return true };
        let name = path.rsplit('/').next().unwrap_or(path);
        let key = line.split('=').next().unwrap_or(line);
        key.contains(name)
            || key.contains(['*', '?', '['])
            || name == "accept_redirects" && key.contains("forward")
            || name == "forwarding" && key.contains("ip_forward")
    }

    /// A prefix was given as a path of `/proc/sys`, and the setting is below it.
    fn is_below_a_path(&self) -> bool {
        let mut prefixes = self.comparison.arguments.iter().filter_map(|word| word.strip_prefix("--prefix=/proc/sys/"));
        prefixes.any(|prefix| {
            self.audit.records.iter().any(|record| record.path.starts_with(prefix) && self.touches(&record.path))
        })
    }

    /// An exclusion came after a line about the key itself, and that line was put in force: systemd-sysctl forgets it.
    fn spares_a_line(&self) -> bool {
        let spares = |record: &Record, problem: &str| {
            problem.contains("an exclusion is for patterns")
                && problem.ends_with(&format!("({}:{})", record.file, record.line))
        };
        self.causes().any(|record| self.audit.remarks().any(|(_, _, problem)| spares(record, &problem)))
    }

    /// An exclusion with a pattern in it stands in the tree, and we wrote no such setting.
    fn is_excluded_by_pattern(&self) -> bool {
        let excludes =
            |line: &str| line.trim_start().starts_with('-') && !line.contains('=') && line.contains(['*', '?', '[']);
        let written = |path: &str| self.audit.records.iter().any(|record| record.path == path);
        let unwritten = match self.difference {
            Difference::Exit { .. } => true,
            Difference::Setting { path, .. } => {
                !written(path) || super::changers(path).any(|changer| !written(changer))
            }
        };
        unwritten && self.has_line(excludes)
    }
}
