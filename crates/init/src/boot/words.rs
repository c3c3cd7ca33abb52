//! What the machine is told, and what it answers.

use crate::condition::Conditions;

/// Which container: its place among all of them.
pub type Id = usize;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// File systems, modules and the rest are there.
    Begin,
    /// The runtime has done its work; the program runs.
    Ready(Id),
    /// The container could not be made.
    Failed(Id, String),
    /// Its first process is gone, and with it all of the container.
    Ended(Id, End),
    /// What has come about of all that a service may wait for.
    Met(Conditions),
    /// Somebody wants the machine to end.
    Asked(Ending),
    /// The instant of [`orlop_machine::Machine::deadline`] has come.
    Deadline,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With this code.
    Exited(u8),
    /// By this signal.
    Killed(i32),
}

/// How the machine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Off.
    PowerOff,
    /// Off and on again.
    Restart,
    /// It stands still and keeps its screen.
    Halt,
}

impl Ending {
    /// As an order.
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::PowerOff => "power off",
            Self::Restart => "restart",
            Self::Halt => "halt",
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make the container and let its program begin. Answered by `Ready` or `Failed`.
    Start(Id),
    /// End the container at once. Answered by `Ended`.
    Kill(Id),
    /// Tell the container's first process to end. Answered by `Ended`, or not.
    Terminate(Id),
    /// Free what onboot container needed: it is over.
    Release(Id),
    /// Look what has come about. Answered by `Met`.
    Look,
    /// Show this on the console.
    Say(String),
    /// Write `boot.json` anew.
    Publish,
    /// Show the time line: onboot is done.
    ShowTimeLine,
    /// End every process, unmount, and end the machine.
    Off(Ending),
}
