//! What is said about a setting, to a person.

use std::fmt::Write as _;
use std::io;

use orlop_sysctl_contract::{Access, Attempt, Class, Outcome, Skipped, Trial, Want, Wrote};

use super::Record;

/// What a setting shall be, on one line.
pub(super) fn wanted(want: &Want) -> String {
    match want {
        Want::Exactly(value) => visible(value.as_str()),
        Want::AtLeast(number) => format!("{number} or more"),
    }
}

/// What the kernel says of a key that leads somewhere else.
const EXDEV: i32 = 18;
const ELOOP: i32 = 40;
/// What it says when the file system is mounted read-only.
const EROFS: i32 = 30;
/// What it says when a descriptor cannot be handed to an applier.
const ETOOMANYREFS: i32 = 109;

/// Why a setting is not simply in force; nothing when it is.
pub(super) fn why(record: &Record) -> Option<String> {
    let (before, after) = readings(record);
    Some(match record.outcome? {
        Outcome::Ok if record.retries > 0 => "refused at first, and taken after lines that come later".to_owned(),
        Outcome::Ok | Outcome::Unchanged => return None,
        Outcome::Kept => format!("it is {} already", shown(before)),
        Outcome::Normalized => format!("the kernel calls it {}", shown(after)),
        Outcome::Mismatch => {
            format!("the kernel made {} of it", shown(after.or(record.later.as_deref().map(str::trim_end))))
        }
        Outcome::Overtaken => {
            format!(
                "another setting or program has changed it since; it is {}",
                shown(record.later.as_deref().map(str::trim_end))
            )
        }
        Outcome::Unverified => "it cannot be read back".to_owned(),
        Outcome::Differs => format!("it is {}", shown(before)),
        Outcome::Missing => "there is no such key".to_owned(),
        Outcome::ReadOnly if is_mounted_read_only(record) => "it is mounted read-only".to_owned(),
        Outcome::ReadOnly => "nobody may write it".to_owned(),
        Outcome::Denied(Some(class)) => format!("the kernel asks for {0}; capabilities.add: [{0}]", capability(class)),
        Outcome::Denied(None) => "the kernel lets nobody here write it".to_owned(),
        Outcome::Invalid if matches!(record.permitted.step().want, Want::AtLeast(_)) && was_not_written(record) => {
            format!("at-least is for a single number; it is {}", shown(before))
        }
        Outcome::Invalid => format!("the kernel does not take this value; it is {}", shown(before)),
        Outcome::Locked => format!("it is {} until the next boot", shown(before)),
        Outcome::Skipped(Skipped::NeedsLock) => "it could not be taken back; add --lock".to_owned(),
        Outcome::Skipped(Skipped::KeyMissing) => "a key that is missing may come with a module".to_owned(),
        Outcome::Failed(ETOOMANYREFS) if record.attempt.is_none() => {
            "processes of this user have too many descriptors under way between them; run it again".to_owned()
        }
        Outcome::Failed(_) if record.attempt.is_none() => "the process that should write it has ended".to_owned(),
        Outcome::Failed(EXDEV) => {
            "something is mounted over it, as over linux.maskedPaths of a container's configuration \
                                   (podman: --security-opt unmask=ALL)"
                .to_owned()
        }
        Outcome::Failed(ELOOP) => "it is a symbolic link, or lies beyond one".to_owned(),
        Outcome::Failed(errno) => io::Error::from_raw_os_error(errno).to_string(),
    })
}

/// A line of a plan, which is a line of a sysctl.d file.
pub(super) fn planned(record: &Record, at: &str) -> String {
    let step = record.permitted.step();
    let lenient = if step.lenient { "-" } else { "" };
    let mut line = match &step.want {
        Want::Exactly(value) => format!("{lenient}{} = {}", step.key, visible(value.as_str())),
        Want::AtLeast(number) => format!("# orlop: at-least\n{lenient}{} = {number}", step.key),
    };
    let note = match (record.permitted.hold(), record.permitted.lock()) {
        (Some(why), _) => format!(", not written: {}", why.name()),
        (None, Some(_)) => ", cannot be taken back".to_owned(),
        (None, None) => String::new(),
    };
    // Before the line: behind it, it would be part of the value.
    line.insert_str(0, &format!("# {at}, {}{note}\n", class(record.permitted.class())));
    line.push('\n');
    line
}

/// A line of a diff, for a setting that would change; for one that cannot, what the log does not say.
pub(super) fn changed(record: &Record, at: &str) -> Option<String> {
    let step = record.permitted.step();
    let (before, _) = readings(record);
    (record.outcome? == Outcome::Differs)
        .then(|| format!("{at}: {}: {} -> {}\n", step.key, shown(before), shown(Some(&wanted(&step.want)))))
}

/// What the kernel said before and after, without the line end.
pub(super) fn readings(record: &Record) -> (Option<&str>, Option<&str>) {
    match &record.attempt {
        Some(Attempt::Tried(_, Trial { before, wrote: _, after })) => {
            (before.as_deref().map(str::trim_end), after.as_deref().map(str::trim_end))
        }
        Some(Attempt::Unopened(_)) | None => (None, None),
    }
}

fn is_mounted_read_only(record: &Record) -> bool {
    matches!(&record.attempt, Some(Attempt::Tried(Access::MountedReadOnly, _) | Attempt::Unopened(EROFS)))
}

fn was_not_written(record: &Record) -> bool {
    matches!(&record.attempt, Some(Attempt::Tried(_, Trial { wrote: Wrote::No, .. })))
}

fn shown(reading: Option<&str>) -> String {
    match reading {
        None => "something that cannot be read".to_owned(),
        Some("") => "empty".to_owned(),
        Some(text) => visible(text),
    }
}

/// `text` on one line that moves no cursor. Lists have tabs between their fields.
fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for c in text.chars() {
        // Writing to a String cannot fail.
        let _ = match c {
            '\t' => write!(visible, " "),
            c if c.is_control() => write!(visible, "{}", c.escape_default()),
            c => write!(visible, "{c}"),
        };
    }
    visible
}

/// A class's name in the audit.
pub(super) const fn class(class: Class) -> &'static str {
    match class {
        Class::Root => "root",
        Class::NetAdmin => "net-admin",
        Class::SysAdmin => "sys-admin",
        Class::SysRawio => "sys-rawio",
        Class::SysResource => "sys-resource",
        Class::SysPtrace => "sys-ptrace",
    }
}

/// What an image's YAML calls the capability of a class.
const fn capability(class: Class) -> &'static str {
    match class {
        Class::Root => "uid 0",
        Class::NetAdmin => "CAP_NET_ADMIN",
        Class::SysAdmin => "CAP_SYS_ADMIN",
        Class::SysRawio => "CAP_SYS_RAWIO",
        Class::SysResource => "CAP_SYS_RESOURCE",
        Class::SysPtrace => "CAP_SYS_PTRACE",
    }
}
