//! Whether this process is what the user started, or the broker that the supervisor made of the same program: what a
//! daemon's program asks first.

use std::ffi::OsString;

use orlop_machine::Instant;

use crate::fatal::{Exit, Fatal};

/// The argument by which a broker knows what it is; its value is the worker's process id.
pub(super) const BROKER_OF: &str = "--broker-of";
/// The argument by which a broker knows when the daemon was started, in nanoseconds of `CLOCK_BOOTTIME`: a
/// restarted broker keeps the deadline of the first.
pub(super) const STARTED_AT: &str = "--started-at";

/// Who has started this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// A user: it becomes the supervisor, or only asks something.
    ByUser,
    /// A supervisor: it is the broker of a pair.
    AsBroker(Birth),
}

/// What a supervisor tells the broker that it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Birth {
    /// Process id of its worker.
    pub worker: i32,
    /// When the daemon was started, which may be several brokers ago.
    pub started: Instant,
}

impl Started {
    /// Takes the supervisor's own arguments out of the command line, where they follow the program's name.
    ///
    /// # Errors
    /// Somebody wrote them by hand, and wrongly: [`Exit::Usage`].
    pub fn of(line: impl IntoIterator<Item = OsString>) -> Result<(Self, Vec<OsString>), Fatal> {
        let mut line: Vec<OsString> = line.into_iter().collect();
        let Some(worker) = line.get(1).and_then(|argument| value(argument, BROKER_OF)) else {
            return Ok((Self::ByUser, line));
        };
        let started = line.get(2).and_then(|argument| value(argument, STARTED_AT));
        let birth = worker.parse().ok().zip(started.and_then(|nanos| nanos.parse().ok()));
        let Some((worker, nanos)) = birth else {
            return Err(Fatal::new(Exit::Usage, format!("{BROKER_OF} and {STARTED_AT} come from a supervisor"))
                .help("run the daemon without them"));
        };
        line.drain(1..3);
        Ok((Self::AsBroker(Birth { worker, started: Instant::from_nanos(nanos) }), line))
    }
}

fn value<'a>(argument: &'a OsString, name: &str) -> Option<&'a str> {
    argument.to_str()?.strip_prefix(name)?.strip_prefix('=')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &[&str]) -> Result<(Started, Vec<OsString>), Fatal> {
        Started::of(line.iter().map(OsString::from))
    }

    #[test]
    fn a_supervisors_arguments_are_taken_out() {
        let (started, line) = of(&["orlop-name", "--broker-of=7", "--started-at=9", "--oneshot"]).unwrap();
        assert_eq!(started, Started::AsBroker(Birth { worker: 7, started: Instant::from_nanos(9) }));
        assert_eq!(line, ["orlop-name", "--oneshot"]);
    }

    #[test]
    fn any_other_line_is_the_users() {
        for line in [&["orlop-name"][..], &["orlop-name", "--oneshot", "--broker-of=7"], &[]] {
            assert_eq!(of(line).unwrap(), (Started::ByUser, line.iter().map(OsString::from).collect()));
        }
    }

    #[test]
    fn half_of_them_is_a_mistake() {
        for line in [&["orlop-name", "--broker-of=7"][..], &["orlop-name", "--broker-of=x", "--started-at=9"]] {
            assert_eq!(of(line).unwrap_err().exit, Exit::Usage);
        }
    }
}
