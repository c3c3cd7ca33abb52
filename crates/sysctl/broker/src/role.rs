//! Whether this process is what the user started, or the broker that the supervisor made of the same program.

use std::ffi::OsString;

use orlop_machine::Instant;
use orlop_sandbox::fatal::{Exit, Fatal};
use orlop_sandbox::supervisor::{BROKER_OF, STARTED_AT};

/// What this process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// What the user started: it becomes the supervisor, or only asks something.
    User,
    /// The broker of a pair.
    Broker(Birth),
}

/// What a supervisor tells the broker that it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Birth {
    /// Process id of its worker.
    pub worker: i32,
    /// When the program was started.
    pub started: Instant,
}

impl Role {
    /// Takes the supervisor's own arguments out of the command line, where they follow the program's name.
    ///
    /// # Errors
    /// Somebody wrote them by hand, and wrongly: [`Exit::Usage`].
    pub fn of(line: impl IntoIterator<Item = OsString>) -> Result<(Self, Vec<OsString>), Fatal> {
        let mut line: Vec<OsString> = line.into_iter().collect();
        let Some(worker) = line.get(1).and_then(|argument| value(argument, BROKER_OF)) else {
            return Ok((Self::User, line));
        };
        let started = line.get(2).and_then(|argument| value(argument, STARTED_AT));
        let birth = worker.parse().ok().zip(started.and_then(|nanos| nanos.parse().ok()));
        let Some((worker, nanos)) = birth else {
            return Err(Fatal::new(Exit::Usage, format!("{BROKER_OF} and {STARTED_AT} come from a supervisor"))
                .help("run orlop-sysctl without them"));
        };
        line.drain(1..3);
        Ok((Self::Broker(Birth { worker, started: Instant::from_nanos(nanos) }), line))
    }
}

fn value<'a>(argument: &'a OsString, name: &str) -> Option<&'a str> {
    argument.to_str()?.strip_prefix(name)?.strip_prefix('=')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &[&str]) -> Result<(Role, Vec<OsString>), Fatal> {
        Role::of(line.iter().map(OsString::from))
    }

    #[test]
    fn a_supervisors_arguments_are_taken_out() {
        let (role, line) = of(&["orlop-sysctl", "--broker-of=7", "--started-at=9", "--strict"]).unwrap();
        assert_eq!(role, Role::Broker(Birth { worker: 7, started: Instant::from_nanos(9) }));
        assert_eq!(line, ["orlop-sysctl", "--strict"]);
    }

    #[test]
    fn any_other_line_is_the_users() {
        for line in [&["orlop-sysctl"][..], &["orlop-sysctl", "--strict", "--broker-of=7"], &[]] {
            assert_eq!(of(line).unwrap(), (Role::User, line.iter().map(OsString::from).collect()));
        }
    }

    #[test]
    fn half_of_them_is_a_mistake() {
        for line in [&["orlop-sysctl", "--broker-of=7"][..], &["orlop-sysctl", "--broker-of=x", "--started-at=9"]] {
            assert_eq!(of(line).unwrap_err().exit, Exit::Usage);
        }
    }
}
