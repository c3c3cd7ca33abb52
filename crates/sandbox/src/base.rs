//! What the profile of each role begins with. A daemon gives it a name, a user, and what it needs beyond:
//!
//! ```
//! use orlop_sandbox::base::WORKER;
//! use orlop_sandbox::profile::{Ids, Profile};
//!
//! const PARSER: Profile = Profile { name: "echo-worker", ids: Ids { uid: 64_150, gid: 64_150 }, ..WORKER };
//! assert_eq!(PARSER.incomplete(), None);
//! ```

use crate::profile::{
    APPLIER_SLOTS, BROKER_SLOTS, Ids, JOINT, LISTENER_SLOTS, Landlock, LandlockSpec, Layers, Limits, Need, Profile,
    Role, Root, Slot, WORKER_SLOTS, join,
};
use crate::seccomp::{
    APPLIER_BASE, APPLIER_DENIED, BROKER_BASE, BROKER_DENIED, JOINED_WORKER_BASE, LISTENING_WORKER_BASE,
    LISTENING_WORKER_DENIED, SPEAKING_WORKER_BASE, TIMELESS_WORKER_BASE, UNGRANTED_WORKER_BASE, WORKER_BASE,
    WORKER_DENIED,
};

/// A worker. It lacks a name and a user of its own.
pub const WORKER: Profile = Profile {
    name: "",
    role: Role::Worker,
    ids: ROOT,
    keep: &[],
    slots: &WORKER_SLOTS,
    syscalls: &WORKER_BASE,
    denied: &WORKER_DENIED,
    root: Root::Empty,
    limits: Limits::WORKER,
    landlock: Landlock { need: Need::Prefer, spec: LandlockSpec::Nothing },
    layers: Layers::ALL,
};

/// A worker that is granted connected sockets, and speaks to their peers. It lacks a name and a user of its own.
pub const SPEAKING_WORKER: Profile = Profile { syscalls: &SPEAKING_WORKER_BASE, ..WORKER };

/// A worker that programs of this machine ask, through [listeners](crate::listener) of the machine's own device, and that speaks to
/// the peers of connected sockets. It lacks a name and a user of its own.
pub const LISTENING_WORKER: Profile = Profile {
    slots: &LISTENING_WORKER_SLOTS,
    syscalls: &LISTENING_WORKER_BASE,
    denied: &LISTENING_WORKER_DENIED,
    ..WORKER
};

/// A worker that is granted UDP sockets and has no timer. It lacks a name and a user of its own.
pub const TIMELESS_WORKER: Profile = Profile { syscalls: &TIMELESS_WORKER_BASE, ..WORKER };

/// A worker that is granted nothing and has no timer. It lacks a name and a user of its own.
pub const UNGRANTED_WORKER: Profile = Profile { syscalls: &UNGRANTED_WORKER_BASE, ..WORKER };

/// A worker that is joined to another one. It lacks a name and a user of its own.
pub const JOINED_WORKER: Profile = Profile { slots: &JOINED_WORKER_SLOTS, syscalls: &JOINED_WORKER_BASE, ..WORKER };

/// A broker: uid 0, because what it writes belongs to root, without any of root's powers. It lacks a name.
pub const BROKER: Profile = Profile {
    name: "",
    role: Role::Broker,
    ids: ROOT,
    keep: &[],
    slots: &BROKER_SLOTS,
    syscalls: &BROKER_BASE,
    denied: &BROKER_DENIED,
    root: Root::Keep,
    limits: Limits::BROKER,
    landlock: Landlock { need: Need::Prefer, spec: LandlockSpec::NamedPaths },
    layers: Layers::ALL,
};

/// An applier: uid 0, where no other user will do, with no capability. It lacks a name.
pub const APPLIER: Profile = Profile {
    name: "",
    role: Role::Applier,
    ids: ROOT,
    keep: &[],
    slots: &APPLIER_SLOTS,
    syscalls: &APPLIER_BASE,
    denied: &APPLIER_DENIED,
    root: Root::Empty,
    limits: Limits::WORKER,
    landlock: Landlock { need: Need::Prefer, spec: LandlockSpec::Nothing },
    layers: Layers::ALL,
};

const JOINED_WORKER_SLOTS: [Slot; WORKER_SLOTS.len() + 1] = join(&[&WORKER_SLOTS, &[JOINT]]);

const LISTENING_WORKER_SLOTS: [Slot; WORKER_SLOTS.len() + LISTENER_SLOTS.len()] =
    join(&[&WORKER_SLOTS, &LISTENER_SLOTS]);

const ROOT: Ids = Ids { uid: 0, gid: 0 };
