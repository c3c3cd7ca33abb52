//! The errors that end a process, and the exit code each one ends it with.

mod near;

use core::fmt;
use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

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
        // In one piece, so that nothing comes between its lines.
        let _unread = io::stderr().write_all(format!("{self}\n").as_bytes());
        self.exit
    }

    /// The kernel refused `what`, which needs nothing that a user could grant.
    pub fn os(what: impl Into<String>, cause: impl fmt::Display) -> Self {
        Self::new(Exit::Os, what).cause(cause)
    }
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { exit: _, problem, cause, help } = self;
        write!(f, "error: {problem}")?;
        if let Some(cause) = cause {
            write!(f, "\n  caused by: {cause}")?;
        }
        if let Some(help) = help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
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
    fn an_error_without_cause_or_help_is_one_line() {
        assert_eq!(Fatal::new(Exit::Software, "no slot").to_string(), "error: no slot");
    }
}
