//! The attacks as data: what each would mean, how it is made, and how it must end under a worker's full profile.

mod addresses;
mod compat;
mod conversation;
mod devices;
mod files;
mod granted;
mod identity;
mod kernel;
mod landing;
mod memory;
mod neighbours;
mod onlookers;
mod processes;
mod sockets;
mod transmit;

use std::fmt;

use crate::scene::Scene;
use crate::syscall::{Attempt, Errno};

/// One thing a compromised worker would try.
pub struct Attack {
    /// A short name, unique in [`all`].
    pub name: &'static str,
    /// What it would mean for the machine if it succeeded.
    pub means: &'static str,
    /// How it must end under a worker's full profile. [`Target::end`](crate::target::Target::end) has the exceptions.
    pub end: End,
    /// Who decides whether it succeeded.
    pub judge: Judge,
    /// Set where the control is weaker than the attack, and why that is enough (or why there can be none here).
    pub note: Option<&'static str>,
    /// Whether it gets mounts of its own, because it would change everybody's. (Not for all: taking them down takes the kernel long.)
    pub own_mounts: bool,
    /// The attack itself. It runs in a process of its own, after the lock.
    pub run: fn(&Scene) -> Attempt,
}

/// How an attack ends when the sandbox holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// SIGSYS, as `waitpid` saw it.
    Killed,
    /// The call came back with this errno.
    Refused(i32),
    /// The attacker may do it, and it has no effect outside, for the stated reason.
    Contained(&'static str),
    /// It succeeds, and is no attack here: this is what the process is for, as stated.
    Purpose(&'static str),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Killed => f.write_str("killed"),
            Self::Refused(errno) => f.write_str(&Errno(*errno).name()),
            Self::Contained(why) => write!(f, "contained ({why})"),
            Self::Purpose(why) => write!(f, "allowed ({why})"),
        }
    }
}

/// Who decides whether an attack succeeded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Judge {
    /// The kernel: the call succeeded.
    Kernel,
    /// The wire: a frame with this run's mark was captured at the far end, or on the loopback, whatever the call returned.
    Wire,
    /// The same, but only what has left the machine counts.
    Beyond,
    /// The broker: its decoder accepted the message, or took the descriptor.
    Broker,
    /// The supervisor: it saw a status after which it starts no worker any more.
    Supervisor,
}

impl Attack {
    const fn judged_by(mut self, judge: Judge) -> Self {
        self.judge = judge;
        self
    }

    const fn in_own_mounts(mut self) -> Self {
        self.own_mounts = true;
        self
    }

    const fn note(mut self, note: &'static str) -> Self {
        self.note = Some(note);
        self
    }
}

/// Every attack, in the order of the table.
pub fn all() -> impl Iterator<Item = &'static Attack> {
    [
        files::ATTACKS,
        devices::ATTACKS,
        sockets::ATTACKS,
        transmit::ATTACKS,
        granted::ATTACKS,
        landing::ATTACKS,
        processes::ATTACKS,
        neighbours::ATTACKS,
        onlookers::ATTACKS,
        identity::ATTACKS,
        kernel::ATTACKS,
        memory::ATTACKS,
        compat::ATTACKS,
        conversation::ATTACKS,
    ]
    .into_iter()
    .flatten()
}

/// The attack of that name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Attack> {
    all().find(|attack| attack.name == name)
}

const fn attack(name: &'static str, means: &'static str, end: End, run: fn(&Scene) -> Attempt) -> Attack {
    Attack { name, means, end, judge: Judge::Kernel, note: None, own_mounts: false, run }
}

/// The link-layer address of everybody behind an interface.
#[must_use]
pub fn to_everybody(ifindex: i32) -> libc::sockaddr_ll {
    addresses::link(0x0800, ifindex, [0xff; 6])
}

pub use conversation::FINAL_STATUS;
pub use landing::{left_in_queue, pass, receive};
pub use transmit::frame;

/// What the allow-list says to a call it does not know and the deny-list does not name.
const UNKNOWN: End = End::Refused(libc::ENOSYS);

/// An attempt that got through the kernel and still missed its aim.
const MISSED: Errno = Errno(libc::ENODATA);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_attack_has_its_own_name_and_says_what_it_would_mean() {
        let mut names = BTreeSet::new();
        for attack in all() {
            assert!(names.insert(attack.name), "two attacks are called {}", attack.name);
            assert!(attack.means.len() >= 12, "{} does not say what it would mean", attack.name);
        }
    }
}
