//! Whether this process is what the user started, or the broker that the supervisor made of the same program: what a
//! daemon's program asks first.

use std::ffi::OsString;

use orlop_machine::Instant;

use crate::fatal::{Exit, Fatal};
use crate::log;

/// The argument by which a broker knows what it is; its value is the name of the daemon.
pub(super) const BROKER_OF: &str = "--broker-of";
/// The argument by which a broker knows when the daemon was started, in nanoseconds of `CLOCK_BOOTTIME`: a
/// restarted broker keeps the deadline of the first.
pub(super) const STARTED_AT: &str = "--started-at";
/// The argument by which a broker knows how many brokers were there before it.
pub(super) const RESTARTS: &str = "--restarts";

/// Who has started this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// A user: it becomes the supervisor, or only asks something.
    ByUser,
    /// A supervisor: it is the broker.
    AsBroker(Birth),
}

/// What a supervisor tells the broker that it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Birth {
    /// When the daemon was started, which may be several brokers ago.
    pub started: Instant,
    /// How many brokers that is ago.
    pub restarts: u32,
}

impl Started {
    /// Takes the supervisor's own arguments out of the command line, where they follow the program's name.
    ///
    /// # Errors
    /// Somebody wrote them by hand, and wrongly: [`Exit::Usage`].
    pub fn of(line: impl IntoIterator<Item = OsString>) -> Result<(Self, Vec<OsString>), Fatal> {
        let mut line: Vec<OsString> = line.into_iter().collect();
        if line.get(1).and_then(|argument| value(argument, BROKER_OF)).is_none() {
            return Ok((Self::ByUser, line));
        }
        let number = |at: usize, name| line.get(at).and_then(|argument| value(argument, name)?.parse::<u64>().ok());
        let restarts = number(3, RESTARTS).and_then(|restarts| u32::try_from(restarts).ok());
        let Some((nanos, restarts)) = number(2, STARTED_AT).zip(restarts) else {
            let problem = format!("{BROKER_OF}, {STARTED_AT} and {RESTARTS} come from a supervisor");
            return Err(Fatal::new(Exit::Usage, problem).help("run the daemon without them"));
        };
        line.drain(1..4);
        if restarts > 0 {
            log::begin_anew();
        }
        Ok((Self::AsBroker(Birth { started: Instant::from_nanos(nanos), restarts }), line))
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
        let (started, line) =
            of(&["orlop-name", "--broker-of=name", "--started-at=9", "--restarts=2", "--oneshot"]).unwrap();
        assert_eq!(started, Started::AsBroker(Birth { started: Instant::from_nanos(9), restarts: 2 }));
        assert_eq!(line, ["orlop-name", "--oneshot"]);
    }

    #[test]
    fn any_other_line_is_the_users() {
        for line in [&["orlop-name"][..], &["orlop-name", "--oneshot", "--broker-of=name"], &[]] {
            assert_eq!(of(line).unwrap(), (Started::ByUser, line.iter().map(OsString::from).collect()));
        }
    }

    #[test]
    fn half_of_them_is_a_mistake() {
        for line in [
            &["orlop-name", "--broker-of=name"][..],
            &["orlop-name", "--broker-of=name", "--started-at=9"],
            &["orlop-name", "--broker-of=name", "--started-at=x", "--restarts=0"],
            &["orlop-name", "--broker-of=name", "--started-at=9", "--restarts=-1"],
        ] {
            assert_eq!(of(line).unwrap_err().exit, Exit::Usage);
        }
    }
}
