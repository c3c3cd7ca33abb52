//! The errors that end a process, and the exit code each one ends it with.

mod near;

use core::any::Any;
use core::fmt;
use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use rustix::io::Errno;

use crate::log;
pub use near::nearest;

/// How a process ended: one table for every daemon (numbers of `sysexits.h` where one fits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for was done.
    Done = 0,
    /// It was done, and something is not as asked for: the report says what.
    Unmet = 1,
    /// What was asked for has a mistake in it; the rest was done.
    Mistaken = 2,
    /// The command line was wrong.
    Usage = 64,
    /// Not configured in time: the network did not answer.
    Unconfigured = 69,
    /// A bug in Orlop.
    Software = 70,
    /// The kernel refused something that should work; trying again may help.
    Os = 71,
    /// Another daemon of this kind does it already.
    AlreadyRunning = 73,
    /// Part of what was asked for was done.
    Partly = 75,
    /// A peer said no, or broke the protocol.
    Refused = 76,
    /// A sandbox layer or a capability is missing.
    Permission = 77,
    /// The configuration is wrong.
    Config = 78,
}

impl Exit {
    /// The number the process ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What a process ends with that the kernel refused something with this errno: [`Exit::Os`] where trying again may help, also
    /// where it needs somebody to make room first; else the code of what somebody has to change.
    #[must_use]
    pub const fn of_errno(errno: Errno) -> Self {
        match errno {
            Errno::ACCESS | Errno::PERM | Errno::ROFS => Self::Permission,
            Errno::NOTDIR | Errno::ISDIR | Errno::LOOP | Errno::NAMETOOLONG => Self::Config,
            _ => Self::Os,
        }
    }

    /// Whether it is the result of a run that came to its end. Such a code is final for a one-shot run, and never for
    /// a service, which should not end at all.
    #[must_use]
    pub const fn is_result(self) -> bool {
        matches!(self, Self::Done | Self::Unmet | Self::Mistaken)
    }

    /// Whether starting again cannot change the outcome, so that a supervisor should end too. For results see
    /// [`Exit::is_result`].
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Usage
            | Self::Unconfigured
            | Self::AlreadyRunning
            | Self::Partly
            | Self::Refused
            | Self::Permission
            | Self::Config => true,
            Self::Done | Self::Unmet | Self::Mistaken | Self::Software | Self::Os => false,
        }
    }

    /// The meaning of an exit code, if it is one of the table.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Done),
            1 => Some(Self::Unmet),
            2 => Some(Self::Mistaken),
            64 => Some(Self::Usage),
            69 => Some(Self::Unconfigured),
            70 => Some(Self::Software),
            71 => Some(Self::Os),
            73 => Some(Self::AlreadyRunning),
            75 => Some(Self::Partly),
            76 => Some(Self::Refused),
            77 => Some(Self::Permission),
            78 => Some(Self::Config),
            _ => None,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error that ends the process, as its user should read it: *problem, cause, help*.
///
/// ```
/// use orlop_sandbox::fatal::{Exit, Fatal};
///
/// let fatal = Fatal::new(Exit::Config, "cannot open /etc/orlop/dhcp.toml")
///     .cause(std::io::Error::from_raw_os_error(2))
///     .help("copy the example in the README, or pass --config PATH");
/// assert_eq!(
///     fatal.to_string(),
///     "error: cannot open /etc/orlop/dhcp.toml\n  \
///        caused by: No such file or directory (os error 2)\n  \
///        help: copy the example in the README, or pass --config PATH",
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Fatal {
    /// What the process ends with.
    pub exit: Exit,
    /// What cannot be done.
    pub problem: String,
    /// Why.
    pub cause: Option<String>,
    /// A thing to type or to edit.
    pub help: Option<String>,
}

impl Fatal {
    /// A problem without a cause or a help yet.
    pub fn new(exit: Exit, problem: impl Into<String>) -> Self {
        Self { exit, problem: problem.into(), cause: None, help: None }
    }

    /// Adds why it happened.
    pub fn cause(self, cause: impl fmt::Display) -> Self {
        Self { cause: Some(cause.to_string()), ..self }
    }

    /// Adds what its reader can do about it.
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Tells the user on stderr, and gives what the process ends with. Unlike `eprintln!` it does not panic when nobody
    /// reads that any more: the broker may be gone before its worker is.
    pub fn report(&self) -> Exit {
        log::tell_what_was_left_out();
        // In one piece, so that nothing comes between its lines.
        let _unread = io::stderr().write_all(format!("{self}\n").as_bytes());
        self.exit
    }

    /// The kernel refused `what`. What the process ends with is [by errno](Exit::of_errno), where the cause is an error of the
    /// kernel's, and [`Exit::Os`] where it is anything else.
    pub fn os(what: impl Into<String>, cause: impl fmt::Display + 'static) -> Self {
        let any: &dyn Any = &cause;
        let errno = any.downcast_ref::<io::Error>().and_then(Errno::from_io_error);
        let exit = errno.or_else(|| any.downcast_ref().copied()).map_or(Exit::Os, Exit::of_errno);
        Self::new(exit, what).cause(cause)
    }
}

/// What others have written, the names in an archive among it, moves no cursor of the reader's: control characters are shown
/// escaped, but for the ends of lines, which are ours.
impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { exit: _, problem, cause, help } = self;
        shown(f, "error: ", problem)?;
        cause.as_ref().map_or(Ok(()), |cause| shown(f, "\n  caused by: ", cause))?;
        help.as_ref().map_or(Ok(()), |help| shown(f, "\n  help: ", help))
    }
}

fn shown(f: &mut fmt::Formatter<'_>, before: &str, text: &str) -> fmt::Result {
    f.write_str(before)?;
    for piece in text.split_inclusive(|c: char| c.is_control() && c != '\n') {
        let mut before = piece.chars();
        match before.next_back() {
            Some(last) if last.is_control() && last != '\n' => {
                write!(f, "{}{}", before.as_str(), last.escape_default())?
            }
            _ => f.write_str(piece)?,
        }
    }
    Ok(())
}

impl Error for Fatal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_survives_its_number() {
        for code in 0..=u8::MAX {
            if let Some(exit) = Exit::from_code(code) {
                assert_eq!(exit.code(), code);
            }
        }
        assert_eq!((0..=u8::MAX).filter_map(Exit::from_code).count(), 12, "the table has twelve rows");
    }

    #[test]
    fn what_cannot_get_better_is_final_and_what_may_is_not() {
        for (errno, want) in [
            (Errno::ACCESS, Exit::Permission),
            (Errno::PERM, Exit::Permission),
            (Errno::ROFS, Exit::Permission),
            (Errno::NOTDIR, Exit::Config),
            (Errno::ISDIR, Exit::Config),
            (Errno::LOOP, Exit::Config),
            (Errno::NOSPC, Exit::Os),
            (Errno::MFILE, Exit::Os),
            (Errno::NOMEM, Exit::Os),
            (Errno::ADDRINUSE, Exit::Os),
            (Errno::NOENT, Exit::Os),
        ] {
            assert_eq!(Fatal::os("it", errno).exit, want, "{errno}");
            assert_eq!(Fatal::os("it", io::Error::from(errno)).exit, want, "{errno}, as the standard library has it");
            assert_eq!(want.is_final(), want != Exit::Os);
        }
        assert_eq!(Fatal::os("it", "Permission denied").exit, Exit::Os, "words are no errno");
    }

    #[test]
    fn what_others_have_written_moves_no_cursor() {
        for (text, want) in [
            ("a\x1b[2Jb", "a\\u{1b}[2Jb"),
            ("\r\x07", "\\r\\u{7}"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("tab\tand\nline", "tab\\tand\nline"),
            ("plain, é", "plain, é"),
        ] {
            let fatal = Fatal::new(Exit::Config, text).cause(text).help(text);
            assert_eq!(fatal.to_string(), format!("error: {want}\n  caused by: {want}\n  help: {want}"));
        }
    }

    #[test]
    fn an_error_without_cause_or_help_is_one_line() {
        assert_eq!(Fatal::new(Exit::Software, "no slot").to_string(), "error: no slot");
    }
}
