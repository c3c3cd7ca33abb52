//! The descriptors that a process is started with: their numbers, and the tables that all of a role have in common.

use super::{Kind, Slot, Usage};

/// A worker's channel to its broker, and an applier's.
pub const CHANNEL_SLOT: i32 = 3;
/// What joins a worker to another one, where it is joined to one.
pub const JOINT_SLOT: i32 = 4;
/// The first listener of a worker that has some.
pub const FIRST_LISTENER: i32 = 4;
/// Where a broker hears of its workers.
pub const ROSTER_SLOT: i32 = 3;
/// Where a broker says, once, that it has done what it is there for.
pub const READY_SLOT: i32 = 4;
/// The first of the descriptors by which a broker asks for its optional workers, one each, in their order.
pub const FIRST_REQUEST_SLOT: i32 = 5;

impl Slot {
    /// Whether it is what joins a worker to another one.
    pub(crate) fn is_joint(&self) -> bool {
        (self.fd, self.kind) == (JOINT_SLOT, Kind::Channel)
    }
}

/// Of every worker.
pub const WORKER_SLOTS: [Slot; 4] = [
    Slot { fd: 0, kind: Kind::Null, usage: Usage::Placeholder, why: "nothing to read" },
    Slot { fd: 1, kind: Kind::Null, usage: Usage::Placeholder, why: "nothing to print" },
    Slot { fd: 2, kind: Kind::Pipe, usage: Usage::Write, why: "its log, which the broker relays" },
    Slot { fd: CHANNEL_SLOT, kind: Kind::Channel, usage: Usage::Both, why: "requests and notices" },
];

/// What a worker has besides when it is joined to another one.
pub const JOINT: Slot = Slot {
    fd: JOINT_SLOT,
    kind: Kind::Channel,
    usage: Usage::Both,
    why: "what it has to tell the worker that it is joined to",
};

/// What a worker has besides to which programs listen: the numbers of its [UDP listeners](crate::listener), by which its rules
/// name them. They become free when the worker locks itself in, so that the first descriptors that it is granted get them, and they
/// are never free again.
pub const LISTENER_SLOTS: [Slot; 2] = [
    Slot { fd: FIRST_LISTENER, kind: Kind::Null, usage: Usage::Placeholder, why: "the number of its first listener" },
    Slot {
        fd: FIRST_LISTENER + 1,
        kind: Kind::Null,
        usage: Usage::Placeholder,
        why: "the number of its second listener",
    },
];

/// Of every applier.
pub const APPLIER_SLOTS: [Slot; 4] = [
    Slot { fd: 0, kind: Kind::Null, usage: Usage::Placeholder, why: "nothing to read" },
    Slot { fd: 1, kind: Kind::Null, usage: Usage::Placeholder, why: "nothing to print" },
    Slot { fd: 2, kind: Kind::Any, usage: Usage::Write, why: "the broker's log" },
    Slot { fd: CHANNEL_SLOT, kind: Kind::Channel, usage: Usage::Both, why: "jobs and answers" },
];

/// Of every broker; [`request_slot`] adds one for each optional worker.
pub const BROKER_SLOTS: [Slot; 5] = [
    Slot { fd: 0, kind: Kind::Any, usage: Usage::Placeholder, why: "what the container gave us" },
    Slot { fd: 1, kind: Kind::Any, usage: Usage::Write, why: "what the user asked to be printed" },
    Slot { fd: 2, kind: Kind::Any, usage: Usage::Write, why: "the log" },
    Slot { fd: ROSTER_SLOT, kind: Kind::Channel, usage: Usage::Read, why: "its workers, as they are started" },
    Slot { fd: READY_SLOT, kind: Kind::Request, usage: Usage::Write, why: "says, once, that the daemon is ready" },
];

/// The slot by which a broker asks for its `nth` optional worker, from 0.
#[must_use]
pub const fn request_slot(nth: i32) -> Slot {
    Slot { fd: FIRST_REQUEST_SLOT + nth, kind: Kind::Request, usage: Usage::Write, why: "asks for an optional worker" }
}
