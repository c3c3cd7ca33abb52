//! Whether the end of a set is the end of the daemon.

use core::fmt;

use crate::fatal::Exit;
use crate::roster::End;
use crate::sys::Waited;

/// How the broker ended, and the first worker that the daemon cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Ended {
    pub(super) broker: Option<Waited>,
    pub(super) worker: Option<Waited>,
}

/// What follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The daemon ends with this code.
    Final(u8),
    /// All are started again.
    Restart,
}

/// How long it has run, as far as its end is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// It ends when its work is done, whatever its age.
    Bounded,
    /// It should run for ever, and has not run for long yet: what is wrong now was wrong from the start.
    Young,
    /// It has been running. Nothing that breaks now, a configuration file included, may end it: it is tried again.
    Proven,
}

impl Ended {
    /// The result of a one-shot run is final. A final code of the broker is, until a service has proven itself. So is a worker that cannot confine
    /// itself: it says so with a code that its own filter forbids once it is confined, so an intruder cannot end the
    /// service with it.
    pub(super) fn verdict(self, age: Age) -> Verdict {
        let of_broker = match (age, exit(self.broker)) {
            (Age::Bounded, Some(exit)) if exit.is_result() => return Verdict::Final(exit.code()),
            (Age::Proven, _) => return Verdict::Restart,
            (Age::Bounded | Age::Young, of_broker) => of_broker.filter(|exit| exit.is_final()),
        };
        let of_worker = exit(self.worker).filter(|exit| matches!(exit, Exit::Permission | Exit::Config));
        match of_broker.or(of_worker) {
            Some(exit) => Verdict::Final(exit.code()),
            None => Verdict::Restart,
        }
    }

    /// The code of a run that failed and is not tried again.
    pub(super) fn code(self) -> u8 {
        exit(self.broker).filter(|exit| !exit.is_result()).unwrap_or(Exit::Software).code()
    }

    pub(super) fn broker(self) -> impl fmt::Display {
        How(self.broker)
    }

    pub(super) fn worker(self) -> impl fmt::Display {
        How(self.worker)
    }
}

fn exit(how: Option<Waited>) -> Option<Exit> {
    match how {
        Some(Waited::Exited(code)) => Exit::from_code(code),
        Some(Waited::Killed(_)) | None => None,
    }
}

struct How(Option<Waited>);

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(waited) => End::from(waited).fmt(f),
            None => f.write_str("not started"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_is_not_tried_again_never_looks_like_a_result() {
        for (what, broker, want) in [
            ("the broker says why", Some(Waited::Exited(71)), 71),
            ("the broker was killed", Some(Waited::Killed(9)), 70),
            ("nothing started", None, 70),
            ("a code of no table", Some(Waited::Exited(42)), 70),
            ("a result that is none", Some(Waited::Exited(0)), 70),
        ] {
            assert_eq!(Ended { broker, worker: None }.code(), want, "{what}");
        }
    }

    #[test]
    fn only_a_final_end_is_the_end() {
        let exited = |code| Some(Waited::Exited(code));
        let killed = Some(Waited::Killed(9));
        for (what, broker, worker, age, want) in [
            ("done", exited(0), killed, Age::Bounded, Verdict::Final(0)),
            ("done, but a service", exited(0), killed, Age::Young, Verdict::Restart),
            ("done, and not all is as asked for", exited(1), killed, Age::Bounded, Verdict::Final(1)),
            ("done, but for a mistake", exited(2), exited(77), Age::Bounded, Verdict::Final(2)),
            ("a result, but a service", exited(1), killed, Age::Young, Verdict::Restart),
            ("not in time", exited(69), killed, Age::Bounded, Verdict::Final(69)),
            ("bad configuration", exited(78), killed, Age::Young, Verdict::Final(78)),
            ("configuration broken while it ran", exited(78), killed, Age::Proven, Verdict::Restart),
            ("bug in the broker", exited(70), killed, Age::Bounded, Verdict::Restart),
            ("broker killed", killed, killed, Age::Young, Verdict::Restart),
            ("worker killed, broker gave up", exited(71), killed, Age::Young, Verdict::Restart),
            ("worker cannot confine itself", exited(71), exited(77), Age::Young, Verdict::Final(77)),
            ("worker claims something else", exited(71), exited(69), Age::Young, Verdict::Restart),
            ("unknown code", exited(42), exited(42), Age::Bounded, Verdict::Restart),
            ("nothing started", None, None, Age::Young, Verdict::Restart),
        ] {
            assert_eq!(Ended { broker, worker }.verdict(age), want, "{what}");
        }
    }
}
