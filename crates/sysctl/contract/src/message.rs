use orlop_wire::{Batch, Bounded, MaxSize, Str};
use serde::{Deserialize, Serialize};

use crate::{Directory, Key, KeyError, MAX_LINE, MAX_VALUE, Name, Prefix, Value, ValueError};

/// Bytes of text in one notice.
pub const TEXT_AT_ONCE: usize = 16 << 10;

/// Names in one notice.
pub const NAMES_AT_ONCE: usize = 32;

/// Bytes of settings in one request: some hundred of the usual ones. A longer one has a request of its own.
pub const STEPS_AT_ONCE: usize = 16 << 10;

/// Bytes of one setting, at most: its value, and what else there is about it.
const LONGEST_STEP: usize = MAX_VALUE + (1 << 10);

/// `--prefix` options, at most.
pub const MAX_PREFIXES: usize = 32;

/// What a broker tells its worker: first [`Notice::Rules`], then the texts in order, then [`Notice::EndOfTexts`]; after
/// that only names, when they were asked for, and that it wants the plan again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Notice {
    /// How to read what follows.
    Rules(Rules),
    /// The next piece of a source. A source has one piece at least; its last one says so.
    Text {
        /// Which: they are numbered from 0, in the order in which they count.
        source: u16,
        /// The bytes, as they are in the file.
        bytes: Bounded<u8, TEXT_AT_ONCE>,
        /// Whether the source ends here.
        last: bool,
    },
    /// There are no more sources.
    EndOfTexts,
    /// The answer to [`Request::List`], in one or more pieces: what is in the folder, sorted. Nothing when there is no
    /// such folder.
    Names {
        /// Names of settings and folders.
        names: Bounded<Name, NAMES_AT_ONCE>,
        /// Whether there are no more.
        last: bool,
    },
    /// After [`Request::Done`]: the plan once more, as it is for the settings that there are now. Only where the rules say that it
    /// may be asked for, and without findings, which have been said.
    Again,
}

/// How a worker reads its texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize, Default)]
pub struct Rules {
    /// Whose files they are.
    pub dialect: Dialect,
    /// Only keys that begin with one of these; all keys when there is none.
    pub prefixes: Bounded<Prefix, MAX_PREFIXES>,
    /// The folder that keys are spelled from: below `/proc/sys` only for LinuxKit's sysctl.
    pub below: Directory,
    /// Whether the plan may be asked for [again](Notice::Again).
    pub again: bool,
}

/// Where `.` and `/` differ between the programs whose files we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize, Default)]
pub enum Dialect {
    /// sysctl.d(5): whichever of `.` and `/` comes first in a key separates, and the other one stands for a dot in a name.
    #[default]
    SysctlD,
    /// LinuxKit's sysctl: both separate.
    LinuxKit,
}

/// What a worker asks and tells: any number of lists, findings and steps, then [`Request::Done`]; and so once more, when it is
/// asked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Request {
    /// What is in this folder? Answered by [`Notice::Names`]. At most one is open.
    List(Directory),
    /// Something about the text that its author should know.
    Finding(Finding),
    /// The next settings, in the order in which they are applied. No key comes twice.
    Steps(Batch<Step, LONGEST_STEP>),
    /// That was all.
    Done {
        /// Findings that there was no room for.
        unsaid: u32,
    },
}

/// One setting of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Step {
    /// The setting, as a path below `/proc/sys`.
    pub key: Key,
    /// What it shall be.
    pub want: Want,
    /// Where that was said.
    pub origin: Origin,
    /// Where something else was said, if it was: the last of those.
    pub replaces: Option<Origin>,
    /// `-key = value`: failure is nobody's business.
    pub lenient: bool,
    /// Found by a pattern, not by its name.
    pub by_pattern: bool,
}

/// What a setting shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Want {
    /// This value and no other.
    Exactly(Value),
    /// This number, or the larger one that it is already. Written as `# orlop: at-least` on the line before, which is a comment to every other program.
    AtLeast(u64),
}

impl Want {
    /// What is written, in one piece: the value and a line end.
    #[must_use]
    pub fn line(&self) -> String {
        match self {
            Self::Exactly(value) => format!("{}\n", value.as_str()),
            Self::AtLeast(number) => format!("{number}\n"),
        }
    }
}

/// A line of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, MaxSize)]
pub struct Origin {
    /// Which source, as the broker numbered it.
    pub source: u16,
    /// Line, from 1.
    pub line: u32,
}

/// Something about a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Finding {
    /// Which line.
    pub origin: Origin,
    /// What about it.
    pub problem: Problem,
}

/// What can be said about a line without looking at the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize, thiserror::Error)]
pub enum Problem {
    /// Not UTF-8.
    #[error("the line is not UTF-8")]
    NotText,
    /// Longer than [`MAX_LINE`](crate::MAX_LINE).
    #[error("the line is longer than {MAX_LINE} bytes")]
    LongLine,
    /// Neither a comment, nor `key = value`, nor `-key`.
    #[error("the line is neither a comment nor a setting: it has no '='")]
    NoAssignment,
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The value.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// A `[` without its `]`, or too many stars.
    #[error("the pattern cannot be understood")]
    Pattern,
    /// `# orlop: at-least` before something that is no single number.
    #[error("'at-least' needs a single number")]
    NotANumber,
    /// A comment begins with `# orlop:` and says nothing known.
    #[error("the directive {0:?} is not known; there is only at-least")]
    Directive(Str<32>),
    /// More settings than a plan can hold, or more folders to look through for a pattern.
    #[error("there are more settings than a plan can hold, or more folders to look through")]
    TooMany,
    /// A hint: what looks like a comment after the value is part of the value.
    #[error("' #' does not begin a comment here: it is part of the value")]
    CommentInValue,
    /// A hint: no setting matches the pattern.
    #[error("no setting matches the pattern")]
    NoMatch,
    /// A hint: an exclusion of a key that has a line of its own, which stays. It is at this place.
    #[error("an exclusion is for patterns: the line about the key itself counts")]
    SetByName(Origin),
    /// A hint: the key does not exist, and one whose name has dots in it does.
    #[error("there is no such key; did you mean {0}?")]
    DidYouMean(Str<255>),
}

impl Problem {
    /// [`Problem::DidYouMean`], of `key`.
    #[must_use]
    pub fn did_you_mean(key: &Key) -> Self {
        Self::DidYouMean(Str::truncated(&key.to_string()))
    }

    /// Whether the line is of no effect because of it: an error, not a hint.
    #[must_use]
    pub const fn is_error(&self) -> bool {
        match self {
            Self::NotText
            | Self::LongLine
            | Self::NoAssignment
            | Self::Key(_)
            | Self::Value(_)
            | Self::Pattern
            | Self::NotANumber
            | Self::Directive(_)
            | Self::TooMany => true,
            Self::CommentInValue | Self::NoMatch | Self::SetByName(_) | Self::DidYouMean(_) => false,
        }
    }

    /// The other line that it is about, if it is about two.
    #[must_use]
    pub const fn other(&self) -> Option<Origin> {
        match self {
            Self::SetByName(origin) => Some(*origin),
            Self::NotText
            | Self::LongLine
            | Self::NoAssignment
            | Self::Key(_)
            | Self::Value(_)
            | Self::Pattern
            | Self::NotANumber
            | Self::Directive(_)
            | Self::TooMany
            | Self::CommentInValue
            | Self::NoMatch
            | Self::DidYouMean(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_one_line() {
        let exactly = |value: &str| Want::Exactly(Value::new(value).unwrap());
        for (want, line) in [
            (exactly("1 2"), "1 2\n"),
            (exactly(""), "\n"),
            (Want::AtLeast(0), "0\n"),
            (Want::AtLeast(u64::MAX), "18446744073709551615\n"),
        ] {
            assert_eq!(want.line(), line, "{want:?}");
        }
    }

    #[test]
    fn a_problem_is_an_error_or_a_hint_and_may_be_about_another_line() {
        let other = Origin { source: 1, line: 7 };
        let key = Key::new("net/ipv4/ip_forward").unwrap();
        for (problem, is_error, says) in [
            (Problem::NotText, true, "the line is not UTF-8"),
            (Problem::LongLine, true, "the line is longer than 69632 bytes"),
            (Problem::NoAssignment, true, "the line is neither a comment nor a setting: it has no '='"),
            (Problem::Key(KeyError::Empty), true, "the key is empty"),
            (Problem::Value(ValueError::TooLong), true, "the value is longer than 65536 bytes"),
            (Problem::Pattern, true, "the pattern cannot be understood"),
            (Problem::NotANumber, true, "'at-least' needs a single number"),
            (Problem::Directive(Str::truncated("x")), true, "the directive \"x\" is not known; there is only at-least"),
            (Problem::TooMany, true, "there are more settings than a plan can hold, or more folders to look through"),
            (Problem::CommentInValue, false, "' #' does not begin a comment here: it is part of the value"),
            (Problem::NoMatch, false, "no setting matches the pattern"),
            (Problem::SetByName(other), false, "an exclusion is for patterns: the line about the key itself counts"),
            (Problem::did_you_mean(&key), false, "there is no such key; did you mean net.ipv4.ip_forward?"),
        ] {
            assert_eq!((problem.is_error(), problem.to_string().as_str()), (is_error, says), "{problem:?}");
            let about = matches!(problem, Problem::SetByName(_)).then_some(other);
            assert_eq!(problem.other(), about, "{problem:?}");
        }
    }

    #[test]
    fn the_longest_setting_has_room_in_a_request() {
        let step = Step {
            key: Key::new(&"k".repeat(255)).unwrap(),
            want: Want::Exactly(Value::new(&"v".repeat(MAX_VALUE)).unwrap()),
            origin: Origin { source: u16::MAX, line: u32::MAX },
            replaces: Some(Origin { source: u16::MAX, line: u32::MAX }),
            lenient: true,
            by_pattern: true,
        };
        let short = Step { want: Want::AtLeast(1), ..step.clone() };
        let batches = Batch::pack([short.clone(), step, short], STEPS_AT_ONCE);
        assert_eq!(batches.iter().map(|batch| batch.len()).collect::<Vec<_>>(), [1, 1, 1], "it is alone");
        for steps in batches {
            let request = Request::Steps(steps);
            let mut buffer = vec![0; orlop_wire::max_size::<Request>()];
            let frame = orlop_wire::encode(&request, &mut buffer).unwrap();
            assert_eq!(orlop_wire::decode::<Request>(frame), Ok(request));
        }
    }
}
